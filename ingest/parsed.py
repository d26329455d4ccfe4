"""What stands between a source's bytes and a document of the record."""

from dataclasses import dataclass, field
from datetime import date
from typing import Self

from domain.corpus import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a source, its format, or the user says about a document; `None` where nothing says it."""

    title: str | None = None
    publisher: str | None = None
    published: date | None = None
    place: str | None = None
    language: str | None = None

    def over(self, weaker: Self) -> "Metadata":
        """Return these values, filled up from `weaker` where they are unknown."""
        return Metadata(
            title=self.title or weaker.title,
            publisher=self.publisher or weaker.publisher,
            published=self.published or weaker.published,
            place=self.place or weaker.place,
            language=self.language or weaker.language,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSource:
    """Bytes as they were found, not yet understood.

    Attributes:
        uri: `file:`, `http(s):` or `upload:` URI; with the entry's `key` it is the document's identity.
        name: Display name, for messages; never used as a path.
        content: The bytes.
        media_type: What the transport declared; a hint, since content decides.
        declared: From flags, or from the container (a JSON line); stronger than what the text says.
    """

    uri: str
    name: str
    content: bytes = field(repr=False)
    media_type: str | None = None
    declared: Metadata = Metadata()


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedSource:
    """Something that was named or found but cannot be read, with a stable reason and a message."""

    uri: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A source's text and what it says of itself.

    Attributes:
        key: Identity inside a source that holds several documents (a feed's entry id); empty otherwise.
        text: Sanitised text; paragraphs are separated by blank lines.
        metadata: As found by the reader (headers, format metadata), already below `RawSource.declared`.
        pages: Spans of printed pages in `text`, in order; empty where the format has none.
        notes: What the reader changed or left out, for the report, e.g. `3 NUL characters removed`.
    """

    key: str = ""
    text: str
    metadata: Metadata
    media_type: str
    pages: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
