"""A server that is killed while uploads wait: each ends once, whatever was being done to it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 300.0


@pytest.mark.parametrize(
    ("uploads", "kills"), [(200, 2), pytest.param(200, 12, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_every_upload_ends_once_after_kills(tmp_path: Path, uploads: int, kills: int) -> None:
    """Every job is done or failed with a reason, and every document is there once."""
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}; repeat with KILL_SEED={seed}")  # noqa: T201  - shown with a failure
    chance = random.Random(seed)
    jobs: list[str] = []
    with _Server(tmp_path) as server:
        for number in range(uploads):
            content = b"%PDF-1.7 nothing" if number % 20 == 7 else f"Road {number} of the valley is closed.".encode()
            response = httpx.post(f"{server.url}/v1/documents", files={"file": (f"{number}.txt", content)})
            assert response.status_code == 202
            jobs.append(response.json()["job_id"])
        assert httpx.get(f"{server.url}/v1/jobs/{jobs[-1]}").json()["state"] == "queued"
    for _ in range(kills - 1):
        with _Server(tmp_path):
            time.sleep(chance.uniform(0.1, 3.0))

    with _Server(tmp_path) as server:
        ended = [_ended(server.url, job) for job in jobs]
        texts = _texts(server.url)

    states = [job["state"] for job in ended]
    assert {state for number, state in enumerate(states) if number % 20 != 7} == {"done"}
    assert all(job["reason"]["code"] == "damaged_file" for job in ended if job["state"] == "failed")
    assert states.count("failed") == uploads // 20
    assert len(texts) == len(set(texts)) == states.count("done")


class _Server:
    """`dateline serve` over a folder, killed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""

    def __enter__(self) -> Self:
        with (self._folder / "server.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.upload_server", str(self._folder / "data")],
                cwd=_ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{told['port']}"
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:  # Waits, and closes the pipe.
            pass


def _ended(url: str, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        job: dict[str, Any] = httpx.get(f"{url}/v1/jobs/{job_id}").json()
        if job["state"] in {"done", "failed"}:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def _texts(url: str) -> list[str]:
    listed = httpx.get(f"{url}/v1/documents", params={"limit": 500}).json()
    return [httpx.get(f"{url}/v1/documents/{one['document_id']}").json()["text"] for one in listed["documents"]]
