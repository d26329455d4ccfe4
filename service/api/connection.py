"""Connections as a server must have them that strangers reach: those that stall end, and errors have our form."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.json_response import json_bytes
from service.api.problems import Problem

_NOT_HTTP: Final = Problem(400, "This is no HTTP request that can be understood.", code="invalid_http")


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which by itself waits for ever: for the rest of a header, for a reader that does not read.

    Attributes:
        idle_s: How long either may take.
    """

    idle_s: float = 20.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first header its time."""
        super().connection_made(transport)
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Give a header its time."""
        super().on_message_begin()
        self._start()

    def on_headers_complete(self) -> None:
        """Go on; the body has a time of its own, see `service.api.idle`."""
        self._stop()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Give the reader time: what waits for it is more than the connection holds."""
        super().pause_writing()
        self._start()

    def resume_writing(self) -> None:
        """Go on: the reader has taken it."""
        self._stop()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        del msg
        body = json_bytes(_NOT_HTTP.body)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _start(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.idle_s, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
