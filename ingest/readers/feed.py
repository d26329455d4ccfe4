"""RSS and Atom: one document per entry, with the words that the feed itself carries; nothing is fetched."""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import feedparser

from domain.errors import IngestError
from ingest.cleaning import Cleaner, clean_line
from ingest.dates import ReadDate, read_date
from ingest.headers import header_of, language_code
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.readers.html import text_of_fragment

_RSS, _ATOM = "application/rss+xml", "application/atom+xml"
_MAX_KEY_CHARS = 2000
_WORD = re.compile(r"[^\W_]")


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the entries that have words; their keys are their ids, or else their links."""
    # A stream: feedparser takes short strings and bytes for names of files and addresses.
    feed = feedparser.parse(io.BytesIO(source.content), sanitize_html=False, resolve_relative_uris=False)
    if feed.bozo and not feed.entries:
        raise IngestError(
            f"{source.name!r} is a damaged feed: {feed.get('bozo_exception')}",
            reason="damaged_file",
            hint="Download it again.",
        )
    documents = list(_documents(feed))
    missing = len(feed.entries) - len(documents)
    notes = [f"{missing} entr{'y' if missing == 1 else 'ies'} without text left out"] if missing else []
    if feed.bozo and not isinstance(feed.bozo_exception, feedparser.CharacterEncodingOverride):
        notes.append("the feed is not well-formed XML; entries may be missing")
    if documents and notes:
        documents[0] = replace(documents[0], notes=(*documents[0].notes, *notes))
    return tuple(documents)


def _documents(feed: Any) -> Iterator[ParsedDocument]:
    media_type = _ATOM if str(feed.get("version", "")).startswith("atom") else _RSS
    for entry in feed.entries:
        cleaner = Cleaner()
        title = clean_line(text_of_fragment(entry.get("title", "")))
        text = cleaner.clean(_body(entry)) or title or ""
        if not _WORD.search(text):
            continue
        header = header_of(text)
        day, notes = _published(entry)
        stated = Metadata(
            title=title,
            publisher=_publisher(entry, feed.feed),
            published=day.value,
            language=language_code(entry.get("language") or feed.feed.get("language")),
        )
        yield ParsedDocument(
            key=_key(entry, text),
            text=text,
            metadata=stated.over(header.metadata),
            media_type=media_type,
            notes=(*cleaner.notes(), *notes, *header.notes),
        )


def _body(entry: Any) -> str:
    """Return the longest of the forms in which the entry carries its text."""
    forms = [*(content.get("value", "") for content in entry.get("content", [])), entry.get("summary", "")]
    return max((text_of_fragment(form) for form in forms), key=len, default="")


def _key(entry: Any, text: str) -> str:
    """Return the entry's id, else its link, else a digest of its text; a digest too of an id that is absurdly long."""
    stated = Cleaner().clean(str(entry.get("id") or entry.get("link") or "")).strip()
    if stated and len(stated) <= _MAX_KEY_CHARS:
        return stated
    return "sha256:" + hashlib.sha256((stated or text).encode()).hexdigest()


def _publisher(entry: Any, feed: Any) -> str | None:
    origin = entry.get("source")
    named = origin.get("title") if isinstance(origin, dict) else None
    return (
        clean_line(named)
        or clean_line(entry.get("publisher") or feed.get("publisher"))
        or clean_line(feed.get("title"))
    )


def _published(entry: Any) -> tuple[ReadDate, tuple[str, ...]]:
    """Return the day as the entry writes it; feedparser's own reading moves it to UTC."""
    day = read_date(entry.get("published"))
    if day.value is None and not entry.get("published"):
        changed = read_date(entry.get("updated"))
        if changed.value is not None:
            return changed, ("the date is that of the entry's last change, since it states no other",)
    return day, (day.note,) if day.note else ()
