"""A document as a page for readers: every paragraph its own, the quoted words marked in their place."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files
from typing import Final

from domain.corpus import Document, DocumentHeader, Span
from service.rendering import source_url

_STYLE: Final = files("service.api").joinpath("page.css").read_text("utf-8")
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""Nothing may be loaded or run: the page shows the words of strangers."""

_BLANK_LINES: Final = re.compile(r"\n\s*\n")


def source_page(
    document: Document,
    *,
    newest: DocumentHeader,
    quote: Span | None,
    notice: str = "",
    link: Callable[[str], str] = str,
) -> str:
    """Return a document as HTML.

    Args:
        document: What is shown; it is only ever escaped text.
        newest: The document's newest version, to tell a reader of an older one.
        quote: Words to mark. Where they go on over a blank line there is one `<mark>` per paragraph; the first of
            them is `#quote`.
        notice: A remark above the text.
        link: Makes a path of this server what it must be where the page is shown.
    """
    header = document.header
    title = header.title or "Untitled document"
    parts = [
        f"<header><h1>{_escaped(title)}</h1>{_about(header)}</header>",
        _note(notice) if notice else "",
        _older_version(header, newest, link),
        *(_paragraph(document.text, paragraph, quote) for paragraph in paragraphs_of(document.text)),
    ]
    language = header.language or ""
    return _page(title, f'<article lang="{_escaped(language)}">' + "\n".join(filter(None, parts)) + "</article>")


def missing_page() -> str:
    """Return the page for a document that is not in the record."""
    return notice_page(
        "Not in the record", "There is no such document or version here. It may have been deleted since it was cited."
    )


def notice_page(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return _page(title, f"<article><h1>{_escaped(title)}</h1><p>{_escaped(text)}</p></article>")


def paragraphs_of(text: str) -> Iterator[Span]:
    """Yield the stretches of `text` between blank lines, in order."""
    start = 0
    for gap in _BLANK_LINES.finditer(text):
        if text[start : gap.start()].strip():
            yield Span(start=start, end=gap.start())
        start = gap.end()
    if text[start:].strip():
        yield Span(start=start, end=len(text))


def _paragraph(text: str, paragraph: Span, quote: Span | None) -> str:
    start = end = paragraph.end
    if quote is not None and quote.start < paragraph.end and paragraph.start < quote.end:
        start, end = max(quote.start, paragraph.start), min(quote.end, paragraph.end)
    before, marked, after = text[paragraph.start : start], text[start:end], text[end : paragraph.end]
    if not marked:
        return f"<p>{_escaped(before)}</p>"
    anchor = ' id="quote"' if quote is not None and _is_first(text, paragraph, quote) else ""
    return f"<p>{_escaped(before)}<mark{anchor}>{_escaped(marked)}</mark>{_escaped(after)}</p>"


def _is_first(text: str, paragraph: Span, quote: Span) -> bool:
    return paragraph.start <= quote.start or not text[quote.start : paragraph.start].strip()


def _about(header: DocumentHeader) -> str:
    day = header.published
    said = [
        f"<span>{_escaped(header.publisher)}</span>" if header.publisher else "",
        f'<time datetime="{day.isoformat()}">{day.day} {day:%B %Y}</time>' if day else "<span>undated</span>",
        f"<span>{_escaped(header.place)}</span>" if header.place else "",
        _original(header.source_uri),
    ]
    return f'<p class="about">{" · ".join(filter(None, said))}</p>'


def _original(uri: str) -> str:
    # Other schemes are no use to a reader, and `javascript:` would be worse.
    if not uri.startswith(("http://", "https://")):
        return ""
    return f'<a href="{_escaped(uri)}" rel="noreferrer noopener nofollow">original</a>'


def _older_version(header: DocumentHeader, newest: DocumentHeader, to: Callable[[str], str]) -> str:
    if header.version == newest.version:
        return ""
    link = f'<a href="{_escaped(to(source_url(newest)))}">version {newest.version}</a>'
    return f'<p class="notice">This is version {header.version}. It was replaced by {link}.</p>'


def _note(notice: str) -> str:
    return f'<p class="notice">{_escaped(notice)}</p>'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_escaped(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _escaped(text: str) -> str:
    # A parser of HTML would read a bare carriage return as a line feed, and the marked words would differ.
    return escape(text).replace("\r", "&#13;")
