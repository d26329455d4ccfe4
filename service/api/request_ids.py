"""Gives every request an id, and turns what no handler expected into a plain 500."""

import logging
import re
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem_of

_TAKEN_OVER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")  # Goes into headers and logs unescaped.

_log = logging.getLogger(__name__)


class RequestIds:
    """Middleware: `X-Request-ID` on every response, the client's own where it is a plain one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            _log.exception("request %s failed unexpectedly", request_id)
            if started:
                raise  # The server closes the connection, so that half a body does not look whole.
            await problem_of(error).response()(scope, receive, send_with_id)


def _given(scope: Scope) -> str | None:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _TAKEN_OVER.fullmatch(given) else None
