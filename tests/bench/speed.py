"""Ingest and answering speed on a real record, against LangChain's plain path on the same text in the same run.

Each part runs in a process of its own, so that seconds and peak memory are its own. Prints JSON.
"""

import argparse
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

DATELINE = Path(sys.executable).with_name("dateline")
SET = Path("dev/realtimeqa_2022gold")


def main() -> None:
    """Measure what was asked for and print one JSON object."""
    options = _options()
    folder = options.datasets / SET
    if not folder.is_dir():
        sys.exit(f"{folder} is not there; give --datasets the folder that holds {SET}")
    result: dict[str, Any] = {"documents": options.documents or "all", "cpus": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        corpus = _corpus(folder / "corpus.jsonl.gz", Path(work), options.documents)
        result["paragraphs"] = _paragraphs(corpus)
        data = options.data or Path(work) / "data"
        result["dateline"] = _measured(
            [str(DATELINE), "--data-dir", str(data), "ingest", "--json", str(corpus)], result["paragraphs"]
        )
        if not options.no_baseline:
            plain = [sys.executable, "-m", "tests.bench.langchain_plain", str(corpus), str(Path(work) / "chroma")]
            result["langchain_plain"] = _measured(plain, result["paragraphs"])
            result["speedup"] = result["dateline"]["paragraphs_per_s"] / result["langchain_plain"]["paragraphs_per_s"]
        texts = _questions(folder / "questions.jsonl.gz")
        result["ask"] = _ask(data, texts[: options.questions])
        if options.written:
            result["written"] = _write(data, texts[: options.written])
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--documents", type=int, help="only the first N documents, for both")
    parser.add_argument("--questions", type=int, default=200, help="questions asked")
    parser.add_argument("--written", type=int, default=0, help="of them asked once more with the local model")
    parser.add_argument("--data", type=Path, help="keep the record here; ingesting it again measures only the check")
    parser.add_argument("--work", type=Path, help="where temporary files go")
    parser.add_argument("--no-baseline", action="store_true", help="leave out LangChain's plain path")
    return parser.parse_args()


def _corpus(source: Path, work: Path, documents: int | None) -> Path:
    copy = work / "corpus.jsonl"
    with gzip.open(source, "rt", encoding="utf-8") as lines, copy.open("w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            if documents is None or number < documents:
                out.write(line)
    return copy


def _paragraphs(corpus: Path) -> int:
    with corpus.open(encoding="utf-8") as lines:
        return sum(bool(block.strip()) for line in lines for block in json.loads(line)["text"].split("\n\n"))


def _measured(command: list[str], paragraphs: int) -> dict[str, Any]:
    """Run to the end; seconds and the largest resident memory of the process and its children together."""
    start = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(0.2)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command[0]} failed with exit code {process.returncode}")
    return {
        "seconds": round(seconds, 1),
        "paragraphs_per_s": round(paragraphs / seconds, 1),
        "peak_memory_mb": round(peak / 1e6),
    }


def _resident(process: psutil.Process) -> int:
    total = 0
    for one in (process, *_children(process)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children


def _questions(source: Path) -> list[str]:
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["question"] for line in lines]


def _ask(data: Path, texts: Sequence[str]) -> dict[str, Any]:
    with _server(data) as (client, process, ready_s):
        for text in texts[:5]:  # The first questions fill caches; a server that has just begun is not what is measured.
            client.post("/v1/ask", json={"question": text, "mode": "extractive"}).raise_for_status()
        seconds, answered = [], 0
        for text in texts:
            start = time.perf_counter()
            reply = client.post("/v1/ask", json={"question": text, "mode": "extractive"}).raise_for_status().json()
            seconds.append(time.perf_counter() - start)
            answered += reply["kind"] == "answer"
        memory = _resident(process)
    return {
        "questions": len(texts),
        "answered": answered,
        "ready_s": round(ready_s, 2),
        "p50_ms": _percentile_ms(seconds, 50),
        "p95_ms": _percentile_ms(seconds, 95),
        "server_memory_mb": round(memory / 1e6),
    }


def _write(data: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Ask for written answers as streams: how soon the first verified words are there, and how soon all of them."""
    with _server(data, chat="auto") as (client, _, _):
        for text in texts[:3]:  # For the caches.
            _streamed(client, text)
        told = [_streamed(client, text) for text in texts]
    first = [times["evidence"] for times, answer in told if answer["kind"] == "answer"]
    whole = [times["done"] for times, _ in told]
    return {
        "questions": len(texts),
        "kinds": Counter(answer["mode"] or answer["kind"] for _, answer in told),
        "first_words_p50_ms": _percentile_ms(first, 50),
        "first_words_p95_ms": _percentile_ms(first, 95),
        "p50_ms": _percentile_ms(whole, 50),
        "p95_ms": _percentile_ms(whole, 95),
    }


def _percentile_ms(seconds: Sequence[float], percent: int) -> float | None:
    return round(float(np.percentile(seconds, percent)) * 1e3, 1) if seconds else None


def _streamed(client: httpx.Client, question: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return when each kind of event came first, in seconds, and the answer."""
    times: dict[str, float] = {}
    name, start = "", time.perf_counter()
    with client.stream(
        "POST", "/v1/ask", json={"question": question}, headers={"Accept": "text/event-stream"}
    ) as response:
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
                times.setdefault(name, time.perf_counter() - start)
            elif name == "done" and line.startswith("data: "):
                answer: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return times, answer
    sys.exit(f"The answer to {question!r} broke off")


@contextmanager
def _server(data: Path, *, chat: str = "extractive") -> Iterator[tuple[httpx.Client, psutil.Process, float]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(DATELINE), "--data-dir", str(data), "serve", "--port", str(port)]
    environment = {**os.environ, "DATELINE_CHAT__MODEL": chat}
    start = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while not _is_ready(client):
                if process.poll() is not None:
                    sys.exit(f"The server ended with exit code {process.returncode}")
                time.sleep(0.05)
            yield client, process, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
