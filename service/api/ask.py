"""Questions and searches: `POST /v1/ask` as JSON or as server-sent events, `POST /v1/search`."""

import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from domain.answers import Answer
from domain.errors import DatelineError
from domain.events import AnswerEvent, Done
from domain.patience import Patience
from service.api.access import READ, CallerNow
from service.api.json_response import JsonResponse, json_bytes
from service.api.json_route import JsonRoute
from service.api.links import Links
from service.api.observed import tell_of_answer
from service.api.problems import problem_of
from service.api.running import RunningAnswer, StillWorking
from service.api.schemas import AskRequest, SearchRequest
from service.api.serving import ServingNow
from service.rendering import answer_body, event_body, passage_body, scope_body

_EVENT_STREAM: Final = "text/event-stream"
_STREAM_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx would hold events back.
_PASSAGES: Final = 10
_KEEP_ALIVE_S: Final = 15.0  # What the specification of server-sent events recommends; proxies give up after 30 to 60.

_log = logging.getLogger(__name__)

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["questions"])


@router.post(
    "/ask",
    response_class=JsonResponse,
    dependencies=[READ],
    responses={200: {"description": "A cited answer or a refusal.", "content": {_EVENT_STREAM: {}}}},
)
async def ask(
    asked: AskRequest,
    serving: ServingNow,
    caller: CallerNow,
    request: Request,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Answer a question from the record, as JSON or, with `Accept: text/event-stream`, as events."""
    question = asked.to_question()
    patience = Patience(None if asked.deadline_ms is None else asked.deadline_ms / 1000)
    running = serving.answers.start(serving.service.assistant.events(question, patience), patience, caller)
    # The first event comes before the status: a question that cannot be taken gets its 4xx in both renderings.
    first = await running.next_event()
    if prefers_events(accept):
        frames = _frames(first, running, request, serving.links)
        return StreamingResponse(frames, media_type=_EVENT_STREAM, headers=_STREAM_HEADERS)
    answer = await _last(first, running)
    tell_of_answer(answer, request)
    return JsonResponse(serving.links.shown(answer_body(answer)))


@router.post("/search", response_class=JsonResponse, dependencies=[READ])
def search(wanted: SearchRequest, serving: ServingNow) -> Response:
    """Find the passages nearest to a query, best first, copies folded."""
    query = wanted.to_question()
    found = serving.service.record.retriever.retrieve(query.text, scope=query.scope, limit=wanted.limit or _PASSAGES)
    passages = [passage_body(ranked) for ranked in found]
    return JsonResponse(
        serving.links.shown({"query": query.text, "time_scope": scope_body(query.scope), "passages": passages})
    )


def prefers_events(accept: str) -> bool:
    """Tell whether an `Accept` header asks for events rather than for JSON."""
    weights = {"application/json": 0.0, _EVENT_STREAM: 0.0}
    for choice in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in choice.split(";"))
        if media_type in weights:
            stated = [weight for weight in map(_weight, parameters) if weight is not None]
            weights[media_type] = stated[0] if stated else 1.0
    return weights[_EVENT_STREAM] > weights["application/json"]


def _weight(parameter: str) -> float | None:
    stated = re.fullmatch(r"q=([01](?:\.[0-9]{0,3})?)", parameter)
    return float(stated[1]) if stated else None


async def _last(event: AnswerEvent | StillWorking | None, running: RunningAnswer) -> Answer:
    while event is not None:
        if isinstance(event, Done):
            return event.answer
        event = await running.next_event()
    raise AssertionError("the last event is Done")


async def _frames(
    event: AnswerEvent | StillWorking | None, running: RunningAnswer, request: Request, links: Links
) -> AsyncIterator[bytes]:
    try:
        while event is not None:
            yield _frame(event, links)
            if isinstance(event, Done):
                tell_of_answer(event.answer, request)
            event = await running.next_event(patience_s=_KEEP_ALIVE_S)
    except Exception as error:  # noqa: BLE001  - the status is sent; what is left is to say it in the stream
        if not isinstance(error, DatelineError):
            _log.exception("request %s failed unexpectedly after its stream began", request.state.request_id)
        yield _named_frame("error", problem_of(error).body)
    finally:
        running.leave()


def _frame(event: AnswerEvent | StillWorking, links: Links) -> bytes:
    if isinstance(event, StillWorking):
        return KEEPALIVE_COMMENT
    name, body = event_body(event)
    return _named_frame(name, links.shown(body))


def _named_frame(name: str, body: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json_bytes(body).decode())
