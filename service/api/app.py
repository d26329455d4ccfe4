"""Builds the HTTP application: routes, errors, and resources that live as long as it does."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import Any, Final

from anyio import to_thread
from fastapi import FastAPI

from domain.ports import Runs
from domain.settings import Settings
from service.api import (
    answers,
    ask,
    collections,
    documents,
    evaluation,
    feedback,
    mcp,
    operations,
    overview,
    pages,
    sources,
    static_files,
    uploads,
)
from service.api.access import Access
from service.api.audit import Audit
from service.api.collections import CollectionPaths
from service.api.cross_site import Cors
from service.api.description import DescribedApi
from service.api.hosts import Hosts, hosts_of
from service.api.idle import Idle
from service.api.metrics import Metrics
from service.api.observed import Observed
from service.api.openai import chat_completions, models, responses
from service.api.problems import install_problem_handlers
from service.api.request_ids import RequestIds
from service.api.schemas import ErrorBody
from service.api.serving import Collections, MakeIntake
from service.keys import KeyFile
from service.wiring import OpenService, open_service

_CORS: Final[dict[str, Any]] = {
    "allow_methods": ["GET", "POST", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "X-Dateline-Collection", "X-Request-ID"],
    "expose_headers": ["X-Request-ID", "Retry-After", "Location"],
}


def create_app(
    settings: Settings,
    *,
    service: OpenService | None = None,
    intake: MakeIntake | None = None,
    runs: Runs | None = None,
) -> FastAPI:
    """Build the application.

    Args:
        settings: Everything; of `settings.server` the limits are used, not the address.
        service: An open service, which stays the caller's to close. Without one, the application opens the record
            for writing when it starts and closes it when it stops; what `open_service` raises then ends the start.
        intake: Makes what reads uploads into the record; without one nothing can be sent.
        runs: Of the evaluation, to be shown.
    """
    access = Access(settings.server, keys=KeyFile(settings.data_dir), audit=Audit(settings.data_dir))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opening: AbstractContextManager[OpenService] = (
            open_service(settings, access="write") if service is None else nullcontext(service)
        )
        opened = await to_thread.run_sync(opening.__enter__)
        collections = Collections(settings, opened, intake=intake, secret=access.link_secret)
        app.state.collections = collections
        try:
            await to_thread.run_sync(collections.start)
            async with mcp.mcp_exchanges(settings.server) as app.state.mcp:
                yield
        finally:
            # In this order: what still works on the records ends before they close.
            await collections.answers.drain()
            await to_thread.run_sync(collections.close)
            await to_thread.run_sync(opening.__exit__, None, None, None)

    app = DescribedApi(
        title="Dateline",
        version=version("dateline"),
        summary="Answers from dated documents; every sentence shows the exact words that support it.",
        lifespan=lifespan,
        docs_url=None,  # Both pages load scripts from another origin.
        redoc_url=None,
        openapi_url=None,  # Ours asks for a key where others do.
        redirect_slashes=False,  # The address of a redirect would be built from the Host header.
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
        # Goes where the process has an OpenTelemetry provider, else nowhere. Its logs would hold what exceptions say.
        telemetry={"tracing": True, "metrics": True, "logs": False},
    )
    app.state.settings, app.state.access, app.state.metrics = settings, access, Metrics()
    app.state.runs = runs or evaluation.NoRuns()
    # The last is the outermost.
    app.add_middleware(CollectionPaths)
    app.add_middleware(Idle, idle_s=settings.server.idle_s)
    if settings.server.cors_origins:
        app.add_middleware(Cors, allow_origins=settings.server.cors_origins, **_CORS)
    app.add_middleware(Hosts, allowed=hosts_of(settings.server))
    app.add_middleware(Observed, metrics=app.state.metrics)
    app.add_middleware(RequestIds)
    install_problem_handlers(app)
    for module in (ask, answers, feedback, documents, uploads, collections, sources, evaluation, operations, mcp):
        app.include_router(module.router)
    for module in (overview, pages, static_files):
        app.include_router(module.router)
    for module in (models, chat_completions, responses):
        app.include_router(module.router)
    return app
