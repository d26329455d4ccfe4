"""Refuses requests for another host than this server: pages elsewhere could reach it under a name of theirs."""

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.settings import ServerSettings
from service.api.access import is_loopback
from service.api.problems import bad_host

_ANY: Final = "*"
_OF_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")
_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class Hosts:
    """Middleware: one well-formed `Host` header with a name of this server, or 400.

    Starlette's own answers in plain text, and does not look at the form.
    """

    def __init__(self, app: ASGIApp, *, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not self._is_ours(Headers(scope=scope).getlist("host")):
            await bad_host().response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, given: list[str]) -> bool:
        named = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        return named is not None and (_ANY in self._allowed or named["name"].lower() in self._allowed)


def hosts_of(settings: ServerSettings) -> tuple[str, ...]:
    """Return the names under which a server answers."""
    if settings.allowed_hosts:
        return settings.allowed_hosts
    return _OF_THIS_MACHINE if is_loopback(settings.host) else (_ANY,)
