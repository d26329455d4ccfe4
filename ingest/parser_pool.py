"""Parsers as processes that can be killed: a document that makes one hang, swell or crash harms nothing else."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from domain.errors import IngestError
from domain.settings import IngestSettings
from ingest.frames import (
    LENGTHS,
    READY,
    FrameError,
    Lengths,
    documents_from,
    framed,
    header_of_request,
    lengths_of,
)
from ingest.parsed import ParsedDocument, RawSource

CHILD: Final = (sys.executable, "-m", "ingest.parser_child")
_START_TIMEOUT_S: Final = 60.0  # Starting reads some 20 MB of code from a disk that may be cold.
_SOURCES_PER_CHILD: Final = 5000  # Libraries keep caches; a fresh process is cheaper than finding them all.
_CHUNK: Final = 1 << 18
# What a Python process needs to start and to find its libraries; keys and tokens are not among it.
_HANDED_DOWN: Final = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"}
)


class ParserPool:
    """Reads sources in child processes, which are started when first needed and reused.

    As many run as callers parse at the same time. Safe to use from several threads.

    Args:
        settings: Limits of size, time and memory.
        command: What starts a child; it is given the memory limit in MB and the time limit in seconds.
    """

    def __init__(self, settings: IngestSettings, *, command: Sequence[str] = CHILD) -> None:
        self._settings = settings
        self._command = (*command, str(settings.parser_memory_mb), str(settings.parser_timeout_s))
        self._lock = threading.Lock()
        self._idle: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the children; a later `parse` starts new ones."""
        with self._lock:
            children, self._idle = self._idle, []
        for child in children:
            child.kill()

    def parse(self, source: RawSource) -> tuple[ParsedDocument, ...]:
        """Read a source.

        Raises:
            IngestError: If it cannot be read: `too_large`, `parser_timeout`, `parser_memory`, `parser_crashed`,
                `parser_unavailable` when no child can be started, or the reader's own reasons.
        """
        limit = self._settings.max_source_bytes
        if len(source.content) > limit:
            raise IngestError(
                f"{source.name!r} has {len(source.content):,} bytes, more than the {limit:,} that are read",
                reason="too_large",
                hint="Split it, or raise ingest.max_source_bytes.",
            )
        child = self._take()
        is_fresh = child.served == 0
        try:
            return self._parse_with(child, source)
        except IngestError as error:
            # What ends a child that has read others before may be what they left behind.
            if is_fresh or error.reason not in {"parser_memory", "parser_crashed"}:
                raise
        return self._parse_with(self._started(), source)

    def _take(self) -> "_Child":
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._started()

    def _started(self) -> "_Child":
        child = _Child(self._command)
        try:
            child.greet(time.monotonic() + _START_TIMEOUT_S)
        except (_TooSlow, _Ended, FrameError) as error:
            child.kill()
            raise IngestError(
                f"The parser process did not start: {error}; exit status {child.status}",
                reason="parser_unavailable",
                hint=f"Try '{' '.join(self._command)} </dev/null' and repair the installation.",
            ) from error
        except BaseException:
            child.kill()
            raise
        return child

    def _parse_with(self, child: "_Child", source: RawSource) -> tuple[ParsedDocument, ...]:
        deadline = time.monotonic() + self._settings.parser_timeout_s
        try:
            header, body = child.exchange(header_of_request(source), source.content, deadline)
            documents = documents_from(header, body)
        except IngestError as error:
            self._give_back(child, is_usable=error.reason != "parser_memory")
            raise
        except (_TooSlow, _Ended, FrameError) as error:
            child.kill()
            raise self._failure(source, child, error) from error
        except BaseException:  # An interrupt leaves half an exchange behind.
            child.kill()
            raise
        self._give_back(child, is_usable=True)
        return documents

    def _give_back(self, child: "_Child", *, is_usable: bool) -> None:
        child.served += 1
        if not is_usable or child.served >= _SOURCES_PER_CHILD:
            child.kill()
            return
        with self._lock:
            self._idle.append(child)

    def _failure(self, source: RawSource, child: "_Child", error: Exception) -> IngestError:
        if isinstance(error, _TooSlow):
            return IngestError(
                f"Reading {source.name!r} took longer than {self._settings.parser_timeout_s:g} s and was stopped",
                reason="parser_timeout",
                hint="Split the file, or raise ingest.parser_timeout_s.",
            )
        if child.was_short_of_memory(self._settings.parser_memory_mb):
            return IngestError(
                f"Reading {source.name!r} needs more memory than a parser may have",
                reason="parser_memory",
                hint="Split the file, or raise ingest.parser_memory_mb.",
            )
        return IngestError(
            f"Reading {source.name!r} ended the parser process ({error}; exit status {child.status})",
            reason="parser_crashed",
            hint="Save the file again with the program that made it, or as plain text; if it is large, raise "
            "ingest.parser_memory_mb.",
        )


class _TooSlow(Exception):  # noqa: N818  - an outcome between two classes of this module
    """The deadline passed."""


class _Ended(Exception):  # noqa: N818  - an outcome between two classes of this module
    """The child closed its side."""


class _Child:
    """One process and the two pipes to it."""

    def __init__(self, command: Sequence[str]) -> None:
        # The folder of the packages is the working folder, so that the child imports the same code as its parent.
        self._process = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parents[1],
            env={name: value for name, value in os.environ.items() if name in _HANDED_DOWN},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101  - as asked for above
        assert self._process.stdout is not None  # noqa: S101  - as asked for above
        self._requests = self._process.stdin
        self._replies = self._process.stdout
        self._peak = self._peak_before = 0
        self.served = 0
        for pipe in (self._requests, self._replies):
            os.set_blocking(pipe.fileno(), False)

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; `None` while it runs."""
        return self._process.returncode

    def exchange(self, header: dict[str, Any], content: bytes, deadline: float) -> tuple[dict[str, Any], memoryview]:
        """Send a request and return the header and body of the reply.

        Raises:
            _TooSlow: When the deadline, in monotonic seconds, passes first.
            _Ended: When the child ends first.
            FrameError: When what it says is no reply.
        """
        return self._converse([memoryview(framed(header, len(content))), memoryview(content)], deadline)

    def greet(self, deadline: float) -> None:
        """Wait until the child says that it is ready; raises as `exchange` does."""
        header, _ = self._converse([], deadline)
        if not isinstance(header.get(READY), int):
            raise FrameError(f"a greeting of {header!r:.100}")
        self._peak_before = header[READY]

    def kill(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            # Not Popen.kill, which reaps a process that has ended and forgets what it had used.
            os.kill(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                _, status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._peak = usage.ru_maxrss
        self._replies.close()
        self._requests.close()

    def was_short_of_memory(self, limit_mb: int) -> bool:
        """Tell whether the ended process had used most of what it was allowed; libraries crash where it runs out.

        Linux counts what the parent used when it started the child as the child's. If that is more, this is not known.
        """
        peak_kb = self._peak // (1024 if sys.platform == "darwin" else 1)
        return self._peak > self._peak_before and peak_kb > limit_mb * 1024 * 0.8

    def _converse(self, sending: list[memoryview], deadline: float) -> tuple[dict[str, Any], memoryview]:
        incoming = _Incoming()
        pending = [view for view in sending if len(view)]
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            if pending:
                selector.register(self._requests, selectors.EVENT_WRITE)
            while not incoming.is_complete:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready and time.monotonic() >= deadline:
                    raise _TooSlow
                for key, _ in ready:
                    if key.fileobj is self._replies:
                        self._receive(incoming)
                    elif not self._send(pending):
                        selector.unregister(self._requests)
        if pending:
            raise FrameError("a reply to half a request")
        return incoming.header(), incoming.body()

    def _send(self, pending: list[memoryview]) -> bool:
        """Write what the pipe takes; tell whether there is more to write."""
        try:
            written = os.write(self._requests.fileno(), pending[0][:_CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False  # Its end shows on the other pipe, behind what it may still have said.
        pending[0] = pending[0][written:]
        if not len(pending[0]):
            del pending[0]
        return bool(pending)

    def _receive(self, incoming: "_Incoming") -> None:
        try:
            chunk = os.read(self._replies.fileno(), _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            raise _Ended("it closed the connection")
        incoming.add(chunk)


class _Incoming:
    """The bytes of one reply as they arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lengths: Lengths | None = None

    def add(self, chunk: bytes) -> None:
        """Take in what was read; raises `FrameError` for more than one reply."""
        self._bytes += chunk
        if self._lengths is None and len(self._bytes) >= LENGTHS.size:
            self._lengths = lengths_of(bytes(self._bytes[: LENGTHS.size]))
        if self._lengths is not None and len(self._bytes) > LENGTHS.size + self._lengths.total:
            raise FrameError("more than one reply")

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there."""
        return self._lengths is not None and len(self._bytes) == LENGTHS.size + self._lengths.total

    def header(self) -> dict[str, Any]:
        """Return the header of the complete reply."""
        try:
            header = json.loads(self._view(0, self._header_bytes))
        except ValueError as error:
            raise FrameError("a reply without a readable header") from error
        if not isinstance(header, dict):
            raise FrameError("a reply whose header is no object")
        return header

    def body(self) -> memoryview:
        """Return the body of the complete reply."""
        return memoryview(self._bytes)[LENGTHS.size + self._header_bytes :]

    @property
    def _header_bytes(self) -> int:
        return 0 if self._lengths is None else self._lengths.header

    def _view(self, start: int, end: int) -> bytes:
        return bytes(self._bytes[LENGTHS.size + start : LENGTHS.size + end])
