"""Pages of other sites in somebody's browser: which may call, and what those that may not are told."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers

from service.api.problems import Problem, other_site

_ANY: Final = "*"


class Cors(CORSMiddleware):
    """Middleware: lets pages of the named origins read answers. Starlette's, with refusals in our form."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks before it sends."""
        told = super().preflight_response(request_headers)
        if told.status_code == HTTPStatus.OK:
            return told
        refused = Problem(400, f"{bytes(told.body).decode()}.", code="cors_not_allowed").response()
        for name, value in told.headers.items():
            refused.headers.setdefault(name, value)
        return refused


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site can send from somebody's browser without asking: forms, and no body at all.

    Raises:
        Problem: If the request has an origin that is neither this server's nor one of `server.cors_origins`.
    """
    origin = request.headers.get("origin")
    allowed = request.app.state.settings.server.cors_origins
    if origin is None or origin in allowed or _ANY in allowed:
        return
    if urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise other_site()
