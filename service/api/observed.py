"""What an operator learns of a request and of an answer: a line in the log, and figures."""

import logging
import time
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.answers import Answer
from service.api.metrics import Metrics, kind_of
from service.keys import MAIN
from service.logs import log_event

_NO_ROUTE: Final = "none"  # Paths that lead nowhere are without number.

_log = logging.getLogger(__name__)


class Observed:
    """Middleware: counts every request, and logs it when its response has ended."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 500, time.perf_counter()

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            self._tell(scope, status, time.perf_counter() - begun)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope.get("state", {})
        route, caller = state.get("route", _NO_ROUTE), state.get("caller")
        self._metrics.requested(method=scope["method"], route=route, status=status, seconds=seconds)
        fields = {
            "request_id": state.get("request_id"),
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "key_id": None if caller is None else caller.key_id,
            "collection": state.get("collection", MAIN),
        }
        log_event(_log, "request", fields)


def tell_of_answer(answer: Answer, request: Request) -> None:
    """Log and count an answer; its question is logged only where the operator wants that."""
    metrics: Metrics = request.app.state.metrics
    metrics.answered(answer)
    kind, reason = kind_of(answer)
    fields = {
        "request_id": request.state.request_id,
        "answer_id": answer.answer_id,
        "kind": kind,
        "reason": reason or None,
        "passages": len(answer.trace.passages),
        "ms": round(answer.trace.timings_ms.get("total", 0.0), 1),
        "question": answer.question.text if request.app.state.settings.server.log_questions else None,
    }
    log_event(_log, "answer", fields)
