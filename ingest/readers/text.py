"""Plain text: the words as they stand, with what the first lines say of them."""

import re

from ingest.cleaning import Cleaner, decode
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import header_of
from ingest.parsed import ParsedDocument, RawSource

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")
_WRAPPED_CHARS = 200  # No program wraps lines that late: a longer line was not wrapped.


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the text as one document."""
    decoded = decode(source.content, charset=charset_of(source.media_type))
    cleaner = Cleaner()
    text = cleaner.clean(decoded.text)
    separated = with_blank_lines(text)
    notes = ("a blank line was put between paragraphs of one line each",) if separated != text else ()
    header = header_of(separated)
    return (
        ParsedDocument(
            text=separated,
            metadata=header.metadata,
            media_type=MEDIA_TYPES[Format.TEXT],
            notes=(*decoded.notes, *cleaner.notes(), *notes, *header.notes),
        ),
    )


def charset_of(media_type: str | None) -> str | None:
    """Return the `charset` parameter of a media type."""
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", media_type or "", re.IGNORECASE)
    return match[1] if match else None


def with_blank_lines(text: str) -> str:
    """Return text whose lines are whole paragraphs with a blank line between them; any other text as it is."""
    if _BLANK_LINES.search(text) or not any(len(line) > _WRAPPED_CHARS for line in text.split("\n")):
        return text
    return re.sub(r"\n(?=.)", "\n\n", text)
