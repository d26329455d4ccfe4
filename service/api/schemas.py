"""What requests may say; converted to domain values at once."""

import hashlib
import re
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from domain.answers import MAX_QUESTION_CHARS, Mode, Question, TimeScope, Turn
from domain.errors import QuestionError
from domain.feedback import Verdict
from domain.uploads import Upload

_MOST_TURNS: Final = 50
_MOST_ROWS: Final = 500
_MOST_PASSAGES: Final = 100
_MOST_CITATIONS: Final = 1_000
_LONGEST_WAIT_MS: Final = 600_000
_LONGEST_URL: Final = 2_000
_LONGEST_NAME: Final = 300
_LONGEST_COMMENT: Final = 2_000
_CONTROLS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f"
PLAIN: Final = rf"^[^{_CONTROLS}]*$"
# U+0085 is a blank to us, and not to the regular expressions that JSON Schema names.
_SOMETHING: Final = rf"^[^{_CONTROLS}]*[^\s\u0085{_CONTROLS}][^{_CONTROLS}]*$"
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


def whole(given: Any) -> Any:
    """Return a whole number as an integer: of numbers JSON has one kind, and to JSON Schema 5.0 is an integer."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("say something, or leave it out")
    return text


Day = Annotated[date, BeforeValidator(_iso_day)]
Offset = Annotated[int, Field(strict=True, ge=0, le=_LARGEST), BeforeValidator(whole)]
Number = Annotated[int, Field(strict=True, ge=1, le=_LARGEST), BeforeValidator(whole)]
PlainText = Annotated[str, AfterValidator(_plain), Field(json_schema_extra={"pattern": PLAIN})]
Words = Annotated[
    str, AfterValidator(_plain), AfterValidator(_not_blank), Field(json_schema_extra={"pattern": _SOMETHING})
]
AnswerId = Annotated[
    str,
    Path(
        description="The `id` of the answer.",
        examples=["ans_0123456789abcdef01234567"],
        json_schema_extra={"pattern": "^ans_[0-9a-f]{24}$"},
    ),
]
DocumentId = Annotated[str, Path(description="As lists and citations name it.", examples=["doc_0123456789abcdef"])]
JobId = Annotated[
    str,
    Path(
        description="As the answer to what was sent names it.",
        examples=["job_0123456789abcdef"],
        json_schema_extra={"pattern": "^job_[0-9a-f]{16}$"},
    ),
]


_QUESTION: Final[dict[str, Any]] = {"minLength": 1, "maxLength": MAX_QUESTION_CHARS, "pattern": _SOMETHING}


class StrictRequest(BaseModel):
    """A body or a query; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scoped(StrictRequest):
    as_of: Day | None = Field(
        default=None, description="Hide documents published later, and undated ones.", examples=["2025-02-28"]
    )
    from_: Day | None = Field(
        default=None, alias="from", description="First day of publication, inclusive.", examples=["2025-01-01"]
    )
    to: Day | None = Field(default=None, description="Last day of publication, inclusive.", examples=["2025-02-28"])
    publisher: PlainText | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST_NAME,
        description="The publisher's name, in any letter case.",
        examples=["Harbour Gazette"],
    )

    def scope(self) -> TimeScope:
        """Return which documents are meant.

        Raises:
            QuestionError: If the range is empty.
        """
        return TimeScope(as_of=self.as_of, published_from=self.from_, published_to=self.to, publisher=self.publisher)


class AnswerOptions(_Scoped):
    """Which documents may answer, and how long whoever asks will wait."""

    deadline_ms: Annotated[int, Field(strict=True, ge=1, le=_LONGEST_WAIT_MS), BeforeValidator(whole)] | None = Field(
        default=None,
        description="Milliseconds within which the answer is wanted: a model, and close reading, are left out in need.",
    )


class TurnRequest(StrictRequest):
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: PlainText = Field(max_length=MAX_QUESTION_CHARS)


class AskRequest(AnswerOptions):
    """A question; `null` is the same as leaving a field out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "When does the northern bridge open?"},
                {
                    "question": "And who said that?",
                    "mode": "extractive",
                    "as_of": "2025-02-28",
                    "from": "2025-01-01",
                    "to": None,
                    "publisher": "Harbour Gazette",
                    "history": [
                        {"role": "user", "text": "When does the northern bridge open?"},
                        {"role": "assistant", "text": "In June. [1]"},
                    ],
                    "deadline_ms": 5000,
                },
                {"question": "How many goals did the visitors score?", "to": "1999-12-31"},
            ]
        }
    )

    question: str = Field(description="What is asked, in a sentence.", json_schema_extra=_QUESTION)
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

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "northern bridge", "publisher": "Harbour Gazette", "limit": 5}]}
    )

    query: str = Field(description="Words or a question.", json_schema_extra=_QUESTION)
    limit: Annotated[int, Field(strict=True, ge=1, le=_MOST_PASSAGES), BeforeValidator(whole)] | None = Field(
        default=None, description="Most passages; 10."
    )

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


class SourceRequest(StrictRequest):
    """A document, or a place in it; `null` is the same as leaving a field out."""

    document_id: PlainText = Field(min_length=1, max_length=_LONGEST_NAME, description="As ask or search return it.")
    version: int | None = Field(
        default=None, ge=1, le=_LARGEST, strict=True, description="As a citation names it; the current one if left out."
    )
    start: int | None = Field(
        default=None, ge=0, le=_LARGEST, strict=True, description="First character, in Unicode code points; 0."
    )
    end: int | None = Field(
        default=None,
        ge=1,
        le=_LARGEST,
        strict=True,
        description="End of the place, exclusive; leave it out to read on.",
    )

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError("end comes before start")
        return self


class DocumentsQuery(_Scoped):
    """Which documents to list."""

    limit: int = Field(default=50, ge=1, le=_MOST_ROWS, description="Most rows.", examples=[20])
    offset: int = Field(default=0, ge=0, le=_LARGEST, description="Rows passed over.", examples=[0])


class DocumentRequest(StrictRequest):
    """A text, or an address to fetch it from, and what is known of it; `null` is the same as leaving a field out."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["text"], "properties": {"text": {"type": "string"}, "url": {"type": "null"}}},
                {
                    "required": ["url"],
                    "properties": {"url": {"type": "string"}, "text": {"type": "null"}, "uri": {"type": "null"}},
                },
            ],
            "examples": [
                {
                    "text": "The northern bridge will open in June, the governor said on Thursday.",
                    "uri": "gazette/2025/bridge",
                    "title": "Bridge to open",
                    "publisher": "Harbour Gazette",
                    "published": "2025-02-06",
                    "place": "Torval",
                    "language": "en",
                },
                {"url": "https://example.com/statement"},
            ],
        }
    )

    text: Annotated[str, AfterValidator(_encodable)] | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, min_length=1, max_length=_LONGEST_URL, description="http or https.")
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

    model_config = ConfigDict(json_schema_extra={})

    text: None = None
    url: None = None


def form_schema(fields: type[BaseModel], *, file: str) -> dict[str, Any]:
    """Return the JSON schema of a form: a file, and fields that are left out where they are not known."""
    described = fields.model_json_schema()["properties"]
    known = {name: without_null(field) for name, field in described.items() if field.get("type") != "null"}
    return {
        "type": "object",
        "required": [file],
        "properties": {file: {"type": "string", "format": "binary"}, **known},
        "additionalProperties": False,
    }


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what is either left out or has a value: addresses and forms have no word for null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key not in {"anyOf", "default"}}, **choices[0]}


class PastedCitation(BaseModel):
    """Where an answer says that its words stand; other fields of a citation are passed over."""

    model_config = ConfigDict(frozen=True)

    mark: Number
    document_id: PlainText = Field(max_length=_LONGEST_NAME)
    version: Number
    start: Offset
    end: Number
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

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["answer_id"],
                    "properties": {"answer_id": {"type": "string"}, "answer": {"type": "null"}},
                },
                {"required": ["answer"], "properties": {"answer": {"type": "object"}, "answer_id": {"type": "null"}}},
            ],
            "examples": [
                {"answer_id": "ans_0123456789abcdef01234567"},
                {
                    "answer": {
                        "sentences": [
                            {
                                "citations": [
                                    {
                                        "mark": 1,
                                        "document_id": "doc_0123456789abcdef",
                                        "version": 1,
                                        "start": 0,
                                        "end": 19,
                                        "quote": "The northern bridge",
                                    }
                                ]
                            }
                        ]
                    }
                },
            ],
        }
    )

    answer_id: PlainText | None = Field(default=None, min_length=1, max_length=_LONGEST_NAME)
    answer: PastedAnswer | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.answer_id is None) == (self.answer is None):
            raise ValueError("send either answer_id or answer")
        return self


class PlaceRequest(StrictRequest):
    """Words of a document, in code points of its text."""

    document_id: PlainText = Field(min_length=1, max_length=_LONGEST_NAME)
    version: Number | None = Field(default=None, description="The current one.")
    start: Offset
    end: Number


class FeedbackRequest(StrictRequest):
    """A verdict on a sentence of a stored answer, or on what the answer lacks."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["sentence"],
                    "properties": {
                        "verdict": {"const": "supports"},
                        "sentence": {"type": "integer"},
                        "expected": {"type": "null"},
                        "place": {"type": "null"},
                    },
                },
                {
                    "required": ["sentence"],
                    "properties": {"verdict": {"const": "does_not_support"}, "sentence": {"type": "integer"}},
                },
                {"properties": {"verdict": {"const": "missing"}, "sentence": {"type": "null"}}},
            ],
            "examples": [
                {"answer_id": "ans_0123456789abcdef01234567", "verdict": "supports", "sentence": 0},
                {
                    "answer_id": "ans_0123456789abcdef01234567",
                    "verdict": "does_not_support",
                    "sentence": 0,
                    "comment": "That was said of the southern one.",
                },
                {
                    "answer_id": "ans_0123456789abcdef01234567",
                    "verdict": "missing",
                    "expected": "The ferry sails at nine.",
                    "place": {"document_id": "doc_0123456789abcdef", "start": 0, "end": 19},
                    "history": [{"role": "user", "text": "When does the northern bridge open?"}],
                },
            ],
        }
    )

    answer_id: PlainText = Field(min_length=1, max_length=_LONGEST_NAME)
    verdict: Verdict = Field(
        description="Whether the quotes of the sentence support it; `missing`: the record says more, or says it at all."
    )
    sentence: Offset | None = Field(default=None, description="Which of `sentences[]`, from 0; not with `missing`.")
    comment: Words | None = Field(default=None, max_length=_LONGEST_COMMENT, description="For people.")
    expected: Words | None = Field(
        default=None,
        max_length=_LONGEST_COMMENT,
        description="What a right answer says; not with `supports`.",
    )
    place: PlaceRequest | None = Field(default=None, description="Where the record says it; not with `supports`.")
    history: list[TurnRequest] | None = Field(
        default=None, max_length=_MOST_TURNS, description="The messages that were sent with the question."
    )


class FeedbackQuery(StrictRequest):
    """Which feedback to list."""

    verdict: Verdict | None = Field(default=None, description="Only this one.", examples=["missing"])
    limit: int = Field(default=50, ge=1, le=_MOST_ROWS, description="Most rows.", examples=[20])
    offset: int = Field(default=0, ge=0, le=_LARGEST, description="Rows passed over.", examples=[0])


class JobsQuery(StrictRequest):
    """Which jobs to list."""

    limit: int = Field(default=50, ge=1, le=_MOST_ROWS, description="Most rows.", examples=[20])


class AnswersQuery(StrictRequest):
    """Which answers to list."""

    cites: PlainText = Field(
        min_length=1, max_length=_LONGEST_NAME, description="Id of a document.", examples=["doc_0123456789abcdef"]
    )
    limit: int = Field(default=20, ge=1, le=_MOST_PASSAGES, description="Most rows.", examples=[20])


class RunQuery(StrictRequest):
    """Which run of the evaluation to report on."""

    run: PlainText = Field(
        min_length=1, max_length=_LONGEST_NAME, description="Name of a run file.", examples=["sample.jsonl"]
    )
    base: PlainText | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST_NAME,
        description="Name of another, against which it is held.",
        examples=["earlier.jsonl"],
    )
    sig: str = Field(default="", max_length=64, description="Opens the report to who has no key.", examples=[""])
    base_sig: str = Field(default="", max_length=64, description="The same for `base`.", examples=[""])


class _ErrorDetail(BaseModel):
    message: str
    type: Literal[
        "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"
    ]
    code: str
    param: str | None


class ErrorBody(BaseModel):
    """What every failure looks like; here for the description of the interface."""

    error: _ErrorDetail


Version = Annotated[int, Field(ge=1, le=_LARGEST, examples=[1])]
