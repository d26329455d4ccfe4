"""DOCX: paragraphs and tables in their order, as the document shows them; metadata from its core properties."""

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from domain.errors import IngestError
from ingest.cleaning import Cleaner
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import header_of, language_code
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.readers.file_properties import DATE_NOTE, stated_author, stated_title

_MAX_UNPACKED_BYTES = 400_000_000
_TEMPLATE_MADE = datetime(2013, 12, 23, 23, 15)  # noqa: DTZ001  - python-docx's template; it says nothing of a document
# Words that the document does not show: deleted, moved away, or a second form of what stands beside it.
_NOT_SHOWN = frozenset(
    {qn("w:del"), qn("w:moveFrom"), qn("w:instrText"), qn("w:delText"),
     "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
)  # fmt: skip
_CONTAINERS = frozenset(
    {qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:smartTag"), qn("w:customXml")}
)


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the document."""
    _check_size(source)
    try:
        document = docx.Document(io.BytesIO(source.content))
        blocks = list(_blocks(document.element.body))
        properties = _properties(document)
    except (PackageNotFoundError, zipfile.BadZipFile, etree.XMLSyntaxError, KeyError, ValueError, OSError) as error:
        raise IngestError(
            f"{source.name!r} is a damaged DOCX: {error}",
            reason="damaged_file",
            hint="Save it again with the program that made it.",
        ) from error
    cleaner = Cleaner()
    text = cleaner.clean("\n\n".join(block for block in blocks if block))
    header = header_of(text)
    notes = [*cleaner.notes(), *header.notes]
    if header.metadata.published is None and properties.published is not None:
        notes.append(DATE_NOTE)
    return (
        ParsedDocument(
            text=text,
            metadata=Metadata(title=properties.title).over(header.metadata).over(properties),
            media_type=MEDIA_TYPES[Format.DOCX],
            notes=tuple(notes),
        ),
    )


def _check_size(source: RawSource) -> None:
    with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
        entries = archive.infolist()
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise IngestError(
            f"{source.name!r} is encrypted", reason="encrypted", hint="Save it without a password and ingest it again."
        )
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _MAX_UNPACKED_BYTES:
        raise IngestError(
            f"{source.name!r} unpacks to {unpacked:,} bytes, more than the {_MAX_UNPACKED_BYTES:,} that are read",
            reason="too_large",
            hint="Remove its pictures, or split it.",
        )


def _blocks(parent: Any) -> Iterator[str]:
    for child in parent:
        if child.tag == qn("w:p"):
            yield _words(child)
        elif child.tag == qn("w:tbl"):
            yield from _rows(child)
        elif child.tag in _CONTAINERS:
            yield from _blocks(child)


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(qn("w:tr")):
        if _table_of(row) is table:
            cells = (
                " ".join(block for block in _blocks(cell) if block)
                for cell in row.iter(qn("w:tc"))
                if _row_of(cell) is row
            )
            yield " | ".join(cell for cell in cells if cell)


def _table_of(row: Any) -> Any:
    return next(row.iterancestors(qn("w:tbl")), None)


def _row_of(cell: Any) -> Any:
    return next(cell.iterancestors(qn("w:tr")), None)


def _words(paragraph: Any) -> str:
    return "".join(_shown(paragraph)).strip()


def _shown(element: Any) -> Iterator[str]:
    """Yield the words of a paragraph as the document shows them, insertions included."""
    for child in element:
        tag = child.tag
        if tag == qn("w:t"):
            yield child.text or ""
        elif tag == qn("w:tab"):
            yield "\t" if element.tag == qn("w:r") else ""
        elif tag in {qn("w:br"), qn("w:cr")}:
            yield "\n"
        elif tag == qn("w:noBreakHyphen"):
            yield "-"
        elif tag not in _NOT_SHOWN and isinstance(tag, str) and not _is_hidden(child):
            yield from _shown(child)


def _is_hidden(run: Any) -> bool:
    vanish = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}") if run.tag == qn("w:r") else None
    return vanish is not None and vanish.get(qn("w:val")) not in {"0", "false", "off"}


def _properties(document: Any) -> Metadata:
    core = document.core_properties
    made = core.created
    is_known = made is not None and made.replace(tzinfo=None) != _TEMPLATE_MADE
    return Metadata(
        title=stated_title(core.title),
        publisher=stated_author(core.author),
        published=made.date() if is_known else None,
        language=language_code(core.language),
    )
