"""`dateline mcp`: the record's tools for one agent, over standard input and output."""

import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from cli.options import DataDir
from cli.startup import start
from cli.terminal import note

if TYPE_CHECKING:
    from domain.answers import Answer
    from domain.settings import ServerSettings
    from service.wiring import OpenService

_CHUNK_BYTES: Final = 65_536

_log = logging.getLogger(__name__)


def mcp_command(*, data_dir: DataDir = None) -> None:
    """Serve the record to an agent, over pipes (MCP).

    The tools ask, search and get_source of the Model Context Protocol, over standard input and output, for an agent
    that starts this command itself. Ends with its input. Works beside a running server.
    """
    import asyncio

    settings = start(data_dir)
    from service.wiring import open_service

    with open_service(settings, access="read") as service:
        if sys.stdin.isatty():
            note("This command is for an agent to start, see docs/clients.md. Ctrl-C ends it.")
        asyncio.run(_serve(service, settings.server))


async def _serve(service: "OpenService", settings: "ServerSettings") -> None:
    from mcp.server.stdio import stdio_server

    from service.api.access import Caller
    from service.api.links import Links
    from service.api.mcp_server import mcp_server
    from service.api.mcp_tools import Visit
    from service.api.running import RunningAnswers

    answers = RunningAnswers(settings)
    # Whoever may start the command may read the record.
    caller = Caller(key_id="local", limited=False)
    visit = Visit(service=service, answers=answers, caller=caller, links=Links(), address=str, tell=_tell)
    server = mcp_server(lambda _: visit)
    try:
        # The SDK only goes through the lines. Its own reading of them cannot be cancelled, so Ctrl-C would hang.
        lines = cast("Any", _lines_of(sys.stdin.fileno()))
        # Meanwhile what anything else prints goes to standard error: the SDK keeps standard output for itself.
        async with stdio_server(stdin=lines) as (messages, replies):
            await server.run(messages, replies, server.create_initialization_options())
    except* BrokenPipeError:
        pass  # The agent has gone, and does not hear of it.
    finally:
        await answers.drain()


def _tell(answer: "Answer") -> None:
    from service.logs import log_event

    log_event(_log, "answer", {"answer_id": answer.answer_id, "ms": round(answer.trace.timings_ms.get("total", 0.0))})


async def _lines_of(descriptor: int) -> AsyncIterator[str]:
    """Yield lines as they come; they are read in a thread that is left behind when nobody waits for them any more."""
    import asyncio

    loop = asyncio.get_running_loop()
    read: asyncio.Queue[bytes | None] = asyncio.Queue()

    def work() -> None:
        with suppress(RuntimeError):  # The loop is closed: the command ends.
            for line in _split(descriptor):
                loop.call_soon_threadsafe(read.put_nowait, line)
            loop.call_soon_threadsafe(read.put_nowait, None)

    threading.Thread(target=work, name="standard-input", daemon=True).start()
    while (line := await read.get()) is not None:
        yield line.decode("utf-8", "replace")


def _split(descriptor: int) -> Iterator[bytes]:
    # Not through sys.stdin: Python waits for its lock when it exits.
    rest = b""
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
