"""Passages: a document's paragraphs as exact spans that together cover all of its words."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.corpus import Document, Passage, Span, passage_id_of
from ingest.sentences import sentence_spans

_PARAGRAPH_END = re.compile(r"\n(?:[^\S\n]*\n)+|\n(?=#{1,6} )|(?<=\n)(?=#{1,6} )")
_MARKDOWN_HEADING = re.compile(r"#{1,6} [^\n]+\n")
_HEADING_CHARS = 100
_HEADING_WORDS = 14
_SENTENCE_MARKS = '.!?…:;,"”’»|。！？'
_LIST_MARKS = "-–—•*▪◦●|"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One future passage: its place, its sentences, and the heading above it."""

    span: Span
    sentences: tuple[Span, ...]
    heading: str | None


def split_passages(document: Document, *, max_chars: int) -> tuple[Passage, ...]:
    """Split a document into passages, one per paragraph.

    Every character of the text that is not white space lies in exactly one passage, headings too. A paragraph
    longer than `max_chars` is split at sentence ends; a sentence that is longer still at a space, or where there is
    none at `max_chars` itself.

    Args:
        document: Paragraphs are separated by blank lines; a Markdown heading's line is one of its own.
        max_chars: The longest passage, in Unicode code points.

    Returns:
        Passages in reading order, at least one.

    Raises:
        ValueError: If `max_chars` is not positive.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars is at least 1, got {max_chars}")
    header, text = document.header, document.text
    page_starts = [page.start for page in document.pages]
    return tuple(
        Passage(
            passage_id=passage_id_of(header.document_id, header.version, piece.span),
            document_id=header.document_id,
            version=header.version,
            ordinal=ordinal,
            span=piece.span,
            text=piece.span.of(text),
            sentences=piece.sentences,
            heading=piece.heading,
            page=bisect_right(page_starts, piece.span.start) or None,
        )
        for ordinal, piece in enumerate(_pieces(text, language=header.language or "en", max_chars=max_chars))
    )


def _pieces(text: str, *, language: str, max_chars: int) -> Iterator[_Piece]:
    paragraphs = [span for start, end in _paragraphs(text) if (span := _trimmed(text, start, end)) is not None]
    heading: str | None = None
    for position, span in enumerate(paragraphs):
        following = paragraphs[position + 1] if position + 1 < len(paragraphs) else None
        is_heading = following is not None and _is_heading(text, span, following)
        if is_heading:
            heading = " ".join(span.of(text).lstrip("#").split())
        sentences = _fitting(text, sentence_spans(span.of(text), language=language, offset=span.start), max_chars)
        for group in _groups(sentences, max_chars):
            yield _Piece(
                span=Span(start=group[0].start, end=group[-1].end),
                sentences=tuple(group),
                heading=None if is_heading else heading,
            )


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _PARAGRAPH_END.finditer(text):
        yield from _without_heading_line(text, start, match.start())
        start = match.end()
    yield from _without_heading_line(text, start, len(text))


def _without_heading_line(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    heading = _MARKDOWN_HEADING.match(text, start, end)
    if heading is not None:
        yield start, heading.end()
        start = heading.end()
    yield start, end


def _trimmed(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    body = piece.strip()
    if not body:
        return None
    first = start + len(piece) - len(piece.lstrip())
    return Span(start=first, end=first + len(body))


def _is_heading(text: str, span: Span, following: Span) -> bool:
    return _looks_like_heading(span.of(text)) and not _looks_like_heading(
        text[following.start : min(following.end, following.start + _HEADING_CHARS + 1)]
    )


def _looks_like_heading(paragraph: str) -> bool:
    if len(paragraph) > _HEADING_CHARS or "\n" in paragraph:
        return False
    if paragraph.startswith("#"):
        return True
    return (
        paragraph[-1] not in _SENTENCE_MARKS
        and paragraph[0] not in _LIST_MARKS
        and len(paragraph.split()) <= _HEADING_WORDS
        and any(character.isalpha() for character in paragraph)
    )


def _fitting(text: str, sentences: Sequence[Span], max_chars: int) -> list[Span]:
    return [piece for sentence in sentences for piece in _short_enough(text, sentence, max_chars)]


def _short_enough(text: str, sentence: Span, max_chars: int) -> Iterator[Span]:
    start = sentence.start
    while sentence.end - start > max_chars:
        space = max(text.rfind(white, start + 1, start + max_chars + 1) for white in " \n\t")
        cut = space if space > start else start + max_chars
        if (piece := _trimmed(text, start, cut)) is not None:
            yield piece
        start = cut
        while start < sentence.end and text[start].isspace():
            start += 1
    if (piece := _trimmed(text, start, sentence.end)) is not None:
        yield piece


def _groups(sentences: Sequence[Span], max_chars: int) -> Iterator[list[Span]]:
    """Pack sentences into passages of at most `max_chars`."""
    group: list[Span] = []
    for sentence in sentences:
        if group and sentence.end - group[0].start > max_chars:
            yield group
            group = []
        group.append(sentence)
    if group:
        yield group
