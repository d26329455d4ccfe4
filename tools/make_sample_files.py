"""Writes the PDF and the DOCX of `samples/wire/` from `tools/sample_texts/`: the same text gives the same bytes."""

import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, SimpleDocTemplate

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "tools" / "sample_texts"
SAMPLES = ROOT / "samples" / "wire"
ISSUED_AT = time(9, 0, tzinfo=UTC)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # The earliest that a ZIP archive can hold.

TITLE = ParagraphStyle("title", fontName="Times-Bold", fontSize=17, leading=21, spaceAfter=16)
HEADING = ParagraphStyle("heading", fontName="Times-Bold", fontSize=12, leading=15, spaceBefore=10, spaceAfter=8)
BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=14, spaceAfter=9)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first row is the head."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A line above the paragraphs that follow."""

    text: str


Block = str | Heading | Table  # A plain string is a paragraph.


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleText:
    """One source text: its header lines and its blocks, in reading order."""

    file: str
    title: str
    publisher: str
    keywords: str
    published: date
    blocks: tuple[Block, ...]

    @property
    def issued(self) -> datetime:
        """The moment that the file's own metadata name as its creation."""
        return datetime.combine(self.published, ISSUED_AT)


def read_text(path: Path) -> SampleText:
    """Read a source text: `name: value` lines between two `---`, then blocks separated by blank lines."""
    _, header, body = path.read_text(encoding="utf-8").split("---\n", maxsplit=2)
    values = dict(line.split(": ", maxsplit=1) for line in header.splitlines())
    return SampleText(
        file=values["file"],
        title=values["title"],
        publisher=values["publisher"],
        keywords=values["keywords"],
        published=date.fromisoformat(values["date"]),
        blocks=tuple(_block(part) for part in body.strip().split("\n\n")),
    )


def _block(part: str) -> Block:
    if part.startswith("## "):
        return Heading(part.removeprefix("## "))
    if part.startswith("| "):
        return Table(tuple(tuple(cell.strip() for cell in row.strip("| ").split("|")) for row in part.splitlines()))
    return part


def pdf_of(sample: SampleText) -> bytes:
    """Return a PDF with page numbers; no paragraph is torn apart by the end of a page."""
    os.environ["SOURCE_DATE_EPOCH"] = str(int(sample.issued.timestamp()))  # The only way to set the creation date.
    content = BytesIO()
    template = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=2.8 * cm,
        rightMargin=2.8 * cm,
        topMargin=2.5 * cm,
        bottomMargin=2.5 * cm,
        allowSplitting=0,
        invariant=1,
        title=sample.title,
        author=sample.publisher,
        subject=f"Issued on {sample.published.isoformat()}",
        creator=sample.publisher,
        keywords=sample.keywords,
        lang="en",
    )
    template.afterPage = lambda: _add_page_number(template)  # Behind the text, also in the order of the page's content.
    template.build(list(_flowables(sample)))
    return content.getvalue()


def _flowables(sample: SampleText) -> Iterator[Flowable]:
    yield Paragraph(sample.title, TITLE)
    for block in sample.blocks:
        match block:
            case Heading(text):
                yield CondPageBreak(4 * cm)  # A heading stays with its first paragraph.
                yield Paragraph(text, HEADING)
            case Table():
                raise ValueError(f"{sample.file} is a PDF; tables are written to DOCX only")
            case text:
                yield Paragraph(text, BODY)


def _add_page_number(template: Any) -> None:
    template.canv.setFont("Times-Roman", 9)
    template.canv.drawCentredString(A4[0] / 2, 1.4 * cm, f"- {template.page} -")


def docx_of(sample: SampleText) -> bytes:
    """Return a Word document with headings, paragraphs and tables."""
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.keywords = sample.title, sample.publisher, sample.keywords
    properties.last_modified_by, properties.comments, properties.language = sample.publisher, "", "en"
    properties.created = properties.modified = sample.issued.replace(tzinfo=None)
    document.add_heading(sample.title, level=0)
    for block in sample.blocks:
        match block:
            case Heading(text):
                document.add_heading(text, level=1)
            case Table(rows):
                _add_table(document, rows)
            case text:
                document.add_paragraph(text)
    content = BytesIO()
    document.save(content)
    return _with_fixed_times(content)


def _add_table(document: Any, rows: tuple[tuple[str, ...], ...]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _with_fixed_times(archive: BytesIO) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return content.getvalue()


MAKERS = {".pdf": pdf_of, ".docx": docx_of}


if __name__ == "__main__":
    for source in sorted(TEXTS.glob("*.md")):
        sample_text = read_text(source)
        target = SAMPLES / sample_text.file
        target.write_bytes(MAKERS[target.suffix](sample_text))
        sys.stdout.write(f"{target.relative_to(ROOT)}\n")
