"""Who changed what: a line of JSON for every request that writes, in a file beside the record."""

import json
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response

from service.api.problems import problem_of
from service.keys import MAIN

FILE: Final = "audit.jsonl"
_ENDLESS: Final = (401, 429)  # Of strangers, and of those who are told to slow down, there would be no end.

_log = logging.getLogger(__name__)


class Audit:
    """The file of changes; only ever written at its end.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    async def written_down(
        self, request: Request, route: str, change: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Make a change, and write down who asked for it and what became of it."""
        try:
            response = await change(request)
        except Exception as error:
            self._write(request, route, problem_of(error).status_code)
            raise
        self._write(request, route, response.status_code, job=response.headers.get("location"))
        return response

    def _write(self, request: Request, route: str, status: int, *, job: str | None = None) -> None:
        if status in _ENDLESS:
            return
        caller = getattr(request.state, "caller", None)
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": request.state.request_id,
            "key_id": None if caller is None else caller.key_id,
            "collection": getattr(request.state, "collection", MAIN),
            "action": f"{request.method} {route}",
            "target": request.path_params or None,
            "job": job,
            "status": status,
        }
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:  # What was changed is changed.
            _log.error("the audit line of request %s is not written: %s", line["request_id"], error)
