"""`POST /v1/chat/completions`, whole or as chunks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from domain.answers import Answer, new_answer_id
from domain.events import AnswerEvent, Done, SentenceVerified, Understood
from service.api.access import READ, CallerNow
from service.api.asking import EVENT_STREAM, streamed_answer, whole_answer
from service.api.json_response import JsonResponse, json_bytes
from service.api.json_route import JsonRoute
from service.api.links import Links
from service.api.openai.cited_text import Address, MessageText, Piece, UrlCitation, whole_message
from service.api.openai.conversation import begin_conversation
from service.api.openai.models import AnsweringModel, model_named
from service.api.openai.open_webui import source_event
from service.api.openai.replies import address_of, dateline_body, named_like
from service.api.openai.reply_schemas import ChatCompletionBody
from service.api.openai.requests import ChatRequest
from service.api.problems import Problem
from service.api.serving import ServingNow

_ID_PREFIX: Final = "chatcmpl-"

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["openai"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is known of a completion before its answer is.

    Attributes:
        created: Seconds since 1970.
        address: Makes an address of the path of a source's page.
        links: How other paths in the reply are written.
    """

    completion_id: str
    created: int
    model: AnsweringModel
    address: Address
    links: Links


@router.post(
    "/chat/completions",
    response_class=JsonResponse,
    response_model=ChatCompletionBody,
    dependencies=[READ],
    responses={200: {"description": "A chat completion.", "content": {EVENT_STREAM: {}}}},
)
async def chat_completions(asked: ChatRequest, serving: ServingNow, caller: CallerNow, request: Request) -> Response:
    """Answer the last message of a chat, as OpenAI's chat completions do."""
    model, answer_id = model_named(asked.model), new_answer_id()
    begun = await begin_conversation(
        serving, caller, asked.messages, field="messages", model=model, options=asked.dateline, answer_id=answer_id
    )
    completion = Completion(
        completion_id=named_like(answer_id, _ID_PREFIX),
        created=int(time.time()),
        model=model,
        address=address_of(serving, request),
        links=serving.links,
    )
    if asked.stream:
        with_usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
        return streamed_answer(begun, Chunks(completion, with_usage=with_usage), request)
    return JsonResponse(completion_body(completion, await whole_answer(begun, request)))


def completion_body(completion: Completion, answer: Answer) -> dict[str, Any]:
    """Return a whole completion."""
    message = whole_message(answer, completion.address)
    return {
        "id": completion.completion_id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model.name,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": message.text,
                    "refusal": None,
                    "annotations": [annotation(cited) for cited in message.citations],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage_body(answer),
        "dateline": dateline_body(answer, completion.links),
    }


def annotation(cited: UrlCitation) -> dict[str, Any]:
    """Return a citation as an annotation of a message."""
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": cited.start,
            "end_index": cited.end,
            "url": cited.url,
            "title": cited.title,
        },
    }


def usage_body(answer: Answer) -> dict[str, Any]:
    """Return the tokens that a chat model spent; none where the answer quotes."""
    spent = answer.trace
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
    }


class Chunks:
    """An answer's events as chunks of a completion: each sentence is one, as soon as it is verified."""

    def __init__(self, completion: Completion, *, with_usage: bool) -> None:
        self._completion = completion
        self._with_usage = with_usage
        self._text = MessageText(completion.address)
        self._annotated = 0
        self._shown_marks: set[int] = set()

    def frames(self, event: AnswerEvent) -> Iterator[bytes]:
        """Yield what an event adds to the stream."""
        match event:
            case Understood():
                yield self._delta({"role": "assistant", "content": "", "refusal": None})
            case SentenceVerified():
                yield from self._piece(self._text.add(event.sentence))
            case Done():
                yield from self._piece(self._text.finish(event.answer))
                yield from self._end(event.answer)
            case _:
                pass  # What was found is no part of a chat.

    def failure(self, problem: Problem) -> bytes:
        """Return the chunk that ends a stream early."""
        return _frame(problem.body)

    def _piece(self, piece: Piece) -> Iterator[bytes]:
        if self._completion.model.sends_sources:
            for cited in piece.citations:
                if cited.citation.mark not in self._shown_marks:
                    self._shown_marks.add(cited.citation.mark)
                    yield _frame(source_event(cited))
            yield self._delta({"content": piece.text})
            return
        # The SDK puts the entries of a list together by `index`, and fails where they have none.
        entries = [
            {"index": index, **annotation(cited)} for index, cited in enumerate(piece.citations, start=self._annotated)
        ]
        self._annotated += len(entries)
        yield self._delta({"content": piece.text, **({"annotations": entries} if entries else {})})

    def _end(self, answer: Answer) -> Iterator[bytes]:
        yield self._delta({}, finish_reason="stop", dateline=dateline_body(answer, self._completion.links))
        if self._with_usage:
            yield _frame({**self._head(), "choices": [], "usage": usage_body(answer)})
        yield b"data: [DONE]\n\n"

    def _delta(self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._with_usage else {}
        return _frame({**self._head(), "choices": [choice], **usage, **more})

    def _head(self) -> dict[str, Any]:
        return {
            "id": self._completion.completion_id,
            "object": "chat.completion.chunk",
            "created": self._completion.created,
            "model": self._completion.model.name,
        }


def _frame(body: dict[str, Any]) -> bytes:
    return b"data: " + json_bytes(body) + b"\n\n"
