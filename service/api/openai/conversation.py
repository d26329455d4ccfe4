"""From a client's messages to a question: the last one asks, those before it complete it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from domain.answers import MAX_QUESTION_CHARS, Question, Turn
from domain.errors import QuestionError
from service.api.access import Caller
from service.api.asking import BegunAnswer, begin_answer
from service.api.openai.cited_text import without_citations
from service.api.openai.models import AnsweringModel
from service.api.openai.requests import Message
from service.api.problems import Problem
from service.api.schemas import AnswerOptions
from service.api.serving import Serving

_MOST_TURNS: Final = 50  # As many as `POST /v1/ask` takes; what was said before them completes no question.


async def begin_conversation(
    serving: Serving,
    caller: Caller,
    messages: Sequence[Message],
    *,
    field: str,
    model: AnsweringModel,
    options: AnswerOptions | None,
    answer_id: str,
    before: Sequence[Turn] = (),
) -> BegunAnswer:
    """Begin to answer the last message.

    Args:
        serving: The service that answers.
        caller: Who asks.
        messages: The conversation, oldest first.
        field: What the request calls them, for errors.
        model: How to answer.
        options: Which documents may answer, and how long the client waits.
        answer_id: The answer's id.
        before: Turns before the messages.

    Raises:
        Problem: If the last message is not the user's, or too many answers are under way.
        QuestionError: If the question cannot be taken; its `param` is a field of the request.
    """
    options = options or AnswerOptions()
    at, asked = _question_in(messages, field)
    try:
        question = Question(
            text=asked.text,
            scope=options.scope(),
            mode=model.mode,
            history=(*before, *_turns(messages[:at]))[-_MOST_TURNS:],
        )
        return await begin_answer(serving, caller, question, deadline_ms=options.deadline_ms, answer_id=answer_id)
    except QuestionError as error:
        param = f"{field}.{at}.content" if error.param == "question" else f"dateline.{error.param}"
        raise QuestionError(error.message, param=param, hint=error.hint) from None


def _question_in(messages: Sequence[Message], field: str) -> tuple[int, Message]:
    """Return the last message and its place; instructions after it are passed over as all are."""
    for at in range(len(messages) - 1, -1, -1):
        match messages[at].role:
            case "user":
                return at, messages[at]
            case "assistant" | "tool" | "function":
                param = f"{field}.{at}.role"
                raise Problem(
                    422, f"{param}: The last message must be the user's.", code="invalid_request", param=param
                )
    raise Problem(422, f"{field}: No message is the user's.", code="invalid_request", param=field)


def _turns(messages: Iterable[Message]) -> Iterator[Turn]:
    """Yield what user and assistant said; who may only instruct, and what tools found, is no part of it."""
    for message in messages:
        match message.role:
            case "user":
                yield Turn(role="user", text=message.text[:MAX_QUESTION_CHARS])
            case "assistant":
                yield Turn(role="assistant", text=without_citations(message.text)[:MAX_QUESTION_CHARS])
