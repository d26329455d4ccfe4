"""PDF: the words of each page, lines joined into paragraphs, pages kept as spans."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import pypdfium2

from domain.corpus import Span
from domain.errors import IngestError
from ingest.cleaning import Cleaner
from ingest.dates import read_date
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import header_of
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.readers.file_properties import DATE_NOTE, stated_author, stated_title
from ingest.readers.pdf_paragraphs import Line, hyphenated_words, joined_lines, paragraphs_of, runs_on

_BLANK_PAGE = "\n\n"  # Numbering counts spans, so that a page without words needs one too.
_LINE_END = re.compile(r"\r\n|\r|\n")
_CREATED = re.compile(r"(?:D:)?(\d{8})")
_LISTED_PAGES = 5


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the document with its pages."""
    with closing(_opened(source)) as file:
        pages = [_lines_of(file, number) for number in range(len(file))]
        info = file.get_metadata_dict()
    cleaner = Cleaner()
    text, spans = _joined(pages, cleaner)
    header = header_of(text)
    made = _info(info)
    notes = [*cleaner.notes(), *_missing(pages), *header.notes]
    if b"startxref" not in source.content[-4096:]:
        notes.append("the file is incomplete or was repaired; words may be missing")
    if header.metadata.published is None and made.published is not None:
        notes.append(DATE_NOTE)
    return (
        ParsedDocument(
            text=text,
            metadata=Metadata(title=made.title).over(header.metadata).over(made),
            media_type=MEDIA_TYPES[Format.PDF],
            pages=spans,
            notes=tuple(notes),
        ),
    )


def _opened(source: RawSource) -> pypdfium2.PdfDocument:
    try:
        file = pypdfium2.PdfDocument(source.content)
    except pypdfium2.PdfiumError as error:
        raise _failure(source, error) from error
    if not len(file):
        file.close()
        raise IngestError(f"{source.name!r} has no pages", reason="damaged_file", hint="Copy or download it again.")
    return file


def _failure(source: RawSource, error: Exception) -> IngestError:
    if re.search("password|security", str(error), re.IGNORECASE):
        return IngestError(
            f"{source.name!r} is encrypted", reason="encrypted", hint="Save it without a password and ingest it again."
        )
    return IngestError(
        f"{source.name!r} is a damaged or incomplete PDF: {error}",
        reason="damaged_file",
        hint="Copy or download it again, or print it to a new PDF.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """The lines of one page; `is_readable` is false for one that pdfium refuses."""

    lines: tuple[Line, ...] = ()
    is_readable: bool = True


def _lines_of(file: pypdfium2.PdfDocument, number: int) -> _Page:
    try:
        with closing(file[number]) as page, closing(page.get_textpage()) as words:
            return _Page(lines=tuple(_lines(words)))
    except pypdfium2.PdfiumError:
        return _Page(is_readable=False)


def _lines(words: pypdfium2.PdfTextPage) -> Iterator[Line]:
    text = words.get_text_range()
    # Characters beyond the basic plane count twice in pdfium's indices; places are then unknown.
    has_places = len(text) == words.count_chars()
    at = 0
    for piece in _LINE_END.split(text):
        body = piece.strip()
        if body:
            first = at + len(piece) - len(piece.lstrip())
            yield (
                _placed(words, body, first)
                if has_places
                else Line(text=body, left=0, right=len(body), bottom=0, height=0)
            )
        at += len(piece)
        at += len(match[0]) if (match := _LINE_END.match(text, at)) else 0


def _placed(words: pypdfium2.PdfTextPage, body: str, first: int) -> Line:
    start = words.get_charbox(first, loose=True)
    end = words.get_charbox(first + len(body) - 1, loose=True)
    return Line(text=body, left=start[0], right=end[2], bottom=start[1], height=start[3] - start[1])


def _joined(pages: Sequence[_Page], cleaner: Cleaner) -> tuple[str, tuple[Span, ...]]:
    """Return the text and each page's span in it."""
    hyphenated = hyphenated_words([line.text for page in pages for line in page.lines])
    parts: list[str] = []
    spans: list[Span] = []
    length = 0
    for page in pages:
        paragraphs = [joined_lines(lines, hyphenated=hyphenated) for lines in paragraphs_of(page.lines)]
        body = cleaner.clean("\n\n".join(paragraphs)).strip()
        if body and parts:
            separator = "\n" if runs_on(parts[-1], body) else "\n\n"
            parts.append(separator)
            length += len(separator)
        body = body or _BLANK_PAGE
        parts.append(body)
        spans.append(Span(start=length, end=length + len(body)))
        length += len(body)
    return "".join(parts), tuple(spans)


def _missing(pages: Sequence[_Page]) -> Iterator[str]:
    unreadable = [number for number, page in enumerate(pages, 1) if not page.is_readable]
    blank = [number for number, page in enumerate(pages, 1) if page.is_readable and not page.lines]
    for numbers, what in ((unreadable, "cannot be read"), (blank, "without text, perhaps pictures")):
        if numbers:
            listed = ", ".join(map(str, numbers[:_LISTED_PAGES])) + (", …" if len(numbers) > _LISTED_PAGES else "")
            yield f"{len(numbers)} of {len(pages)} pages {what}: {listed}"


def _info(info: dict[str, str]) -> Metadata:
    created = _CREATED.match(info.get("CreationDate", ""))
    return Metadata(
        title=stated_title(info.get("Title")),
        publisher=stated_author(info.get("Author")),
        published=read_date(created[1]).value if created else None,
    )
