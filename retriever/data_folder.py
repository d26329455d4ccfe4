"""The folder that holds one record, and the lock that admits one writer to it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import RecordBusyError, StorageError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where the parts of one record are.

    ```text
    ledger.db   the truth: documents, passages, vectors, jobs, answers
    index/      projections of it, in generations
    .lock       held by the one process that writes
    ```
    """

    root: Path

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.root / "ledger.db"

    @property
    def index_root(self) -> Path:
        """Folder of the index generations."""
        return self.root / "index"

    @property
    def lock(self) -> Path:
        """File whose lock the writing process holds; it contains that process's id."""
        return self.root / ".lock"

    def create(self) -> None:
        """Make the folder, readable by its owner only; leave one that exists as it is.

        Raises:
            StorageError: If it cannot be made, or may not be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise _unusable(self, exc.strerror or str(exc)) from exc
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise _unusable(self, "it may not be written")


@contextmanager
def writer_lock(folder: DataFolder) -> Iterator[None]:
    """Hold the right to write `folder`; the operating system takes it back when the process dies.

    Raises:
        RecordBusyError: If another process, or another part of this one, holds it.
        StorageError: If the lock file cannot be made.
    """
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise _unusable(folder, exc.strerror or str(exc)) from exc
    try:
        _lock(folder, descriptor)
        # The id only helps people; on a full disk the lock is held without it.
        with contextlib.suppress(OSError):
            _write(descriptor, f"{os.getpid()}\n")
        yield
    finally:
        # Closing releases the lock. The file stays: removing it would let two processes lock two different files.
        os.close(descriptor)


def _lock(folder: DataFolder, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        named = f"process {holder}" if holder.isdecimal() else "another process"
        raise RecordBusyError(
            f"The data folder {str(folder.root)!r} is being written by {named}",
            hint="Wait until it has finished, or use the HTTP API of the server that runs on this folder.",
        ) from exc
    except OSError as exc:
        raise _unusable(folder, f"it cannot be locked: {exc.strerror or exc}") from exc


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode("ascii"), 0)


def _unusable(folder: DataFolder, why: str) -> StorageError:
    return StorageError(
        f"The data folder {str(folder.root)!r} cannot be used: {why}",
        hint="Free space or change its permissions, or choose another folder with --data-dir or DATELINE_DATA_DIR.",
    )
