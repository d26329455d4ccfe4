"""What every way of asking shares: begin an answer, wait for its end, or stream its events in a form of one's own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT
from starlette.types import Receive, Scope, Send

from domain.answers import Answer, Question
from domain.errors import DatelineError
from domain.events import AnswerEvent, Done
from domain.patience import Patience
from service.api.access import Caller
from service.api.observed import tell_of_answer
from service.api.problems import Problem, client_gone, problem_of
from service.api.running import RunningAnswer, StillWorking
from service.api.serving import Serving

EVENT_STREAM: Final = "text/event-stream"
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx would hold events back.
_KEEP_ALIVE_S: Final = 15.0  # What the specification of server-sent events recommends; proxies give up after 30 to 60.

_log = logging.getLogger(__name__)


class EventForm(Protocol):
    """How a surface writes the events of one answer into its stream."""

    def frames(self, event: AnswerEvent) -> Iterable[bytes]:
        """Return what an event adds to the stream."""
        ...

    def failure(self, problem: Problem) -> bytes:
        """Return how the stream says that the answer failed after it began."""
        ...


@dataclass(frozen=True, slots=True)
class BegunAnswer:
    """An answer under way whose first event has come."""

    first: AnswerEvent | StillWorking | None
    running: RunningAnswer


async def begin_answer(
    serving: Serving, caller: Caller, question: Question, *, deadline_ms: int | None, answer_id: str | None = None
) -> BegunAnswer:
    """Begin to answer, and wait for the first event: a question that cannot be taken fails before any status is sent.

    Args:
        serving: The service that answers.
        caller: Who asks.
        question: What is asked.
        deadline_ms: Milliseconds within which the answer is wanted.
        answer_id: The answer's id, where it must be known before the answer is.

    Raises:
        Problem: If as many answers are under way as are allowed, for this caller or at all.
        QuestionError: If the question states a time scope that contradicts the request's.
    """
    patience = Patience(None if deadline_ms is None else deadline_ms / 1000)
    events = serving.service.assistant.events(question, patience, answer_id=answer_id)
    running = serving.answers.start(events, patience, caller)
    return BegunAnswer(first=await running.next_event(), running=running)


async def whole_answer(begun: BegunAnswer, request: Request) -> Answer:
    """Wait for the answer; the work stops when the client goes away.

    Raises:
        DatelineError: What ended the work early.
        Problem: If the client has gone.
    """
    watch = asyncio.create_task(_leave_with_client(begun.running, request))
    try:
        event = begun.first
        while event is not None:
            if isinstance(event, Done):
                tell_of_answer(event.answer, request)
                return event.answer
            event = await begun.running.next_event()
        if not watch.done():
            raise AssertionError("the last event is Done")
        raise client_gone()
    finally:
        watch.cancel()


def streamed_answer(begun: BegunAnswer, form: EventForm, request: Request) -> Response:
    """Return the events as they come, with comments while there are none."""
    return _Stream(begun, _frames(begun, form, request))


class _Stream(StreamingResponse):
    """Events as they come; the work stops with the stream, also with one that ends before its first event."""

    def __init__(self, begun: BegunAnswer, frames: AsyncIterator[bytes]) -> None:
        super().__init__(frames, media_type=EVENT_STREAM, headers=_HEADERS)
        self._running = begun.running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._running.leave()


async def _leave_with_client(running: RunningAnswer, request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    running.leave()


async def _frames(begun: BegunAnswer, form: EventForm, request: Request) -> AsyncIterator[bytes]:
    event = begun.first
    try:
        while event is not None:
            if isinstance(event, StillWorking):
                yield KEEPALIVE_COMMENT
            else:
                for frame in form.frames(event):
                    yield frame
            if isinstance(event, Done):
                tell_of_answer(event.answer, request)
            event = await begun.running.next_event(patience_s=_KEEP_ALIVE_S)
    except Exception as error:  # noqa: BLE001  - the status is sent; what is left is to say it in the stream
        if not isinstance(error, DatelineError):
            _log.exception("request %s failed unexpectedly after its stream began", request.state.request_id)
        yield form.failure(problem_of(error))
