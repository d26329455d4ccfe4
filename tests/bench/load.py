"""Many clients at once: `python -m tests.bench.load`, over the samples and a stand-in for a chat model.

The stand-in writes 20 tokens a second. First one client asks alone, which is the baseline; then 50 ask again and again
for two minutes; then 200 do, of whom the server takes as many as it may. Prints errors, the time to the first
event, and the time to a refusal.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import numpy as np

_ROOT: Final = Path(__file__).parents[2]
_DATELINE: Final = Path(sys.executable).with_name("dateline")
_TOKEN_S: Final = 1 / 20
_TOKENS: Final = 100
_RETRY_S: Final = 2.0  # What Retry-After says.
_CASES: Final = ("fact", "comparison")


@dataclass(kw_only=True)
class Seen:
    """What clients saw: seconds to the first event of answers, and to refusals; what else happened."""

    first_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def main(*, clients: int, seconds: float, crowd: int) -> None:
    """Run all three and print what was seen."""
    questions = _questions()
    async with _model() as model_url:
        with tempfile.TemporaryDirectory() as folder, _serving(Path(folder), model_url, streams=clients) as url:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
                for question in questions[:3]:  # What is read from disk once.
                    await _ask(client, question, Seen())
                alone = Seen()
                for question in questions[:20]:
                    await _ask(client, question, alone)
                _print("alone", alone)
                many = Seen()
                until = time.monotonic() + seconds
                await asyncio.gather(*(_ask_on(client, questions, many, number, until) for number in range(clients)))
                _print(f"{clients} clients, {seconds:g} s", many)
                crowded = Seen()
                until = time.monotonic() + seconds / 4
                await asyncio.gather(*(_ask_on(client, questions, crowded, number, until) for number in range(crowd)))
                _print(f"{crowd} clients, {seconds / 4:g} s", crowded)
    added = np.percentile(many.first_s, 99) - np.percentile(alone.first_s, 99)
    print(f"first event, p99: {added * 1000:+.0f} ms above one alone")  # noqa: T201  - the result


async def _ask_on(client: httpx.AsyncClient, questions: list[str], seen: Seen, number: int, until: float) -> None:
    await asyncio.sleep(number * 0.1)  # People do not begin at the same moment.
    while time.monotonic() < until:
        if not await _ask(client, questions[number % len(questions)], seen):
            await asyncio.sleep(_RETRY_S)
        number += 1


async def _ask(client: httpx.AsyncClient, question: str, seen: Seen) -> bool:
    """Ask, and return whether the server took the question."""
    begun, last = time.perf_counter(), ""
    try:
        stream = client.stream("POST", "/v1/ask", json={"question": question}, headers={"Accept": "text/event-stream"})
        async with stream as response:
            if response.status_code in {429, 503}:
                seen.refused_s.append(time.perf_counter() - begun)
                return False
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    if not last:
                        seen.first_s.append(time.perf_counter() - begun)
                    last = line
    except httpx.HTTPError as error:
        seen.errors.append(repr(error))
        return True
    if last != "event: done":
        seen.errors.append(f"{response.status_code} {last}")
    return True


def _print(name: str, seen: Seen) -> None:
    parts = [f"{name}: {len(seen.first_s)} answers, {len(seen.refused_s)} refused, {len(seen.errors)} errors"]
    for what, took in (("first event", seen.first_s), ("refusal", seen.refused_s)):
        if took:
            p50, p99 = np.percentile(took, [50, 99]) * 1000
            parts.append(f"{what} p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print("; ".join(parts), *seen.errors[:3], sep="\n  ", flush=True)  # noqa: T201  - the result


def _questions() -> list[str]:
    lines = [
        json.loads(line)
        for name in _CASES
        for line in (_ROOT / "eval/suites/sample/cases" / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    return [case["question"] for case in lines if case.get("answerable", True) and "history" not in case]


@contextmanager
def _serving(folder: Path, model_url: str, *, streams: int) -> Iterator[str]:
    environment = {
        **os.environ,
        "DATELINE_DATA_DIR": str(folder / "record"),
        "DATELINE_CHAT__MODEL": "openai:stand-in",
        "DATELINE_CHAT__BASE_URL": model_url,
        "DATELINE_CHAT__API_KEY": "none",
        "DATELINE_SERVER__MAX_STREAMS": str(streams),
    }
    subprocess.run([str(_DATELINE), "ingest", str(_ROOT / "samples")], env=environment, check=True, capture_output=True)
    process = subprocess.Popen(
        [str(_DATELINE), "serve", "--port", "0"], stderr=subprocess.PIPE, env=environment, text=True
    )
    assert process.stderr is not None
    try:
        yield next(line.split()[-1] for line in process.stderr if line.startswith("Serving on "))
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


@asynccontextmanager
async def _model() -> AsyncIterator[str]:
    """Serve what an OpenAI-compatible endpoint would stream, at 20 tokens a second."""
    server = await asyncio.start_server(_write, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def _write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for piece in _pieces():
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in"}
            choice = {"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}
            writer.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
            await writer.drain()
            await asyncio.sleep(_TOKEN_S)
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
    writer.close()


def _pieces() -> Iterator[str]:
    """Yield a reply of which no sentence will be supported, so that each is checked and the record is quoted."""
    sentence = (
        '{"text": "The harbour of the valley was closed for several days by the council", "evidence_ids": ["E1"]}'
    )
    reply = '{"sentences": [' + ", ".join([sentence] * 4) + "]}"
    size = -(-len(reply) // _TOKENS)
    yield from (reply[start : start + size] for start in range(0, len(reply), size))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--crowd", type=int, default=200)
    asyncio.run(main(**vars(parser.parse_args())))
