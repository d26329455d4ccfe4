"""How uvicorn runs the application: one process, our connections, no name of the server."""

import uvicorn
from fastapi import FastAPI

from domain.settings import ServerSettings
from service.api.connection import Connection


def server_config(app: FastAPI, settings: ServerSettings, *, lifespan: bool) -> uvicorn.Config:
    """Return the configuration of a server.

    Args:
        app: What is served.
        settings: Its limits; not its address, which is bound before.
        lifespan: Whether the server starts and stops the application, too.
    """
    return uvicorn.Config(
        app,
        http=type("Connection", (Connection,), {"idle_s": settings.idle_s}),
        lifespan="on" if lifespan else "off",
        ws="none",  # There are no routes for them.
        workers=1,  # One process writes the record.
        log_config=None,  # Logs go where the command directed them.
        access_log=False,  # Ours has more to say, see `service.api.observed`.
        server_header=False,
        proxy_headers=False,  # Anybody can send them; nothing here asks where a request came from.
        timeout_graceful_shutdown=max(1, round(settings.grace_s)),
    )
