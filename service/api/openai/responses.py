"""`POST /v1/responses`, whole or as events."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event

from domain.answers import Answer, Turn, new_answer_id
from domain.errors import NotFoundError
from domain.events import AnswerEvent, Done, SentenceVerified, Understood
from service.api.access import READ, CallerNow
from service.api.answers import kept_answer
from service.api.asking import EVENT_STREAM, streamed_answer, whole_answer
from service.api.json_response import JsonResponse, json_bytes
from service.api.json_route import JsonRoute
from service.api.links import Links
from service.api.openai.cited_text import Address, MessageText, Piece, UrlCitation, whole_message
from service.api.openai.conversation import begin_conversation
from service.api.openai.models import model_named
from service.api.openai.replies import address_of, answer_named, dateline_body, named_like
from service.api.openai.reply_schemas import ResponseBody
from service.api.openai.requests import ResponsesRequest
from service.api.problems import Problem
from service.api.serving import Serving, ServingNow

_ID_PREFIX: Final = "resp_"
_ITEM_PREFIX: Final = "msg_"
_PLACE: Final = {"output_index": 0, "content_index": 0}

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["openai"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Responding:
    """What is known of a response before its answer is.

    Attributes:
        created: Seconds since 1970.
        address: Makes an address of the path of a source's page.
        links: How other paths in the reply are written.
        previous_id: Of the response that it follows up.
    """

    answer_id: str
    created: int
    model: str
    previous_id: str | None
    address: Address
    links: Links

    @property
    def item_id(self) -> str:
        """The id of its only output, a message."""
        return named_like(self.answer_id, _ITEM_PREFIX)


@router.post(
    "/responses",
    response_class=JsonResponse,
    response_model=ResponseBody,
    dependencies=[READ],
    responses={200: {"description": "A response.", "content": {EVENT_STREAM: {}}}},
)
async def responses(asked: ResponsesRequest, serving: ServingNow, caller: CallerNow, request: Request) -> Response:
    """Answer the last message of the input, as OpenAI's responses do."""
    model, answer_id, previous_id = model_named(asked.model), new_answer_id(), asked.previous_response_id
    before = () if previous_id is None else await run_in_threadpool(turns_of, serving, previous_id)
    begun = await begin_conversation(
        serving,
        caller,
        asked.input,
        field="input",
        model=model,
        options=asked.dateline,
        answer_id=answer_id,
        before=before,
    )
    responding = Responding(
        answer_id=answer_id,
        created=int(time.time()),
        model=model.name,
        previous_id=previous_id,
        address=address_of(serving, request),
        links=serving.links,
    )
    if asked.stream:
        return streamed_answer(begun, ResponseEvents(responding), request)
    return JsonResponse(completed_body(responding, await whole_answer(begun, request)))


def turns_of(serving: Serving, response_id: str) -> tuple[Turn, Turn]:
    """Return what was asked and answered in an earlier response; its question already stands alone.

    Raises:
        Problem: If there is no such response.
        AnswerWithdrawnError: If it cites a document that was deleted since.
    """
    try:
        body = kept_answer(serving, answer_named(response_id, _ID_PREFIX))
    except NotFoundError:
        raise Problem(
            404,
            "previous_response_id: There is no such response here.",
            code="previous_response_not_found",
            param="previous_response_id",
        ) from None
    said = " ".join(sentence["text"] for sentence in body["sentences"]) or body["text"]
    return Turn(role="user", text=body["trace"]["stand_alone_question"]), Turn(role="assistant", text=said)


def completed_body(responding: Responding, answer: Answer) -> dict[str, Any]:
    """Return a whole response."""
    message = whole_message(answer, responding.address)
    part = _part(message.text, [annotation(cited) for cited in message.citations])
    return {
        **_response(responding, status="completed", output=[_item(responding, status="completed", content=[part])]),
        "usage": usage_body(answer),
        "dateline": dateline_body(answer, responding.links),
    }


def annotation(cited: UrlCitation) -> dict[str, Any]:
    """Return a citation as an annotation of a text; here its fields are not nested."""
    return {
        "type": "url_citation",
        "start_index": cited.start,
        "end_index": cited.end,
        "url": cited.url,
        "title": cited.title,
    }


def usage_body(answer: Answer) -> dict[str, Any]:
    """Return the tokens that a chat model spent; none where the answer quotes."""
    spent = answer.trace
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
    }


class ResponseEvents:
    """An answer's events as those of a response: each sentence is a delta, as soon as it is verified."""

    def __init__(self, responding: Responding) -> None:
        self._responding = responding
        self._text = MessageText(responding.address)
        self._annotated = self._sent = 0

    def frames(self, event: AnswerEvent) -> Iterator[bytes]:
        """Yield what an event adds to the stream."""
        match event:
            case Understood():
                yield from self._begin()
            case SentenceVerified():
                yield from self._piece(self._text.add(event.sentence))
            case Done():
                yield from self._piece(self._text.finish(event.answer))
                yield from self._end(event.answer)
            case _:
                pass  # What was found is no part of a response.

    def failure(self, problem: Problem) -> bytes:
        """Return the event that ends a stream early, in the form that the interface describes and the one SDKs read."""
        error = problem.body["error"]
        flat = {key: error[key] for key in ("code", "message", "param")}
        return self._frame("error", **flat, error=error)

    def _begin(self) -> Iterator[bytes]:
        begun = _response(self._responding, status="in_progress", output=[])
        yield self._frame("response.created", response=begun)
        yield self._frame("response.in_progress", response=begun)
        item = _item(self._responding, status="in_progress", content=[])
        yield self._frame("response.output_item.added", output_index=0, item=item)
        yield self._in_text("response.content_part.added", part=_part("", []))

    def _piece(self, piece: Piece) -> Iterator[bytes]:
        yield self._in_text("response.output_text.delta", delta=piece.text, logprobs=[])
        for index, cited in enumerate(piece.citations, start=self._annotated):
            yield self._in_text(
                "response.output_text.annotation.added", annotation_index=index, annotation=annotation(cited)
            )
        self._annotated += len(piece.citations)

    def _end(self, answer: Answer) -> Iterator[bytes]:
        completed = completed_body(self._responding, answer)
        (item,) = completed["output"]
        (part,) = item["content"]
        yield self._in_text("response.output_text.done", text=part["text"], logprobs=[])
        yield self._in_text("response.content_part.done", part=part)
        yield self._frame("response.output_item.done", output_index=0, item=item)
        yield self._frame("response.completed", response=completed)

    def _in_text(self, name: str, **fields: Any) -> bytes:
        return self._frame(name, item_id=self._responding.item_id, **_PLACE, **fields)

    def _frame(self, name: str, **fields: Any) -> bytes:
        body = {"type": name, "sequence_number": self._sent, **fields}
        self._sent += 1
        return format_sse_event(event=name, data_str=json_bytes(body).decode())


def _response(responding: Responding, *, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": named_like(responding.answer_id, _ID_PREFIX),
        "object": "response",
        "created_at": responding.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": responding.model,
        "output": output,
        "parallel_tool_calls": False,
        "previous_response_id": responding.previous_id,
        "store": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
    }


def _item(responding: Responding, *, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": responding.item_id,
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _part(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
