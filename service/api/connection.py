"""Connections as a server must have them that strangers reach: those that stall end, and errors have our form.

uvicorn's own waits for ever: for the rest of a header, for a reader that does not read, for what follows a request
that was answered before it was whole. Here the client owes two things, each in `idle_s` seconds: the whole head of a
request, from its first byte on, and to take some of what waits for it. What it owes of a body, `service.api.idle` sees.
"""

import asyncio
import fcntl
import re
import socket
import struct
import termios
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.json_response import json_bytes
from service.api.problems import Problem

_MOST_HEAD_BYTES: Final = 2 * 1024 * 1024  # A header of 1 MB is still told what is wrong with it.
_MOST_HEADERS: Final = 200  # Twice what common servers take.
_LONGEST_TARGET: Final = 16 * 1024
_ABSOLUTE: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")

_NOT_HTTP: Final = Problem(400, "This is no HTTP request that can be understood.", code="invalid_http")
_TOO_LONG: Final = Problem(414, f"The address is longer than {_LONGEST_TARGET} bytes.", code="uri_too_long")
_TOO_MUCH: Final = Problem(
    431,
    f"The headers have more than {_MOST_HEADERS} lines or {_MOST_HEAD_BYTES} bytes.",
    code="headers_too_large",
)


class Connection(HttpToolsProtocol):
    """One client's connection.

    Attributes:
        idle_s: How long the client may owe something.
    """

    idle_s: float = 20.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head = _Alarm(self.loop, self._head_is_late)
        self._taking = _Alarm(self.loop, self._taking_is_late)
        self._not_taken = 0  # Bytes that waited for the client when it was last looked at.
        self._pending = 0  # Bytes that came and are no part of a body, nor of a head that is whole.
        self._problem = _NOT_HTTP
        self._answered: RequestResponseCycle | None = None  # uvicorn keeps the request that came last.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first head its time."""
        super().connection_made(transport)
        # asyncio does it only for sockets that name their protocol; ours, bound before, do not. Without it the body of
        # a response waits 40 ms for the client's acknowledgement of its head.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Whatever waits for the client counts, also the last few bytes, on which closing waits.
        transport.set_write_buffer_limits(high=0)
        self._head.set(self.idle_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._head.stop()
        self._taking.stop()
        self._tell_application()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes; outside of a request it is the beginning of the next one, whatever it is."""
        self._pending += len(data)
        super().data_received(data)
        if self._pending > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_TOO_MUCH)
        if not self.transport.is_closing() and not self._is_answering() and not self._head.is_set:
            self._head.set(self.idle_s)

    def on_message_begin(self) -> None:
        """Give a head its time."""
        super().on_message_begin()
        self._head.set(self.idle_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless there are too many; trailers come here, too."""
        if len(self.headers) >= _MOST_HEADERS:
            self._problem = _TOO_MUCH
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer; the body has a time of its own."""
        self._head.stop()
        self._pending = 0
        if len(self.url) > _LONGEST_TARGET:
            self._problem = _TOO_LONG
            raise ValueError("too long")
        self._name_the_host_once()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin anew."""
        self._pending = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give the client time to take what waits for it."""
        super().pause_writing()
        self._not_taken = _waiting_bytes(self.transport)
        self._taking.set(self.idle_s)

    def resume_writing(self) -> None:
        """Go on: the client has taken everything."""
        self._taking.stop()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        del msg
        self._refuse(self._problem)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self, problem: Problem) -> None:
        # In the middle of an answer, what is written would be taken for a part of it.
        if self._answered is None or self._answered.response_complete or not self._answered.response_started:
            self.transport.write(_response(problem))
        self._tell_application()
        self.transport.close()

    def _is_answering(self) -> bool:
        return self._answered is not None and not self._answered.response_complete

    def _leave(self) -> None:
        self._tell_application()
        self.transport.abort()

    def _tell_application(self) -> None:
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def _name_the_host_once(self) -> None:
        """Let the host of a whole address, as proxies are sent, count as the header `Host` does (RFC 9112, 3.2.2)."""
        named = _ABSOLUTE.match(self.url)
        if named is not None:
            self.headers[:] = [(name, named[1] if name == b"host" else value) for name, value in self.headers]

    def _head_is_late(self) -> None:
        if self.flow.read_paused:  # It is we who do not read: an earlier request is still being answered.
            self._head.set(self.idle_s)
        else:
            self._leave()

    def _taking_is_late(self) -> None:
        before, self._not_taken = self._not_taken, _waiting_bytes(self.transport)
        if self._not_taken < before:
            self._taking.set(self.idle_s)
        else:
            self._leave()


class _Alarm:
    """Calls something once, after a while, unless it is stopped or set anew."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether it will call."""
        return self._handle is not None

    def set(self, seconds: float) -> None:
        """Call in `seconds` from now."""
        self.stop()
        self._handle = self._loop.call_later(seconds, self._ring)

    def stop(self) -> None:
        """Do not call."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._call()


def _waiting_bytes(transport: asyncio.Transport) -> int:
    """Return how much waits for the client: here, and with the system, which holds megabytes before it wants more."""
    waiting = transport.get_write_buffer_size()
    try:
        held = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:  # Systems other than Linux do not say it of sockets.
        return waiting
    return waiting + int(struct.unpack("i", held)[0])


def _response(problem: Problem) -> bytes:
    body = json_bytes(problem.body)
    head = (
        f"HTTP/1.1 {problem.status_code} {HTTPStatus(problem.status_code).phrase}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nx-request-id: {uuid.uuid4().hex}\r\n"
        "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
