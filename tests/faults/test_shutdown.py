"""A server told to stop while it answers and reads: the answer ends whole, the rest goes on at the next start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.chat_endpoint import Wire, chat_endpoint

_DATELINE = Path(sys.executable).with_name("dateline")
_PATIENCE_S = 120.0
_TEXT = "The governor said that the northern bridge would open in June."
_QUESTION = {"question": "When will the northern bridge open?"}


def test_a_stream_ends_whole_and_uploads_go_on_after_the_next_start(tmp_path: Path) -> None:
    """SIGTERM comes while a model writes and 10 documents wait: exit 0, the answer is whole, none is lost."""
    with chat_endpoint(_slowly) as model:
        with _serving(tmp_path, model.base_url) as (process, client):
            _read(client, _TEXT)
            with client.stream("POST", "/v1/ask", json=_QUESTION, headers={"Accept": "text/event-stream"}) as stream:
                lines = stream.iter_lines()
                begun = next(line for line in lines if line == "event: evidence")
                jobs = [_send(client, f"Road {number} of the valley is closed.") for number in range(10)]
                process.send_signal(signal.SIGTERM)
                names = [line for line in (begun, *lines) if line.startswith("event: ")]
            assert (names[-1], process.wait(_PATIENCE_S)) == ("event: done", 0)
        with _serving(tmp_path, model.base_url) as (_, client):
            states = [_ended(client, job) for job in jobs]
            listed = client.get("/v1/documents").json()["total"]

    assert (set(states), listed) == ({"done"}, 11)


def _slowly(wire: Wire) -> None:
    wire.open_stream()
    for piece in ('{"sentences": [{"text": "', "The northern bridge ", "would open in June.", '", "ids": ["E1"]}]}'):
        wire.delta(piece)
        wire.hang(0.7)
    wire.end_stream()


@contextmanager
def _serving(folder: Path, model_url: str) -> "Iterator[tuple[subprocess.Popen[str], httpx.Client]]":
    environment = {
        **os.environ,
        "DATELINE_DATA_DIR": str(folder),
        "DATELINE_CHAT__MODEL": "openai:scripted",
        "DATELINE_CHAT__BASE_URL": model_url,
        "DATELINE_CHAT__API_KEY": "none",
    }
    with (folder / "server.txt").open("a") as log:
        process = subprocess.Popen(
            [str(_DATELINE), "serve", "--port", "0"], stderr=subprocess.PIPE, stdout=log, env=environment, text=True
        )
    assert process.stderr is not None
    try:
        address = next(line.split()[-1] for line in process.stderr if line.startswith("Serving on "))
        with httpx.Client(base_url=address, timeout=_PATIENCE_S) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _send(client: httpx.Client, text: str) -> str:
    job = client.post("/v1/documents", json={"text": text})
    assert job.status_code == 202
    return str(job.json()["job_id"])


def _read(client: httpx.Client, text: str) -> None:
    assert _ended(client, _send(client, text)) == "done"


def _ended(client: httpx.Client, job_id: str) -> str:
    deadline = time.monotonic() + _PATIENCE_S
    while (state := str(client.get(f"/v1/jobs/{job_id}").json()["state"])) in {"queued", "running"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return state
