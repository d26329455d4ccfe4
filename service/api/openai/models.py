"""The models offered: ways of answering, by name. `GET /v1/models`."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from domain.answers import Mode
from service.api.access import READ, GuardedRoute
from service.api.json_response import JsonResponse
from service.api.openai.reply_schemas import ModelBody, ModelListBody
from service.api.problems import Problem

_CREATED: Final = 1_795_737_600  # 2026-11-27, when these ways of answering were first offered.


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringModel:
    """A way of answering that a client picks by name.

    Attributes:
        name: What clients call it.
        mode: Who writes.
        sends_sources: Whether streams carry Open WebUI's source events in place of annotations.
    """

    name: str
    mode: Mode
    sends_sources: bool = False


MODELS: Final = (
    AnsweringModel(name="dateline", mode=Mode.AUTO),
    AnsweringModel(name="dateline-extractive", mode=Mode.EXTRACTIVE),
    AnsweringModel(name="dateline-model", mode=Mode.MODEL),
    AnsweringModel(name="dateline-open-webui", mode=Mode.AUTO, sends_sources=True),
)

router = APIRouter(route_class=GuardedRoute, prefix="/v1", tags=["openai"])


@router.get("/models", response_class=JsonResponse, response_model=ModelListBody, dependencies=[READ])
async def list_models() -> Response:
    """List the models, as OpenAI does."""
    return JsonResponse({"object": "list", "data": [_body(model) for model in MODELS]})


@router.get("/models/{name}", response_class=JsonResponse, response_model=ModelBody, dependencies=[READ])
async def show_model(
    name: Annotated[str, Path(description="One of `GET /v1/models`.", examples=["dateline"])],
) -> Response:
    """Return one model."""
    return JsonResponse(_body(model_named(name)))


def model_named(name: str) -> AnsweringModel:
    """Return a model.

    Raises:
        Problem: If there is none of that name.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise Problem(
        404, "There is no such model here. GET /v1/models lists what there is.", code="model_not_found", param="model"
    )


def _body(model: AnsweringModel) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": _CREATED, "owned_by": "dateline"}
