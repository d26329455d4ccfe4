"""`/mcp`: the tools for agents over streamable HTTP, as the Model Context Protocol has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request, Response
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Message, Receive, Scope, Send

from domain.settings import ServerSettings
from service.api.access import READ, CallerNow
from service.api.json_route import JsonRoute
from service.api.mcp_server import mcp_server
from service.api.mcp_tools import Visit
from service.api.observed import tell_of_answer
from service.api.openai.replies import address_of
from service.api.serving import ServingNow

# JSON-RPC describes itself, by listing its tools.
router = APIRouter(route_class=JsonRoute, include_in_schema=False, dependencies=[READ])


@router.post("/mcp")
@router.post("/mcp/")
async def mcp(request: Request, serving: ServingNow, caller: CallerNow) -> Response:
    """Hand a message over to the protocol, which answers it as JSON or as a stream."""
    request.state.visit = Visit(
        service=serving.service,
        answers=serving.answers,
        caller=caller,
        links=serving.links,
        address=address_of(serving, request),
        tell=lambda answer: tell_of_answer(answer, request),
    )
    return _Exchange(request.app.state.mcp, await request.body())


@asynccontextmanager
async def mcp_exchanges(settings: ServerSettings) -> AsyncIterator[StreamableHTTPSessionManager]:
    """Run the protocol until the block ends."""
    manager = StreamableHTTPSessionManager(
        mcp_server(_visit_of),
        # No sessions: nothing to lose in a restart, and whoever closes a request is known to wait for it no more.
        stateless=True,
        # Streams and not JSON: only they carry progress, and only on them the SDK sees that a client goes away.
        json_response=False,
        # Which hosts and origins may ask is decided for all routes alike, before a request comes here: `Hosts`.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=settings.max_body_bytes,
    )
    async with manager.run():
        yield manager


def _visit_of(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


class _Exchange(Response):
    """A response that the SDK writes, to a body that was read, and bounded, as on all routes."""

    def __init__(self, manager: StreamableHTTPSessionManager, body: bytes) -> None:
        super().__init__()
        self._manager = manager
        self._asked: Message = {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message."""
        unread = [self._asked]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        await self._manager.handle_request(scope, receive_again, send)
