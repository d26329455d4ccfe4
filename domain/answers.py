"""Questions and what becomes of them: cited answers, refusals, questions back, and the evidence between."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal, Self

from domain.corpus import Citable, DocumentHeader, RankedPassage, Span
from domain.errors import QuestionError

MAX_QUESTION_CHARS = 8_000  # A page of text; longer input is a document, not a question.


def new_answer_id() -> str:
    """Return an id that no other answer has: `ans_` and 24 hexadecimal digits."""
    return f"ans_{secrets.token_hex(12)}"


def _marks(citations: "Iterable[Citation]") -> str:
    return " ".join(f"[{citation.mark}]" for citation in citations)


class Mode(StrEnum):
    """How an answer may be written; `AUTO` uses the model when there is one."""

    AUTO = "auto"
    EXTRACTIVE = "extractive"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeScope:
    """Which documents may answer.

    Attributes:
        as_of: Documents published later are hidden; undated ones too, since nothing shows that they existed.
        published_from: First day, inclusive.
        published_to: Last day, inclusive.
        publisher: Case-insensitive exact name.
    """

    as_of: date | None = None
    published_from: date | None = None
    published_to: date | None = None
    publisher: str | None = None

    def __post_init__(self) -> None:
        first, last = self.published_from, self.latest
        if first is not None and last is not None and first > last:
            raise QuestionError(
                f"The time range is empty: it starts {first} and ends {last}",
                param="from",
                hint="Give a 'from' date that is not later than 'to' and 'as_of'.",
            )

    @property
    def latest(self) -> date | None:
        """The last day of publication that may be shown: the earlier of `as_of` and `published_to`."""
        ends = [day for day in (self.as_of, self.published_to) if day is not None]
        return min(ends, default=None)

    @property
    def is_open(self) -> bool:
        """Whether every document is in scope."""
        return self == TimeScope()

    def admits(self, header: DocumentHeader) -> bool:
        """Tell whether a document is in scope; one without a date is in no dated scope."""
        if self.publisher is not None and (header.publisher or "").casefold() != self.publisher.casefold():
            return False
        if self.published_from is None and self.latest is None:
            return True
        if header.published is None:
            return False
        after_start = self.published_from is None or header.published >= self.published_from
        return after_start and (self.latest is None or header.published <= self.latest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of which part of the record, and how the answer may be written.

    Raises:
        QuestionError: If the text is empty, too long, or holds control characters or lone surrogates.
    """

    text: str
    scope: TimeScope = field(default_factory=TimeScope)
    mode: Mode = Mode.AUTO
    history: tuple[Turn, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise QuestionError("The question is empty", hint="Ask in a sentence, for example: Who met whom?")
        if len(self.text) > MAX_QUESTION_CHARS:
            raise QuestionError(
                f"The question has {len(self.text)} characters; at most {MAX_QUESTION_CHARS} are taken",
                hint="Shorten it, or ingest the text as a document and ask about it.",
            )
        if any(_is_binary(character) for character in self.text):
            raise QuestionError(
                "The question holds control characters or broken Unicode", hint="Send plain UTF-8 text."
            )


def _is_binary(character: str) -> bool:
    return (character < " " and character not in "\n\r\t") or "\ud800" <= character <= "\udfff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One sentence of the record that may answer, with its place and its speaker.

    Attributes:
        evidence_id: Short id shown to the model, `E1`, `E2`, …, unique within one answer.
        span: The sentence, in document coordinates.
        score: Relevance to the question, higher is better; comparable within one answer.
        speaker: Who the document says said it; `None` for the document's own voice.
        copies: Headers of other documents that carry the same words.
    """

    evidence_id: str
    citable: Citable
    span: Span
    score: float
    speaker: str | None = None
    copies: tuple[DocumentHeader, ...] = ()

    @property
    def text(self) -> str:
        """The sentence, verbatim."""
        return self.citable.passage.words(self.span)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDate:
    """A day, or a run of days, that quoted words speak of; not the day they were published.

    Attributes:
        span: The words that say when, in document coordinates.
        first: First day.
        last: Last day; the same for a single one.
    """

    span: Span
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A verbatim quote with its place: `document.text[span.start:span.end] == quote`, always.

    Build it with `Citation.to`, which takes the quote from the record instead of trusting one.

    Attributes:
        mark: 1-based number shown in the answer, `[1]`.
        support: How well the quote supports its sentence, in 0..1.
        event_dates: When what the quote tells happened or will, as far as it says so.
    """

    mark: int
    header: DocumentHeader
    passage_id: str
    span: Span
    quote: str
    speaker: str | None
    support: float
    copies: tuple[DocumentHeader, ...] = ()
    event_dates: tuple[EventDate, ...] = ()

    @classmethod
    def to(cls, evidence: Evidence, *, mark: int, support: float, event_dates: tuple[EventDate, ...] = ()) -> Self:
        """Cite a piece of evidence; the quote is cut from the passage, which fails if it leaves it."""
        return cls(
            mark=mark,
            header=evidence.citable.header,
            passage_id=evidence.citable.passage.passage_id,
            span=evidence.span,
            quote=evidence.text,
            speaker=evidence.speaker,
            support=support,
            copies=evidence.copies,
            event_dates=event_dates,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSentence:
    """One verified sentence; it has at least one citation."""

    text: str
    citations: tuple[Citation, ...]

    def __post_init__(self) -> None:
        if not self.citations:
            raise ValueError(f"A shown sentence needs a citation: {self.text!r}")

    @property
    def marked(self) -> str:
        """The sentence and its marks: `They signed. [1] [2]`."""
        return f"{self.text} {_marks(self.citations)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldSentence:
    """A sentence that was written but is not shown, and why."""

    text: str
    reason: Literal[
        "unknown_evidence",
        "not_supported",
        "number_not_in_source",
        "name_not_in_source",
        "speaker_not_in_source",
        "negation_differs",
        "modality_differs",
        "happening_not_in_source",
        "words_of_the_question",
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """The record said one thing and later another in its place.

    Attributes:
        was: The value that holds no longer, as the record writes it.
        now: The value that holds.
        replaced: Where the first is said.
        by: Where the second is said; the answer cites it.
    """

    was: str
    now: str
    replaced: Citation
    by: Citation

    @property
    def told(self) -> str:
        """The change in a sentence, with its marks."""
        return f"{self.now} [{self.by.mark}] holds in place of {self.was} [{self.replaced.mark}]."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of several things that the record says of the same, with who says it.

    Attributes:
        value: What this side says, as the record writes it.
        citations: Where, best first; copies of one story are one citation.
    """

    value: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Sources disagree, and none supersedes the other; the answer cites each side."""

    sides: tuple[Side, ...]

    def __post_init__(self) -> None:
        if len(self.sides) < 2:  # noqa: PLR2004  - it takes two
            raise ValueError("A conflict has two sides at least")

    @property
    def told(self) -> str:
        """The disagreement in a sentence, with its marks."""
        return f"The sources disagree: {'; '.join(f'{side.value} {_marks(side.citations)}' for side in self.sides)}."


class RefusalReason(StrEnum):
    """Why the record does not answer."""

    NO_DOCUMENT = "no_document"
    NOTHING_IN_TIME_SCOPE = "nothing_in_time_scope"
    NOT_ANSWERED_BY_THE_RECORD = "not_answered_by_the_record"
    FALSE_PREMISE = "false_premise"
    CONFLICTING = "conflicting"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUsed:
    """Which released prompt was rendered, and what it was made of.

    Attributes:
        parts: Characters by part: `instructions`, each piece of evidence under its id, `question`.
    """

    name: str
    version: int
    digest: str
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What happened for one answer; the reader sees what the model saw.

    Attributes:
        passages: Every passage that retrieval handed on, best first.
        evidence: Every evidence sentence that was shown to the writer.
        answerability: How likely the record answers the question, 0..1; `None` when there was nothing to search, or it
            was not judged.
        signals: What that was judged by, by name.
        model: Model id, or `None` when the answer was written without one.
        notes: What the reader should know about how it went, e.g. that the model was unavailable.
        timings_ms: Milliseconds per stage: understand, retrieve, evidence, write, verify, total.
    """

    stand_alone_question: str
    scope: TimeScope
    passages: tuple[RankedPassage, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    answerability: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    prompt: PromptUsed | None = None
    model: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    notes: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedAnswer:
    """An answer in which every sentence carries at least one citation.

    Attributes:
        superseded: What the record said before of what it is asked, in the order of time.
        conflicts: What sources disagree on.
    """

    answer_id: str
    question: Question
    mode: Literal["extractive", "model"]
    sentences: tuple[AnswerSentence, ...]
    withheld: tuple[WithheldSentence, ...]
    trace: Trace
    superseded: tuple[Superseded, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    def __post_init__(self) -> None:
        if not self.sentences:
            raise ValueError("A cited answer has at least one sentence")

    @property
    def text(self) -> str:
        """All sentences with their marks: `They met Xi. [1] They signed. [1] [2]`."""
        return " ".join(sentence.marked for sentence in self.sentences)

    @property
    def told_beside(self) -> tuple[str, ...]:
        """What the record says in more than one way, a sentence each: what was replaced, what is disputed."""
        return (*(one.told for one in self.superseded), *(one.told for one in self.conflicts))

    @property
    def cited(self) -> tuple[Citation, ...]:
        """Every citation once, by its mark, those of what was replaced and of what is disputed included."""
        found = [
            *(citation for sentence in self.sentences for citation in sentence.citations),
            *(citation for one in self.superseded for citation in (one.replaced, one.by)),
            *(citation for one in self.conflicts for side in one.sides for citation in side.citations),
        ]
        by_mark = {citation.mark: citation for citation in found}
        return tuple(by_mark[mark] for mark in sorted(by_mark))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The record does not answer; a refusal is a result, not an error.

    Attributes:
        message: For the reader: what was looked for and why it was not found.
        nearest: The closest passages, as citations with `mark` counted from 1.
        withheld: Sentences that were written but did not survive the checks.
    """

    answer_id: str
    question: Question
    reason: RefusalReason
    message: str
    nearest: tuple[Citation, ...]
    trace: Trace
    withheld: tuple[WithheldSentence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing that a question may mean, with the words that name it."""

    text: str
    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarification:
    """The question may mean several things; the reply completes it, see `Question.history`.

    Attributes:
        asks: The question to the reader.
        options: What may be meant, the likeliest first; two at least.
    """

    answer_id: str
    question: Question
    asks: str
    options: tuple[Option, ...]
    trace: Trace

    def __post_init__(self) -> None:
        if len(self.options) < 2:  # noqa: PLR2004  - of one there is nothing to ask
            raise ValueError("A clarification has two options at least")


Answer = CitedAnswer | Refusal | Clarification
