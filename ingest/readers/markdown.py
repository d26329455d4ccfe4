"""Markdown: the source text as it stands, without its front matter, which is metadata."""

import re
from dataclasses import dataclass

from ingest.cleaning import Cleaner, clean_line, decode
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import Header, header_of, header_of_keys
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.readers.text import charset_of

_FRONT_MATTER_CHARS = 20_000
_OPENING = re.compile(r"\s*---[ \t]*\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_PAIR = re.compile(r"([A-Za-z_][\w -]{0,40}?)[ \t]*:(?:[ \t]+(.*))?")
_TITLE = re.compile(r"^#[ \t]+(\S[^\n]*)$", re.MULTILINE)
_UNDERLINED_TITLE = re.compile(r"\s*(\S[^\n]{0,200})\n={3,}[ \t]*(?:\n|\Z)")


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the text as one document."""
    decoded = decode(source.content, charset=charset_of(source.media_type))
    cleaner = Cleaner()
    parts = split_front_matter(cleaner.clean(decoded.text))
    body = header_of(_without_headings(parts.body))
    title = Metadata(title=_title(parts.body))
    return (
        ParsedDocument(
            text=parts.body,
            metadata=parts.header.metadata.over(title).over(body.metadata),
            media_type=MEDIA_TYPES[Format.MARKDOWN],
            notes=(*decoded.notes, *cleaner.notes(), *dict.fromkeys(parts.header.notes + body.notes)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """A Markdown text, and what the block in front of it says."""

    header: Header
    body: str


def split_front_matter(text: str) -> FrontMatter:
    """Split off a block of `key: value` lines between lines of three hyphens; only our own keys are understood."""
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end(), opening.end() + _FRONT_MATTER_CHARS) if opening else None
    if opening is None or closing is None:
        return FrontMatter(header=Header(), body=text)
    lines = text[opening.end() : closing.start()].splitlines()
    pairs = [_PAIR.fullmatch(line.rstrip()) for line in lines]
    is_block = all(
        pair is not None or not line.strip() or line[0] in " \t#-]}" for line, pair in zip(lines, pairs, strict=True)
    )
    if not is_block or not any(pairs):
        return FrontMatter(header=Header(), body=text)  # A horizontal rule, and a text that happens to have another.
    values = {pair[1]: _unquoted(pair[2] or "") for pair in pairs if pair is not None}
    return FrontMatter(header=header_of_keys(values), body=text[closing.end() :].lstrip("\n"))


def _unquoted(value: str) -> str:
    value = value.strip()
    for quote in ('"', "'"):
        if len(value) > 1 and value.startswith(quote) and (end := value.find(quote, 1)) > 0:
            return value[1:end]
    return value.partition(" #")[0].rstrip()


def _title(body: str) -> str | None:
    match = _UNDERLINED_TITLE.match(body) or _TITLE.search(body)
    return clean_line(re.sub(r"[*_`]+|\s#+\s*$", "", match[1])) if match else None


def _without_headings(body: str) -> str:
    """Return the text from its first line that is no heading, where a dateline may stand."""
    match = re.search(r"^(?!#|=+\s*$|-+\s*$)\S", body, re.MULTILINE)
    return body[match.start() :] if match else body
