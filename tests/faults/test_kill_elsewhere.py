"""Deletions, purges, rebuilds and starts under kill -9: nothing acknowledged is undone, nothing needs a hand."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from domain.settings import load_settings
from retriever.ledger import SqliteLedger
from retriever.wiring import open_record
from tests.support.encoders import HashingEncoder
from tests.support.ingest_child import append
from tests.support.record_child import holdings
from tests.support.records import prepared

_ROOT = Path(__file__).parents[2]
_START_LIMIT_S = 120.0
_DOCUMENTS_PER_ROUND = 60
_ACTIONS = ("delete", "purge", "rebuild", "start")


@pytest.mark.parametrize("kills", [12, pytest.param(120, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_kills_undo_nothing_and_leave_nothing_to_mend(tmp_path: Path, kills: int) -> None:
    """Each process after a kill finds what was kept, finds nothing that was deleted, and verifies clean by itself."""
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}; repeat with KILL_SEED={seed}")  # noqa: T201  - shown with a failure
    chance = random.Random(seed)
    data, log = tmp_path / "data", tmp_path / "log.jsonl"
    data.mkdir()
    for kill, action in enumerate(islice(cycle(_ACTIONS), kills)):
        append(log, {"committed": _commit(data, first=kill * _DOCUMENTS_PER_ROUND)})
        if action == "start":  # Half of the starts build an index, the others bring one up to the ledger.
            if chance.random() < 0.5:
                shutil.rmtree(data / "index", ignore_errors=True)
            _start_and_kill(tmp_path, chance.uniform(0.2, 2.5))
        else:
            _act_and_kill(tmp_path, action, chance.uniform(0.01, 0.8))
        _check(_entries(log), data)
    with open_record(load_settings(data_dir=data), access="write", encoder=HashingEncoder()) as record:
        append(log, {"opened": holdings(record)})
        record.purge()
        append(log, {"purged": True})
        assert record.verify().clean
    entries = _entries(log)
    _check(entries, data)
    gone = _ids(entries, "committed") - set(_opened(entries)["documents"])
    assert gone
    assert _traces(data, gone) == []


def _commit(data: Path, *, first: int) -> list[str]:
    """Put documents into the ledger that no index has seen yet, each with a word of its own.

    It is the publisher too, which Chroma keeps as it is.
    """
    encoder = HashingEncoder()
    made = [
        prepared(name, f"{_canary(name)} burns at the quay.", f"The lamp of {name} was lit.", publisher=_canary(name))
        for name in (f"{number:05}" for number in range(first, first + _DOCUMENTS_PER_ROUND))
    ]
    ledger = SqliteLedger.open(data / "ledger.db", encoder_id=encoder.encoder_id, dimensions=encoder.dimensions)
    with contextlib.closing(ledger):
        ledger.commit(made)
    return [one.document.header.document_id for one in made]


def _traces(data: Path, document_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return which files below the folder hold the own word of which document, in whatever case."""
    files = {str(file): file.read_bytes().lower() for file in data.rglob("*") if file.is_file()}
    words = [_canary(document_id).lower() for document_id in document_ids]
    return [(name, word) for name, content in files.items() for word in words if word.encode() in content]


def _canary(document_id: str) -> str:
    return f"Xylophone{document_id}quartz"


def _command(folder: Path, action: str) -> list[str]:
    places = (str(folder / name) for name in ("data", "log.jsonl"))
    return [sys.executable, "-m", "tests.support.record_child", *places, action]


def _act_and_kill(folder: Path, action: str, after_s: float) -> None:
    """Kill a child, and what it started, some time after it began to act."""
    before = len(_entries(folder / "log.jsonl"))

    def wait(child: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while len(_entries(folder / "log.jsonl")) == before and child.poll() is None:
            assert time.monotonic() < deadline, (folder / "child.txt").read_text()
            time.sleep(0.01)
        time.sleep(after_s)

    _killed(folder, action, wait)


def _start_and_kill(folder: Path, after_s: float) -> None:
    """Kill a child, and what it started, while it opens the record."""
    _killed(folder, "start", lambda _: time.sleep(after_s))


def _killed(folder: Path, action: str, wait: Callable[["subprocess.Popen[bytes]"], None]) -> None:
    with (folder / "child.txt").open("wb") as output:
        child = subprocess.Popen(
            _command(folder, action), cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait(child)
            assert child.poll() in {None, 0}, (folder / "child.txt").read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):  # It may have come to its end.
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _entries(log: Path) -> list[dict[str, Any]]:
    if not log.exists():
        return []
    # A kill may cut the last line; it was then not acknowledged.
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]


def _opened(entries: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = next(entry["opened"] for entry in reversed(entries) if "opened" in entry)
    return found


def _ids(entries: list[dict[str, Any]], kind: str) -> set[str]:
    """Return the document ids that entries of one kind name, alone or in lists."""
    named = [entry[kind] for entry in entries if kind in entry]
    return {name for names in named for name in (names if isinstance(names, list) else [names])}


def _check(entries: list[dict[str, Any]], data: Path) -> None:
    """Compare what the last process that opened the record found with what went before, and its files with purges."""
    opened = max((at for at, entry in enumerate(entries) if "opened" in entry), default=0)
    purged = max((at for at, entry in enumerate(entries) if "purged" in entry), default=0)
    before = entries[:opened]
    if before:
        found = _opened(entries)
        documents = set(found["documents"])
        lost = _ids(before, "committed") - _ids(before, "deleting") - documents
        assert (lost, documents & _ids(before, "deleted"), found["differences"]) == (set(), set(), [])
        assert found["passages"] == 2 * len(documents)
    assert _traces(data, _ids(entries[:purged], "deleted")) == []
