"""Who may do what: every route says which scope it needs, and refuses before it reads a body."""

import hmac
import ipaddress
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response, params
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection

from domain.settings import ServerSettings
from service.api.audit import Audit
from service.api.cross_site import refuse_other_sites
from service.api.links import RUN_PARAMETERS, run_signature_of, signature_of
from service.api.problems import Problem, collection_not_found, too_many_requests
from service.keys import MAIN, KeyFile, Scope

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_HEADER: Final = "authorization"
_LOCAL: Final = "local"
_DOCUMENT: Final = "document_id"  # Of a link to a source, in its path.
_SIGNATURE: Final = "sig"
_BEARER: Final = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="An API key of `dateline keys create`. Not needed where the server asks for none.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent a request.

    Attributes:
        key_id: Of the key; `local` where the server asks for none, `link` behind a signed link.
        collections: Those that it may use; `None` for all.
        limited: Whether the limits of one key count.
    """

    key_id: str
    collections: tuple[str, ...] | None = None
    limited: bool = True

    def opens(self, collection: str) -> bool:
        """Tell whether the caller may use a collection."""
        return self.collections is None or collection in self.collections


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of its caller, as a FastAPI dependency; see `READ`, `WRITE` and `ADMIN`.

    `linked` tells whether a caller without a key comes by a link that was signed with the secret; `everywhere` that the
    route shows what is the key's own, whichever collection the request names.
    Asynchronous though it waits for nothing, as all dependencies here: others cost a turn in a thread.
    """

    scope: Scope
    linked: Callable[[HTTPConnection, bytes], bool] | None = None
    everywhere: bool = False

    async def __call__(self, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        """Nothing is left to do here: `GuardedRoute` has asked. The parameter describes the key in OpenAPI."""


class _Public:
    async def __call__(self) -> None:
        """Ask for nothing."""


def _links_to_source(connection: HTTPConnection, secret: bytes) -> bool:
    wanted = signature_of(secret, collection_of(connection), str(connection.path_params.get(_DOCUMENT, "")))
    return hmac.compare_digest(connection.query_params.get(_SIGNATURE, "").encode(), wanted.encode())


def _links_to_runs(connection: HTTPConnection, secret: bytes) -> bool:
    given = connection.query_params
    named = [(given.get(name), given.get(signature, "")) for name, signature in RUN_PARAMETERS if name in given]
    return bool(named) and all(
        hmac.compare_digest(signature.encode(), run_signature_of(secret, run or "").encode())
        for run, signature in named
    )


READ: Final = Depends(Needs(Scope.READ))
READ_EVERYWHERE: Final = Depends(Needs(Scope.READ, everywhere=True))
READ_OR_LINK: Final = Depends(Needs(Scope.READ, linked=_links_to_source))
READ_OR_RUN_LINK: Final = Depends(Needs(Scope.READ, linked=_links_to_runs))
WRITE: Final = Depends(Needs(Scope.WRITE))
ADMIN: Final = Depends(Needs(Scope.ADMIN))
PUBLIC: Final = Depends(_Public())
"""For what a server shows to everybody: that it lives, and its page."""


class GuardedRoute(APIRoute):
    """A route that cannot be made without saying who may use it."""

    def get_route_handler(self) -> Handler:
        """Ask who calls, then hand the request on; what changes something is written down."""
        needs = needs_of(self.dependencies)
        handle = self.reading(super().get_route_handler())

        async def admitted(request: Request) -> Response:
            if isinstance(needs, Needs):
                access_of(request).admit(request, needs)
            elif not access_of(request).is_open:
                request.state.collection = MAIN  # A stranger does not learn which others there are.
            return await handle(request)

        async def guarded(request: Request) -> Response:
            request.state.route = self.path_format
            if _changes_something(needs, self.methods):
                return await access_of(request).audit.written_down(request, self.path_format, admitted)
            return await admitted(request)

        return guarded

    def reading(self, handle: Handler) -> Handler:
        """Return a handler whose request reads its body as this kind of route does; this one takes none."""

        async def handle_ours(request: Request) -> Response:
            refuse_other_sites(request)
            return await handle(request)

        return handle if self.methods == {"GET"} else handle_ours


def needs_of(dependencies: Sequence[params.Depends]) -> Needs | _Public:
    """Return what the dependencies of a route ask of its caller.

    Raises:
        TypeError: If they ask nothing, not even that anybody may call.
    """
    stated = [one.dependency for one in dependencies if isinstance(one.dependency, Needs | _Public)]
    if not stated:
        raise TypeError("A route must say who may use it: READ, WRITE, ADMIN or PUBLIC")
    return stated[-1]  # The route's own comes after its router's.


def _changes_something(needs: Needs | _Public, methods: set[str] | None) -> bool:
    return isinstance(needs, Needs) and needs.scope is not Scope.READ and methods != {"GET"}


class Access:
    """Admits callers to one server.

    Args:
        settings: Of the server.
        keys: What opens it.
        audit: Where changes are written down.
    """

    def __init__(self, settings: ServerSettings, *, keys: KeyFile, audit: Audit) -> None:
        self.audit = audit
        self.keys = keys
        self.is_open = not keys_required(settings)
        self._per_minute = RateLimitItemPerMinute(settings.requests_per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, connection: HTTPConnection, needs: Needs) -> None:
        """Let a caller in, and leave who it is in the request's state; see `caller_of`.

        Raises:
            Problem: If they may not do what is asked: 401, 403, 404 for a collection that is not theirs, 429.
        """
        given = connection.headers.getlist(_HEADER)
        if self.is_open:
            connection.state.caller = Caller(key_id=_LOCAL, limited=False)
            return
        if needs.linked and not given and (secret := self.keys.secret) and needs.linked(connection, secret):
            connection.state.caller = Caller(key_id="link")
            return
        key = self.keys.find(_token_of(given)) if given else None
        if key is None:
            raise _unknown_key()
        connection.state.caller = Caller(key_id=key.key_id, collections=key.collections)
        self._count(key.key_id)  # Also what is refused below.
        if not key.scope.covers(needs.scope):
            raise _insufficient(needs.scope, key.scope)
        if not needs.everywhere and not key.opens(collection_of(connection)):
            raise collection_not_found()

    def link_secret(self) -> bytes:
        """Return what links to sources are signed with; empty where nobody asks for keys."""
        return b"" if self.is_open else self.keys.secret

    def _count(self, key_id: str) -> None:
        if not self._limiter.hit(self._per_minute, key_id):
            window = self._limiter.get_window_stats(self._per_minute, key_id)
            raise too_many_requests(window.reset_time - time.time())


def collection_of(connection: HTTPConnection) -> str:
    """Return the name of the collection that a request is about."""
    return str(getattr(connection.state, "collection", MAIN))


def access_of(connection: HTTPConnection) -> Access:
    """Return what admits callers to the application that serves a request."""
    access: Access = connection.app.state.access
    return access


async def caller_of(request: Request) -> Caller:
    """Return who sent a request that was admitted."""
    caller: Caller = request.state.caller
    return caller


CallerNow = Annotated[Caller, Depends(caller_of)]


def keys_required(settings: ServerSettings) -> bool:
    """Tell whether a server asks for keys: where other machines reach it, and where it is told to."""
    return settings.keys == "required" or not is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Tell whether an address to bind is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token_of(headers: Sequence[str]) -> str:
    """Return the key in the one `Authorization` header there may be, `""` where it has none."""
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unknown_key() -> Problem:
    return Problem(
        401,
        "This server asks for an API key. Send one that it knows as 'Authorization: Bearer KEY'.",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _insufficient(needed: Scope, has: Scope) -> Problem:
    return Problem(403, f"This needs a key with the scope {needed}; yours has {has}.", code="insufficient_scope")
