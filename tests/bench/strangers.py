"""What strangers can learn and spoil: `python -m tests.bench.strangers`, over the samples and without a model.

First keys that are wrong at their end against keys that are wrong at their beginning, in turn: whoever could tell them
apart by time could guess a key piece by piece. Beside it stands the same of two kinds that are both wrong at the
beginning, which is the noise. Then searches of one client, alone and beside a crowd that stalls in heads, in bodies
and in reading. Every figure is a ratio within one run.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np

from tests.support.raw_sockets import connected, get, post, response_on, status_of

_ROOT: Final = Path(__file__).parents[2]
_DATELINE: Final = Path(sys.executable).with_name("dateline")
_DRIP_S: Final = 1.0
_WARM_UP: Final = 200

Address = tuple[str, int]


def main(*, tries: int, searches: int, crowd: int) -> None:
    """Measure both and print the ratios."""
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as (address, key):
        _print_keys(address, key, tries)
        _print_crowd(address, key, searches, crowd)


def _print_keys(address: Address, key: str, tries: int) -> None:
    other = "A" if key[-1] != "A" else "B"
    kinds = {
        "wrong at the end": key[:-1] + other,
        "wrong at the beginning": "dl_" + "".join(reversed(key[3:])),
        "wrong at the beginning, too": "dl_" + key[4:] + other,
    }
    requests = [get("/v1/documents", f"Authorization: Bearer {one}") for one in kinds.values()]
    with connected(address) as connection:
        took = np.array([[_timed(connection, request, 401) for request in requests] for _ in range(tries)])
    end, beginning, again = np.median(took[_WARM_UP:], axis=0) * 1000
    _print(
        f"keys: {tries} tries each; median {end:.3f} ms wrong at the end, {beginning:.3f} ms wrong at the beginning: "
        f"ratio {end / beginning:.3f}; of two that are wrong at the beginning {again / beginning:.3f}"
    )


def _print_crowd(address: Address, key: str, searches: int, crowd: int) -> None:
    request = post("/v1/search", json.dumps({"query": "port expansion"}).encode(), f"Authorization: Bearer {key}")
    with connected(address) as connection:
        for _ in range(_WARM_UP):
            _timed(connection, request, 200)
        alone = [_timed(connection, request, 200) for _ in range(searches)]
        with _stalling(address, key, crowd):
            beside = [_timed(connection, request, 200) for _ in range(searches)]
    (p50, p99), (p50_beside, p99_beside) = (np.percentile(took, [50, 99]) * 1000 for took in (alone, beside))
    _print(
        f"search: {searches} alone p50 {p50:.1f} ms, p99 {p99:.1f} ms; beside {crowd} that stall "
        f"p50 {p50_beside:.1f} ms, p99 {p99_beside:.1f} ms: ratio of p99 {p99_beside / p99:.2f}"
    )


def _timed(connection: socket.socket, request: bytes, status: int) -> float:
    begun = time.perf_counter()
    connection.sendall(request)
    response = response_on(connection)
    took = time.perf_counter() - begun
    if status_of(response) != status:
        sys.exit(f"{status_of(response)} came, not {status}: {response!r}")
    return took


@contextmanager
def _stalling(address: Address, key: str, crowd: int) -> Iterator[None]:
    """Connections that begin something and then send a byte a second, or read nothing."""
    known = f"Authorization: Bearer {key}"
    starts = (
        (b"GET /v1/documents HTTP/1.1\r\nHost: localhost\r\nX: ", b"y"),
        (post("/v1/ask", b'{"question": "', known, length=900), b"a"),
        (post("/v1/documents", b'{"text": "', known, length=900), b"a"),
        (get("/v1/documents?limit=500", known) * 50, b""),
    )
    stopping = threading.Event()
    with ExitStack() as closing:
        connections = [(closing.enter_context(connected(address)), starts[one % len(starts)]) for one in range(crowd)]
        for connection, (start, _) in connections:
            connection.sendall(start)
        drips = [(connection, part) for connection, (_, part) in connections if part]
        thread = threading.Thread(target=_drip, args=(drips, stopping))
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def _drip(drips: Sequence[tuple[socket.socket, bytes]], stopping: threading.Event) -> None:
    while not stopping.wait(_DRIP_S):
        for connection, part in drips:
            with suppress(OSError):  # The server has left it.
                connection.sendall(part)


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[Address, str]]:
    """`dateline serve` over the samples, with a key that may ask as often as it likes."""
    environment = {
        **os.environ,
        "DATELINE_DATA_DIR": str(folder / "record"),
        "DATELINE_CHAT__MODEL": "extractive",
        "DATELINE_SERVER__KEYS": "required",
        "DATELINE_SERVER__REQUESTS_PER_MINUTE": "1000000",
    }
    subprocess.run([str(_DATELINE), "ingest", str(_ROOT / "samples")], env=environment, check=True, capture_output=True)
    made = subprocess.run(
        [str(_DATELINE), "keys", "create", "--name", "bench", "--scope", "write", "--json"],
        env=environment,
        check=True,
        capture_output=True,
    )
    process = subprocess.Popen(
        [str(_DATELINE), "serve", "--port", "0"], stderr=subprocess.PIPE, env=environment, text=True
    )
    assert process.stderr is not None
    try:
        url = next(line.split()[-1] for line in process.stderr if line.startswith("Serving on "))
        yield ("127.0.0.1", int(url.rpartition(":")[2])), json.loads(made.stdout)["key"]
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  - the result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=5000)
    parser.add_argument("--searches", type=int, default=2000)
    parser.add_argument("--crowd", type=int, default=200)
    main(**vars(parser.parse_args()))
