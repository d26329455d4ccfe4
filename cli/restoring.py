"""Puts a backup in the place of a ledger that is missing or damaged."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from domain.errors import RecordDamagedError, RecordError, StorageError
from domain.settings import Settings
from retriever.data_folder import DataFolder, writer_lock
from retriever.encoder import encoder_identity
from retriever.ledger import SqliteLedger

_LOGS = ("-wal", "-shm")  # SQLite's companions of a ledger; beside another file they would be replayed into it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    Attributes:
        kept_aside: Name of the file that the damaged ledger now has; `None` where there was none.
    """

    documents: int
    kept_aside: str | None


def restore(backup: Path, settings: Settings) -> Restored:
    """Restore the ledger of `settings.data_dir` from `backup`.

    Raises:
        RecordError: If the ledger is sound, or `backup` is not a sound one.
        RecordBusyError: If another process writes the record.
        RecordMismatchError: If either was made by another encoder or a newer Dateline.
        StorageError: If the folder cannot be written.
    """
    folder = DataFolder(settings.data_dir)
    folder.create()
    with writer_lock(folder):
        _refuse_to_replace(folder.ledger, settings)
        draft = folder.root / "ledger.restoring"
        try:
            _copy_durably(backup, draft)
            documents = _documents_in(draft, settings, named=backup)
            kept_aside = _move_aside(folder.ledger)
            # The indexes belong to the ledger that was lost. They go first: a ledger without indexes is complete.
            shutil.rmtree(folder.index_root, ignore_errors=True)
            draft.replace(folder.ledger)
            _sync(folder.root)
        finally:
            draft.unlink(missing_ok=True)
    return Restored(documents=documents, kept_aside=kept_aside)


def _refuse_to_replace(ledger: Path, settings: Settings) -> None:
    if not ledger.exists() or not ledger.stat().st_size:
        return
    try:
        faults, _ = _examine(ledger, settings)
    except RecordDamagedError:
        return
    if not faults:
        raise RecordError(
            f"The ledger {str(ledger)!r} is sound, and is not replaced",
            hint="Name a new folder with --data-dir to look into the backup.",
        )


def _documents_in(draft: Path, settings: Settings, *, named: Path) -> int:
    try:
        faults, documents = _examine(draft, settings)
    except RecordDamagedError as error:
        faults, documents = (error.message,), 0
    if faults:
        raise RecordError(f"{str(named)!r} is no sound backup: {faults[0]}", hint="Use another one.")
    return documents


def _examine(ledger: Path, settings: Settings) -> tuple[tuple[str, ...], int]:
    """Return the faults of a ledger, and how many documents it holds."""
    encoder_id, dimensions = encoder_identity(settings.models)
    opened = SqliteLedger.open(ledger, encoder_id=encoder_id, dimensions=dimensions, read_only=True)
    try:
        faults = opened.check_integrity()
        return faults, 0 if faults else opened.counts().documents
    finally:
        opened.close()


def _copy_durably(backup: Path, draft: Path) -> None:
    try:
        source = backup.open("rb")
    except OSError as error:
        raise RecordError(f"The backup {str(backup)!r} cannot be read: {error.strerror or error}") from error
    with source:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise StorageError(
                f"The backup cannot be copied to {str(draft)!r}: {error.strerror or error}",
                hint="See that it is a file, and that there is room for it.",
            ) from error


def _move_aside(ledger: Path) -> str | None:
    """Rename what is left of a ledger, so that nothing is lost and no old log is replayed into the new one."""
    number = 1
    while any(_aside(ledger, number, suffix).exists() for suffix in ("", *_LOGS)):
        number += 1
    there = [suffix for suffix in ("", *_LOGS) if ledger.with_name(ledger.name + suffix).exists()]
    for suffix in there:
        ledger.with_name(ledger.name + suffix).rename(_aside(ledger, number, suffix))
    return _aside(ledger, number, "").name if "" in there else None


def _aside(ledger: Path, number: int, suffix: str) -> Path:
    return ledger.with_name(f"{ledger.name}.damaged-{number}{suffix}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
