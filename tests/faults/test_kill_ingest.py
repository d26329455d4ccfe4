"""Ingestion under kill -9: nothing acknowledged is lost, nothing is there twice, nothing needs a hand."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_START_LIMIT_S = 120.0
_DOCUMENTS_PER_ROUND = 60


@pytest.mark.parametrize("kills", [15, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_kills_lose_and_repeat_nothing(tmp_path: Path, kills: int) -> None:
    """Each process that follows a kill finds every acknowledged document once, whole, and its indexes healed."""
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}; repeat with KILL_SEED={seed}")  # noqa: T201  - shown with a failure
    chance = random.Random(seed)
    sources, log = tmp_path / "sources", tmp_path / "log.jsonl"
    sources.mkdir()
    for kill in range(kills):
        _write_documents(sources, first=kill * _DOCUMENTS_PER_ROUND)
        _run_and_kill(tmp_path, after_s=chance.uniform(0.02, 1.2))
        _check(_entries(log))
    finished = _run_to_the_end(tmp_path)
    last = _opened(_run_to_the_end(tmp_path))
    assert finished[-1]["finished"]["failed"] == 0
    assert len(last["documents"]) == kills * _DOCUMENTS_PER_ROUND
    assert last["passages"] == last["vectors"] == 2 * kills * _DOCUMENTS_PER_ROUND


def _write_documents(folder: Path, *, first: int) -> None:
    for number in range(first, first + _DOCUMENTS_PER_ROUND):
        text = (
            f"Road {number} is closed to all traffic, the council of valley {number} said.\n\nIt opens on day {number}."
        )
        (folder / f"{number:06}.txt").write_text(text)


def _command(folder: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "tests.support.ingest_child",
        *(str(folder / name) for name in ("data", "sources", "log.jsonl")),
    ]


def _run_and_kill(folder: Path, *, after_s: float) -> None:
    """Kill a child, and what it started, some time after it began to ingest."""
    before = len(_entries(folder / "log.jsonl"))
    with (folder / "child.txt").open("wb") as output:
        child = subprocess.Popen(
            _command(folder), cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            deadline = time.monotonic() + _START_LIMIT_S
            while len(_entries(folder / "log.jsonl")) == before and child.poll() is None:
                assert time.monotonic() < deadline, (folder / "child.txt").read_text()
                time.sleep(0.01)
            time.sleep(after_s)
            assert child.poll() in {None, 0}, (folder / "child.txt").read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):  # It may have come to its end.
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _run_to_the_end(folder: Path) -> list[dict[str, Any]]:
    before = len(_entries(folder / "log.jsonl"))
    done = subprocess.run(_command(folder), cwd=_ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    entries = _entries(folder / "log.jsonl")
    _check(entries)
    return entries[before:]


def _entries(log: Path) -> list[dict[str, Any]]:
    if not log.exists():
        return []
    # A kill may cut the last line; it was then not acknowledged.
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]


def _opened(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return next(entry["opened"] for entry in reversed(entries) if "opened" in entry)


def _check(entries: list[dict[str, Any]]) -> None:
    """Compare what the last process found with what the ones before it acknowledged."""
    last = max(at for at, entry in enumerate(entries) if "opened" in entry)
    found = entries[last]["opened"]
    acknowledged = [name for entry in entries[:last] for name in entry.get("acknowledged", [])]
    assert set(acknowledged) <= set(found["documents"])
    assert len(acknowledged) == len(set(acknowledged))
    assert {key: found[key] for key in ("repeated", "altered", "inexact", "differences", "versions")} == {
        "repeated": [],
        "altered": [],
        "inexact": [],
        "differences": [],
        "versions": 1,
    }
    assert found["passages"] == found["vectors"]
