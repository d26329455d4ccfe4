"""`/mcp`: the tools for agents over streamable HTTP, as the Model Context Protocol has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request, Response
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Message, Receive, Scope, Send

from service.api.json_route import JsonRoute
from service.api.mcp_server import mcp_server
from service.api.serving import Serving

router = APIRouter(route_class=JsonRoute, include_in_schema=False)  # JSON-RPC describes itself, by listing its tools.


@router.post("/mcp")
@router.post("/mcp/")
async def mcp(request: Request) -> Response:
    """Hand a message over to the protocol, which answers it as JSON or as a stream."""
    return _Exchange(request.app.state.mcp, await request.body())


@asynccontextmanager
async def mcp_exchanges(serving: Serving) -> AsyncIterator[StreamableHTTPSessionManager]:
    """Run the protocol over an open service until the block ends."""
    manager = StreamableHTTPSessionManager(
        mcp_server(serving.service, serving.answers),
        # No sessions: nothing to lose in a restart, and whoever closes a request is known to wait for it no more.
        stateless=True,
        # Streams and not JSON: only they carry progress, and only on them the SDK sees that a client goes away.
        json_response=False,
        # Which hosts and origins may ask is decided for all routes alike, before a request comes here.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=serving.settings.server.max_body_bytes,
    )
    async with manager.run():
        yield manager


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
