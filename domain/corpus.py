"""The record: documents, passages, statements, and passages as retrieval ranks them."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Self


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """A half-open range of Unicode code points, `text[start:end]`.

    Raises:
        ValueError: If the range is empty, reversed or negative.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"Span needs 0 <= start < end, got {self.start}..{self.end}")

    def of(self, text: str) -> str:
        """Return the words that this span covers in `text`."""
        return text[self.start : self.end]

    def contains(self, other: Self) -> bool:
        """Tell whether `other` lies inside this span."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentHeader:
    """What is known about one version of a document, without its text.

    Unknown stays unknown: a field is `None` unless the document, its metadata or the user said it.

    Attributes:
        document_id: Stable per source, so that a new version replaces the old one.
        version: 1 for the first, counted up with each change of content.
        content_sha256: SHA-256 of the text, hexadecimal.
        source_uri: Where it was read from: a `file:`, `http(s):` or `upload:` URI.
        published: Date of publication; the date of the event is in the text.
        place: The dateline's place, as in `BEIJING`.
        language: ISO 639-1 code where it was detected or declared.
        media_type: Media type of the bytes it was read from.
        duplicate_of: The document of which this one is a copy; `None` for an original.
        duplicate_kind: How it is a copy: the same text, or nearly the same.
        similarity: Estimated Jaccard similarity to `duplicate_of`, in 0..1.
    """

    document_id: str
    version: int
    content_sha256: str
    source_uri: str
    title: str | None = None
    publisher: str | None = None
    published: date | None = None
    place: str | None = None
    language: str | None = None
    media_type: str = "text/plain"
    duplicate_of: str | None = None
    duplicate_kind: Literal["exact", "near"] | None = None
    similarity: float | None = None

    def __post_init__(self) -> None:
        if self.version < 1:
            raise ValueError(f"Document version starts at 1, got {self.version}")
        if (self.duplicate_of is None) != (self.duplicate_kind is None):
            raise ValueError("duplicate_of and duplicate_kind are given together")

    @property
    def headline(self) -> str:
        """Title, publisher, day and place, as far as they are known; the id where none of them is."""
        known = [self.title, self.publisher, self.published and self.published.isoformat(), self.place]
        return " · ".join(part for part in known if part) or self.document_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of a document with its full text.

    Attributes:
        pages: Spans of printed pages where the source has pages (PDF), in order; else empty.
    """

    header: DocumentHeader
    text: str
    pages: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError(f"Document {self.header.document_id!r} has no text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One paragraph, the unit that is embedded, retrieved and cited.

    Attributes:
        passage_id: From document, version and span, so re-ingesting the same bytes is a no-op.
            The embedding is not part of it: changing the encoder must not rename passages.
        ordinal: 0-based position in the document.
        span: Where it stands in the document's text.
        text: Exactly `document.text[span.start:span.end]`; never cleaned after the fact.
        sentences: Spans in document coordinates, in order, inside `span`.
        heading: The nearest heading above it, for embedding with context; not part of `text`.
        page: 1-based printed page where known.
    """

    passage_id: str
    document_id: str
    version: int
    ordinal: int
    span: Span
    text: str
    sentences: tuple[Span, ...]
    heading: str | None = None
    page: int | None = None

    def __post_init__(self) -> None:
        if len(self.text) != self.span.end - self.span.start:
            raise ValueError(f"Passage {self.passage_id!r}: text and span differ in length")

    def words(self, span: Span) -> str:
        """Return the words of a span given in document coordinates.

        Raises:
            ValueError: If the span leaves this passage.
        """
        if not self.span.contains(span):
            raise ValueError(f"Span {span} is outside passage {self.passage_id!r} {self.span}")
        return self.text[span.start - self.span.start : span.end - self.span.start]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Who says what: a speaker, a reporting verb, and the words attributed to them.

    Attributes:
        speaker: As the document names them: `The Chinese side`, `Both sides`, `President Zardari`.
        verb: The reporting verb as written, or `None` for a bare quotation.
        span: The attributed words, in document coordinates.
        kind: `quoted` for words in quotation marks, `reported` for indirect speech.
    """

    passage_id: str
    speaker: str
    verb: str | None
    span: Span
    kind: Literal["reported", "quoted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citable:
    """A visible passage with all that is needed to show and cite it."""

    passage: Passage
    header: DocumentHeader
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader makes of one passage for one question.

    Attributes:
        answers: Log-odds that the passage answers the question.
        span: The words that answer it best, in document coordinates; `None` in a passage without words.
        span_score: How much more these words score than that nothing answers, in logits.
        sentences: Log-odds of answering of each of the passage's sentences, in order.
    """

    answers: float
    span: Span | None
    span_score: float
    sentences: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPassage:
    """A passage as one retrieval stage ranked it.

    Attributes:
        rank: 1-based.
        score: The stage's own score; comparable only inside one ranking.
        copies: Headers of documents that carry the same words (wire copies folded into this one).
        cosine: How near it is to the question, -1..1; `None` where only its words were compared.
        reading: What the reader made of it; `None` where it was not read.
    """

    citable: Citable
    rank: int
    score: float
    copies: tuple[DocumentHeader, ...] = field(default=())
    cosine: float | None = None
    reading: Reading | None = None

    @property
    def passage(self) -> Passage:
        """The passage itself."""
        return self.citable.passage


def sha256_of(text: str) -> str:
    """Return the hexadecimal SHA-256 of `text` in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def passage_id_of(document_id: str, version: int, span: Span) -> str:
    """Return the id of a passage: 32 hexadecimal digits from document, version and span."""
    return sha256_of(f"{document_id}\x00{version}\x00{span.start}\x00{span.end}")[:32]
