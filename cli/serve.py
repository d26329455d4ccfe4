"""`dateline serve`: the HTTP API on one address."""

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import DataDir
from cli.startup import start
from cli.terminal import note
from domain.errors import ConfigurationError, DatelineError, PortTakenError

if TYPE_CHECKING:
    from domain.settings import Settings

_SWITCH_S: Final = 0.001  # How long a thread may keep Python's lock from others; requests wait for it several times.


def serve_command(
    *,
    host: Annotated[str | None, typer.Option(help="Address to bind; loopback unless set.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to bind; 8000 unless set, 0 takes a free one.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the HTTP API.

    Runs until Ctrl-C or SIGTERM. Holds the record for writing; other commands can read it meanwhile. Where other
    machines reach it, it asks for API keys, which 'dateline keys create' makes.
    """
    import asyncio

    settings = _with_address(start(data_dir, serves=True), host=host, port=port)
    host, port = settings.server.host, settings.server.port
    with _bound(host, port) as listening:
        _require_keys(settings)
        asyncio.run(_serve(settings, listening))


def _require_keys(settings: "Settings") -> None:
    """Refuse to start where keys are asked for and nobody has one."""
    from service.api.access import keys_required
    from service.keys import KeyFile

    keys = KeyFile(settings.data_dir).keys
    if keys_required(settings.server) and not any(key.revoked is None for key in keys):
        raise ConfigurationError(
            "This server asks for API keys, and there is none",
            hint="Make one with 'dateline keys create --name NAME', or bind 127.0.0.1.",
        )


def _with_address(settings: "Settings", *, host: str | None, port: int | None) -> "Settings":
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return settings.model_copy(update={"server": settings.server.model_copy(update=given)})


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address before anything is opened: the commonest failure is then told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise _unusable_address(host, port, error) from error
    with listening:
        yield listening


def _unusable_address(host: str, port: int, error: OSError) -> DatelineError:
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"Port {port} on {host} is taken by another program",
            hint="Stop that program, or choose another port with --port; 0 takes a free one.",
        )
    if error.errno == errno.EACCES:
        return PortTakenError(f"Port {port} on {host} may not be used", hint="Choose a port above 1023 with --port.")
    return ConfigurationError(
        f"The address {host!r} cannot be bound: {error.strerror or error}",
        hint="Check --host and DATELINE_SERVER__HOST.",
    )


async def _serve(settings: "Settings", listening: socket.socket) -> None:
    from eval.report.folder import RunFolder
    from ingest.intake import Intake
    from service.api.app import create_app

    sys.setswitchinterval(_SWITCH_S)
    app = create_app(settings, intake=Intake, runs=RunFolder(settings.eval.runs))
    # Entered here and not by uvicorn, which would print a traceback and lose which error it was.
    async with app.router.lifespan_context(app):
        await _server(app, settings).serve(sockets=[listening])


def _server(app: Any, settings: "Settings") -> Any:
    import uvicorn

    from service.api.server import server_config

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for listening in sockets or ():
                note(f"Serving on {_url(listening)}")

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn's own raises the signal again at the end, so that a clean stop would look like a kill.
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    return Server(server_config(app, settings.server, lifespan=False))


def _url(listening: socket.socket) -> str:
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
