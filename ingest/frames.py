"""What parser and parent say to each other: a JSON header and raw bytes, both preceded by their lengths."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from domain.corpus import Span
from domain.errors import IngestError
from ingest.parsed import Metadata, ParsedDocument, RawSource

MAX_TEXT_CHARS: Final = 20_000_000
"""Longest text of one source: some thirty long novels; what inflates to more is no document."""
LENGTHS: Final = struct.Struct(">IQ")
READY: Final = "ready"
"""Name of what a child says when it has started: the most memory, in kB, that its process ever used so far."""
_MAX_HEADER_BYTES: Final = 256_000_000  # A million pages' spans need a tenth of it.
_MAX_BODY_BYTES: Final = 4 * MAX_TEXT_CHARS


class FrameError(Exception):
    """What came is not a frame of this protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How many bytes of header and body follow."""

    header: int
    body: int

    @property
    def total(self) -> int:
        """Bytes that follow."""
        return self.header + self.body


def lengths_of(prefix: bytes) -> Lengths:
    """Read the prefix of a reply.

    Raises:
        FrameError: If it announces more than any reply may have.
    """
    header, body = LENGTHS.unpack(prefix)
    if header > _MAX_HEADER_BYTES or body > _MAX_BODY_BYTES:
        raise FrameError(f"a reply of {header} + {body} bytes")
    return Lengths(header=header, body=body)


def framed(header: Mapping[str, Any], body_bytes: int) -> bytes:
    """Return prefix and header of a frame whose body of `body_bytes` follows."""
    encoded = json.dumps(header, separators=(",", ":")).encode("ascii")
    return LENGTHS.pack(len(encoded), body_bytes) + encoded


def header_of_request(source: RawSource) -> dict[str, Any]:
    """Return what the child is told of a source; its bytes are the body."""
    return {"uri": source.uri, "name": source.name, "media_type": source.media_type}


def source_from(header: Mapping[str, Any], content: bytes) -> RawSource:
    """Return the source that a request describes."""
    return RawSource(uri=header["uri"], name=header["name"], media_type=header["media_type"], content=content)


def reply_of(documents: tuple[ParsedDocument, ...]) -> tuple[dict[str, Any], list[bytes]]:
    """Return header and body of a reply; the body is the texts, one behind the other, in UTF-8."""
    texts = [document.text.encode("utf-8") for document in documents]
    described = [_described(document, len(text)) for document, text in zip(documents, texts, strict=True)]
    return {"documents": described}, texts


def reply_of_error(error: IngestError) -> dict[str, Any]:
    """Return the header of a reply that says why a source could not be read."""
    return {"error": {"message": error.message, "reason": error.reason, "hint": error.hint}}


def documents_from(header: Mapping[str, Any], body: memoryview) -> tuple[ParsedDocument, ...]:
    """Return the documents of a reply.

    Raises:
        IngestError: As the child raised it.
        FrameError: If the reply is not one; a child that a document has taken over may say anything.
    """
    try:
        if "error" in header:
            error = header["error"]
            raise IngestError(str(error["message"]), reason=str(error["reason"]), hint=str(error["hint"]))
        return tuple(_documents(header["documents"], body))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FrameError(f"a reply that cannot be read: {error}") from error


def _described(document: ParsedDocument, text_bytes: int) -> dict[str, Any]:
    metadata = document.metadata
    return {
        "key": document.key,
        "text_bytes": text_bytes,
        "title": metadata.title,
        "publisher": metadata.publisher,
        "published": metadata.published and metadata.published.isoformat(),
        "place": metadata.place,
        "language": metadata.language,
        "media_type": document.media_type,
        "pages": [(page.start, page.end) for page in document.pages],
        "notes": document.notes,
    }


def _documents(described: list[Mapping[str, Any]], body: memoryview) -> list[ParsedDocument]:
    documents, at = [], 0
    for entry in described:
        end = at + int(entry["text_bytes"])
        documents.append(_document(entry, str(body[at:end], "utf-8")))
        at = end
    if at != len(body):
        raise ValueError(f"texts of {at} bytes in a body of {len(body)}")
    return documents


def _document(entry: Mapping[str, Any], text: str) -> ParsedDocument:
    pages = tuple(Span(start=start, end=end) for start, end in entry["pages"])
    if any(page.end > len(text) for page in pages):
        raise ValueError("a page outside the text")
    return ParsedDocument(
        key=str(entry["key"]),
        text=text,
        metadata=Metadata(
            title=_optional(entry["title"]),
            publisher=_optional(entry["publisher"]),
            published=date.fromisoformat(entry["published"]) if entry["published"] else None,
            place=_optional(entry["place"]),
            language=_optional(entry["language"]),
        ),
        media_type=str(entry["media_type"]),
        pages=pages,
        notes=tuple(map(str, entry["notes"])),
    )


def _optional(value: object) -> str | None:
    return None if value is None else str(value)
