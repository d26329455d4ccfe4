"""What requests may say; converted to domain values at once."""

import re
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from domain.answers import MAX_QUESTION_CHARS, Mode, Question, TimeScope, Turn
from domain.errors import QuestionError

_MOST_TURNS: Final = 50
_MOST_ROWS: Final = 500
_MOST_PASSAGES: Final = 100
_LARGEST: Final = 2**31 - 1  # Beyond it SQLite's integers overflow.


def _iso_day(given: Any) -> Any:
    # pydantic would also read numbers as seconds since 1970, and times of day.
    if given is None or isinstance(given, date):
        return given
    if not isinstance(given, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        raise ValueError("give a date as YYYY-MM-DD")
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError("there is no such day in the calendar") from None


def _plain(text: str) -> str:
    if any((character < " " and character not in "\n\r\t") or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("send plain text, without control characters and broken Unicode")
    return text


Day = Annotated[date, BeforeValidator(_iso_day)]
PlainText = Annotated[str, AfterValidator(_plain)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scoped(_Request):
    as_of: Day | None = Field(default=None, description="Hide documents published later, and undated ones.")
    from_: Day | None = Field(default=None, alias="from", description="First day of publication, inclusive.")
    to: Day | None = Field(default=None, description="Last day of publication, inclusive.")
    publisher: PlainText | None = Field(
        default=None, min_length=1, max_length=300, description="The publisher's name, in any letter case."
    )

    def scope(self) -> TimeScope:
        """Return which documents are meant.

        Raises:
            QuestionError: If the range is empty.
        """
        return TimeScope(as_of=self.as_of, published_from=self.from_, published_to=self.to, publisher=self.publisher)


class TurnRequest(_Request):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: PlainText = Field(max_length=MAX_QUESTION_CHARS)


class AskRequest(_Scoped):
    """A question; `null` is the same as leaving a field out."""

    question: str = Field(
        description="What is asked, in a sentence.", json_schema_extra={"minLength": 1, "maxLength": MAX_QUESTION_CHARS}
    )
    mode: Mode | None = Field(default=None, description="`auto` (default), `model`, or `extractive`: quotes only.")
    history: list[TurnRequest] | None = Field(
        default=None, max_length=_MOST_TURNS, description="Earlier messages, oldest first."
    )

    def to_question(self) -> Question:
        """Return the question.

        Raises:
            QuestionError: If it is empty, too long or not text, or its time range is empty.
        """
        return Question(
            text=self.question,
            scope=self.scope(),
            mode=self.mode or Mode.AUTO,
            history=tuple(Turn(role=turn.role, text=turn.text) for turn in self.history or ()),
        )


class SearchRequest(_Scoped):
    """What to find passages for."""

    query: str = Field(
        description="Words or a question.", json_schema_extra={"minLength": 1, "maxLength": MAX_QUESTION_CHARS}
    )
    limit: int | None = Field(default=None, ge=1, le=_MOST_PASSAGES, strict=True, description="Most passages; 10.")

    def to_question(self) -> Question:
        """Return the query, checked as a question is.

        Raises:
            QuestionError: As for `AskRequest.to_question`.
        """
        scope = self.scope()
        try:
            return Question(text=self.query, scope=scope)
        except QuestionError as error:
            message = error.message.replace("The question", "The query")
            raise QuestionError(message, param="query", hint=error.hint) from None


class DocumentsQuery(_Scoped):
    """Which documents to list."""

    limit: int = Field(default=50, ge=1, le=_MOST_ROWS)
    offset: int = Field(default=0, ge=0, le=_LARGEST)


class _ErrorDetail(BaseModel):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    code: str
    param: str | None


class ErrorBody(BaseModel):
    """What every failure looks like; here for the description of the interface."""

    error: _ErrorDetail


Version = Annotated[int, Field(ge=1, le=_LARGEST)]
