"""Builds the HTTP application: routes, errors, and resources that live as long as it does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI

from domain.ports import Intake
from domain.settings import IngestSettings, Settings
from retriever.wiring import Record
from service.api import answers, ask, documents, operations, sources, uploads
from service.api.openai import chat_completions, models, responses
from service.api.problems import install_problem_handlers
from service.api.request_ids import RequestIds
from service.api.running import RunningAnswers
from service.api.schemas import ErrorBody
from service.api.serving import Serving
from service.api.warm_up import WarmUp
from service.wiring import OpenService, open_service


def create_app(
    settings: Settings,
    *,
    service: OpenService | None = None,
    intake: Callable[[Record, IngestSettings], Intake] | None = None,
) -> FastAPI:
    """Build the application.

    Args:
        settings: Everything; of `settings.server` the limits are used, not the address.
        service: An open service, which stays the caller's to close. Without one, the application opens the record
            for writing when it starts and closes it when it stops; what `open_service` raises then ends the start.
        intake: Makes what reads uploads into the record; without one nothing can be sent.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opening: AbstractContextManager[OpenService] = (
            open_service(settings, access="write") if service is None else nullcontext(service)
        )
        opened = await to_thread.run_sync(opening.__enter__)
        serving = _serve(settings, opened, None if intake is None else intake(opened.record, settings.ingest))
        app.state.serving = serving
        try:
            yield
        finally:
            # In this order: what still works on the record ends before the record closes.
            await serving.answers.drain()
            if serving.intake is not None:
                await to_thread.run_sync(serving.intake.stop)
            await to_thread.run_sync(serving.warm_up.stop)
            await to_thread.run_sync(opening.__exit__, None, None, None)

    app = FastAPI(
        title="Dateline",
        version=version("dateline"),
        summary="Answers from dated documents; every sentence shows the exact words that support it.",
        lifespan=lifespan,
        docs_url=None,  # Both pages load scripts from another origin.
        redoc_url=None,
        redirect_slashes=False,  # The address of a redirect would be built from the Host header.
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(RequestIds)
    install_problem_handlers(app)
    for module in (ask, answers, documents, uploads, sources, operations):
        app.include_router(module.router)
    for module in (models, chat_completions, responses):
        app.include_router(module.router)
    return app


def _serve(settings: Settings, service: OpenService, intake: Intake | None) -> Serving:
    warm_up = WarmUp(service)
    warm_up.start()
    if intake is not None:
        intake.start()
    answers = RunningAnswers(limit=settings.server.max_streams)
    return Serving(settings=settings, service=service, answers=answers, warm_up=warm_up, intake=intake)
