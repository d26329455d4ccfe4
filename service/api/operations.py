"""What operators ask: does the process live, and what can it do."""

from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.access import PUBLIC, READ, CallerNow, GuardedRoute, access_of
from service.api.description import operations_of
from service.api.json_response import JsonResponse
from service.api.metrics import Metrics
from service.api.response_schemas import HealthBody, ReadinessBody
from service.api.serving import CollectionsNow, ServingNow

_NOT_DESCRIBED: Final = ("POST /mcp", "GET /openapi.json")

router = APIRouter(route_class=GuardedRoute, tags=["operations"])


def root(request: Request) -> Response:
    """Say what this is and where things are, to programs that come to `/`."""
    described = (name for name, _ in operations_of(request.app.openapi()))
    return JsonResponse({"name": "dateline", "version": version("dateline"), "routes": [*described, *_NOT_DESCRIBED]})


@router.get("/healthz", response_class=JsonResponse, response_model=HealthBody, dependencies=[PUBLIC])
async def healthz() -> Response:
    """Say that the process lives; it asks nothing else of it."""
    return JsonResponse({"status": "alive"})


@router.get("/openapi.json", include_in_schema=False, response_class=JsonResponse, dependencies=[READ])
async def openapi(request: Request) -> Response:
    """Describe the interface for machines."""
    return JsonResponse(request.app.openapi())


@router.get(
    "/readyz",
    response_class=JsonResponse,
    response_model=ReadinessBody,
    dependencies=[PUBLIC],
    responses={503: {"description": "No question can be answered.", "model": ReadinessBody}},
)
def readyz(request: Request, serving: ServingNow) -> Response:
    """Say what the service can do: 200 when questions can be answered, in every state of the index.

    Where keys are asked for, strangers are told whether it is ready and what is missing, not what the record holds.
    """
    record = serving.service.record
    index, counts = record.status(), record.ledger.counts()
    chat, fault = serving.service.chat, serving.warm_up.encoder_error
    missing = [name for name, is_missing in (("models", fault), ("index", index.state != "ready")) if is_missing]
    body: dict[str, Any] = {"ready": fault is None, "reason": None if fault is None else fault.code, "missing": missing}
    if access_of(request).is_open:
        body |= {
            "index": {
                "state": index.state,
                "generation": index.generation,
                "indexed": index.indexed,
                "words": index.words,
            },
            "documents": counts.documents,
            "passages": counts.passages,
            "chat_model": None if chat is None else chat.model_id,
            "encoder": record.encoder.encoder_id,
        }
    return JsonResponse(body, status_code=200 if fault is None else 503)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[READ],
    responses={200: {"description": "In the text format of Prometheus."}},
)
def metrics(request: Request, collections: CollectionsNow, caller: CallerNow) -> Response:
    """Return figures for Prometheus; of what records hold, those that the caller's key opens."""
    figures: Metrics = request.app.state.metrics
    body = figures.exposed(collections, filter(caller.opens, collections.names))
    return Response(body, media_type=CONTENT_TYPE_LATEST)
