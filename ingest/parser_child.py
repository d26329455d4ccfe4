"""The process in which documents are read: `python -m ingest.parser_child MEMORY_MB TIMEOUT_S`.

Takes sources from standard input and answers on standard output, one frame each, until its input ends. Whatever a
document makes a library do – loop, fill the memory, crash – ends this process and no other.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from domain.errors import IngestError
from ingest.frames import LENGTHS, READY, framed, reply_of, reply_of_error, source_from
from ingest.parsed import ParsedDocument, RawSource
from ingest.reading import read_source

Read = Callable[[RawSource], tuple[ParsedDocument, ...]]

_GRACE_S = 5.0
_DENIED = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
    }
)


def serve(read: Read = read_source, *, memory_mb: int, timeout_s: float) -> None:
    """Answer requests until there are no more; memory that a parser may not have ends the process."""
    requests, replies = _private_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.addaudithook(_deny_outside)
    _limit(memory_mb)
    _send(replies, {READY: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}, [])
    while (source := _next_source(requests)) is not None:
        # A parent that was killed cannot kill; the kernel's default action needs no co-operation of a busy library.
        signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)
        header, texts = _answer(read, source)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(replies, header, texts)
        if header.get("error", {}).get("reason") == "parser_memory":
            return  # What could not be allocated may be missing somewhere; a fresh process goes on.


def _answer(read: Read, source: RawSource) -> tuple[dict[str, Any], list[bytes]]:
    try:
        return reply_of(read(source))
    except IngestError as error:
        return reply_of_error(error), []
    except MemoryError:
        failure = IngestError(
            f"Reading {source.name!r} needs more memory than a parser may have",
            reason="parser_memory",
            hint="Split the file, or raise ingest.parser_memory_mb.",
        )
    except RecursionError:
        failure = IngestError(
            f"{source.name!r} is nested too deeply to be read",
            reason="too_deep",
            hint="Save it again with the program that made it, or as plain text.",
        )
    except Exception as error:  # noqa: BLE001  - the process boundary: any parser bug is one source's failure
        failure = IngestError(
            f"{source.name!r} cannot be read: {type(error).__name__}: {str(error)[:200]}",
            reason="parser_failed",
            hint="Save it again with the program that made it, or as plain text.",
        )
    return reply_of_error(failure), []


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol to descriptors of its own, so that what libraries print cannot get into it."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _limit(memory_mb: int) -> None:
    limits = {
        # Interpreter and libraries come on top: the setting bounds what documents cost.
        resource.RLIMIT_AS: _address_space() + memory_mb * 1024 * 1024,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:  # Not Linux.
        return 0


def _deny_outside(event: str, arguments: tuple[object, ...]) -> None:
    del arguments
    if event in _DENIED:
        raise PermissionError(f"A parser may not do {event}: what documents name is never fetched or run")


def _next_source(requests: BinaryIO) -> RawSource | None:
    prefix = requests.read(LENGTHS.size)
    if len(prefix) < LENGTHS.size:
        return None
    header_bytes, body_bytes = LENGTHS.unpack(prefix)
    header, content = requests.read(header_bytes), requests.read(body_bytes)
    return source_from(json.loads(header), content) if len(content) == body_bytes else None


def _send(replies: BinaryIO, header: dict[str, Any], texts: Iterable[bytes]) -> None:
    texts = list(texts)
    replies.write(framed(header, sum(map(len, texts))))
    replies.writelines(texts)
    replies.flush()


if __name__ == "__main__":
    serve(memory_mb=int(sys.argv[1]), timeout_s=float(sys.argv[2]))
