"""Questions and searches: `POST /v1/ask` as JSON or as server-sent events, `POST /v1/search`."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import format_sse_event

from domain.events import AnswerEvent
from service.api.accept import prefers
from service.api.access import READ, CallerNow
from service.api.asking import EVENT_STREAM, begin_answer, streamed_answer, whole_answer
from service.api.json_response import JsonResponse, json_bytes
from service.api.json_route import JsonRoute
from service.api.links import Links
from service.api.problems import Problem
from service.api.response_schemas import AnswerBody, SearchBody
from service.api.schemas import AskRequest, SearchRequest
from service.api.serving import ServingNow
from service.rendering import answer_body, event_body, passage_body, scope_body

_PASSAGES: Final = 10

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["questions"])


@router.post(
    "/ask",
    response_class=JsonResponse,
    dependencies=[READ],
    response_model=AnswerBody,
    responses={
        200: {
            "description": "A cited answer, a refusal or a question back.",
            "content": {EVENT_STREAM: {}},
        }
    },
)
async def ask(
    asked: AskRequest,
    serving: ServingNow,
    caller: CallerNow,
    request: Request,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Answer a question from the record, as JSON or, with `Accept: text/event-stream`, as events."""
    begun = await begin_answer(serving, caller, asked.to_question(), deadline_ms=asked.deadline_ms)
    if prefers(accept, EVENT_STREAM):
        return streamed_answer(begun, _NamedEvents(serving.links), request)
    return JsonResponse(serving.links.shown(answer_body(await whole_answer(begun, request))))


@router.post("/search", response_class=JsonResponse, response_model=SearchBody, dependencies=[READ])
def search(wanted: SearchRequest, serving: ServingNow) -> Response:
    """Find the passages nearest to a query, best first, copies folded."""
    query = wanted.to_question()
    found = serving.service.record.retriever.retrieve(query.text, scope=query.scope, limit=wanted.limit or _PASSAGES)
    passages = [passage_body(ranked) for ranked in found]
    return JsonResponse(
        serving.links.shown({"query": query.text, "time_scope": scope_body(query.scope), "passages": passages})
    )


class _NamedEvents:
    """The events under their names; `done` carries the bytes that JSON would have been."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def frames(self, event: AnswerEvent) -> Iterator[bytes]:
        name, body = event_body(event)
        yield _named_frame(name, self._links.shown(body))

    def failure(self, problem: Problem) -> bytes:
        return _named_frame("error", problem.body)


def _named_frame(name: str, body: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json_bytes(body).decode())
