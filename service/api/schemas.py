"""What requests may say; converted to domain values at once."""

import hashlib
import re
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from domain.answers import MAX_QUESTION_CHARS, Mode, Question, TimeScope, Turn
from domain.errors import QuestionError
from domain.uploads import Upload

_MOST_TURNS: Final = 50
_MOST_ROWS: Final = 500
_MOST_PASSAGES: Final = 100
_MOST_CITATIONS: Final = 1_000
_LONGEST_WAIT_MS: Final = 600_000
_LONGEST_URL: Final = 2_000
_LONGEST_NAME: Final = 300
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


def _encodable(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("send text without broken Unicode")
    return text


Day = Annotated[date, BeforeValidator(_iso_day)]
PlainText = Annotated[str, AfterValidator(_plain)]


class StrictRequest(BaseModel):
    """A body or a query; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scoped(StrictRequest):
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


class AnswerOptions(_Scoped):
    """Which documents may answer, and how long whoever asks will wait."""

    deadline_ms: int | None = Field(
        default=None,
        ge=1,
        le=_LONGEST_WAIT_MS,
        strict=True,
        description="Milliseconds within which the answer is wanted: a model, and close reading, are left out in need.",
    )


class TurnRequest(StrictRequest):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: PlainText = Field(max_length=MAX_QUESTION_CHARS)


class AskRequest(AnswerOptions):
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


class DocumentRequest(StrictRequest):
    """A text, or an address to fetch it from, and what is known of it; `null` is the same as leaving a field out."""

    text: Annotated[str, AfterValidator(_encodable)] | None = Field(default=None, min_length=1)
    url: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_URL, description="http or https.")
    uri: PlainText | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST_URL,
        description="Your own name of the document: what is sent under it later is its next version. Not with `url`.",
    )
    title: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_NAME)
    publisher: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_NAME)
    published: Day | None = Field(default=None, description="Day of publication.")
    place: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_NAME)
    language: str | None = Field(default=None, pattern="^[a-z]{2,3}$", description="ISO 639 code, such as `en`.")

    def to_upload(self) -> Upload:
        """Return what is to be read.

        Raises:
            ValueError: If it has neither `text` nor `url`, or both, or `uri` with `url`.
        """
        if (self.text is None) == (self.url is None):
            raise ValueError("send either text or url")
        if self.url is not None:
            if self.uri is not None:
                raise ValueError("a document of an address has no uri of its own")
            return Upload(name=self.url, url=self.url, **self.declared())
        content = (self.text or "").encode()
        return Upload(
            name=self.title or "text",
            uri=uri_of(self.uri, content),
            content=content,
            media_type="text/plain",
            **self.declared(),
        )

    def declared(self) -> dict[str, Any]:
        """Return what is said of the document."""
        return {name: getattr(self, name) for name in ("title", "publisher", "published", "place", "language")}


def uri_of(given: str | None, content: bytes) -> str:
    """Return the identity of an uploaded document: as the sender says, or else its content."""
    return f"upload:{given}" if given else f"upload:sha256:{hashlib.sha256(content).hexdigest()}"


class FileFields(DocumentRequest):
    """What may be said of a file, beside it in the form."""

    text: None = None
    url: None = None


class PastedCitation(BaseModel):
    """Where an answer says that its words stand; other fields of a citation are passed over."""

    model_config = ConfigDict(frozen=True)

    mark: int = Field(ge=1, le=_LARGEST, strict=True)
    document_id: PlainText = Field(max_length=_LONGEST_NAME)
    version: int = Field(ge=1, le=_LARGEST, strict=True)
    start: int = Field(ge=0, le=_LARGEST, strict=True)
    end: int = Field(ge=1, le=_LARGEST, strict=True)
    quote: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end comes before start")
        return self


class _PastedSentence(BaseModel):
    citations: list[PastedCitation] = Field(max_length=_MOST_CITATIONS)


class PastedAnswer(BaseModel):
    """An answer as it was returned; what is not needed is passed over."""

    sentences: list[_PastedSentence] = Field(max_length=_MOST_CITATIONS)


class VerifyRequest(StrictRequest):
    """The id of a stored answer, or an answer with its citations."""

    answer_id: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_NAME)
    answer: PastedAnswer | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.answer_id is None) == (self.answer is None):
            raise ValueError("send either answer_id or answer")
        return self


class JobsQuery(StrictRequest):
    """Which jobs to list."""

    limit: int = Field(default=50, ge=1, le=_MOST_ROWS)


class AnswersQuery(StrictRequest):
    """Which answers to list."""

    cites: PlainText = Field(min_length=1, max_length=_LONGEST_NAME, description="Id of a document.")
    limit: int = Field(default=20, ge=1, le=_MOST_PASSAGES)


class _ErrorDetail(BaseModel):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    code: str
    param: str | None


class ErrorBody(BaseModel):
    """What every failure looks like; here for the description of the interface."""

    error: _ErrorDetail


Version = Annotated[int, Field(ge=1, le=_LARGEST)]
