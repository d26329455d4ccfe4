"""Checks a Chroma folder in a child process: files that a kill has torn can crash whoever opens them.

Run as `python -m retriever.index_check CHROMA_FOLDER RESULT_FILE`.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECK_TIMEOUT_S: Final = 120.0  # 75 000 passages take a few seconds; one lost in a damaged graph takes for ever.
GRACE_S: Final = 5.0  # For a check that is no longer wanted: killing Chroma while it writes is what breaks it.
POLL_S: Final = 0.05
_TURNS: Final = threading.BoundedSemaphore(os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Chroma opened the folder and lists these passages; a query for everything missed `unreached` of them."""

    ids: frozenset[str]
    unreached: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Chroma cannot use the folder."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The check was given up before it came to a result."""


def check(chroma: Path, *, stop: threading.Event, timeout_s: float = CHECK_TIMEOUT_S) -> Sound | Broken | Stopped:
    """Open a Chroma folder in a child process and read all of it; no other process may have it open.

    As many are checked at once as there are cores: a server may start with hundreds of collections.
    """
    while not _TURNS.acquire(timeout=POLL_S):
        if stop.is_set():
            return Stopped()
    try:
        return _checked(chroma, stop, timeout_s)
    finally:
        _TURNS.release()


def _checked(chroma: Path, stop: threading.Event, timeout_s: float) -> Sound | Broken | Stopped:
    with tempfile.TemporaryDirectory(prefix="dateline-check-") as scratch:
        result = Path(scratch) / "result.json"
        # The folder of the packages is the working folder, so that the child imports the same code as its parent.
        child = subprocess.Popen(
            [sys.executable, "-m", "retriever.index_check", str(chroma.resolve()), str(result)],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        status = _wait(child, stop, timeout_s)
        if status is None:
            return Stopped() if stop.is_set() else Broken(reason=f"the check took longer than {timeout_s:g} s")
        if status < 0:
            return Broken(reason=f"opening it ended the process with signal {-status}")
        try:
            found = json.loads(result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Broken(reason=f"the check failed with exit status {status}")
    if "error" in found:
        return Broken(reason=str(found["error"]))
    return Sound(ids=frozenset(found["ids"]), unreached=frozenset(found["unreached"]))


def _wait(child: subprocess.Popen[bytes], stop: threading.Event, timeout_s: float) -> int | None:
    """Return the exit status; `None` if the child had to be killed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if stop.is_set():
            deadline = min(deadline, time.monotonic() + GRACE_S)
        try:
            return child.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue
    child.kill()
    child.wait()
    return None


def main(chroma: Path, result: Path) -> None:
    """Write what the folder holds, or why it cannot be read, as JSON into `result`."""
    from retriever.chroma_index import all_ids, open_collection, unreached_ids  # noqa: PLC0415  - numpy after the lock

    # A check whose parent was killed may still be running, and two processes on one folder damage it.
    with (chroma.parent / ".check.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not chroma.is_dir():
                raise FileNotFoundError(chroma)  # noqa: TRY301  - reported like Chroma's own failures
            client, collection = open_collection(chroma, create=False)
            found = {"ids": sorted(all_ids(collection)), "unreached": sorted(unreached_ids(collection))}
            client.close()
        except BaseException as exc:  # noqa: BLE001  - whatever it is, including a Rust panic, it is the result
            found = {"error": f"{type(exc).__name__}: {exc}"}  # type: ignore[dict-item]
        result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
