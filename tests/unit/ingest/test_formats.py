"""Formats by content; names only settle what content cannot tell."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IngestError
from ingest.formats import Format, detect_format
from ingest.parsed import RawSource


def _format(content: bytes, name: str = "upload", media_type: str | None = None) -> Format:
    return detect_format(RawSource(uri="upload:x", name=name, content=content, media_type=media_type)).format


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"%PDF-1.7\n", Format.PDF),
        (b"\n\xef\xbb\xbf%PDF-1.4", Format.PDF),
        (b"<!DOCTYPE html><p>x", Format.HTML),
        (b"\xef\xbb\xbf<!-- made by x -->\n<HTML>", Format.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C"><html>', Format.HTML),
        (b"<p>About %PDF-1.7</p>", Format.HTML),
        (b'<?xml version="1.0"?>\n<!-- c --><rss version="2.0">', Format.FEED),
        (b'<feed xmlns="http://www.w3.org/2005/Atom">', Format.FEED),
        (b'<rdf:RDF xmlns="x">', Format.FEED),
        ("<rss version='2.0'>".encode("utf-16"), Format.FEED),
        (b"From: a@b.example\r\nSubject: x\r\n\r\nHello", Format.EML),
        (b"Received: by x;\n\tFri\nDate: now\n\nHello", Format.EML),
        (b"From x Fri\nFrom: a\nTo: b\n\nHello", Format.EML),
        (b"---\ntitle: x\n---\nHello", Format.MARKDOWN),
        (b"Intro\n\n## Part\n", Format.MARKDOWN),
        (b"From: the minister\nhe said nothing.", Format.TEXT),
        (b"Title: x\nDate: y\n\nHello", Format.TEXT),
        (b"1 < 2 and <unknown> things", Format.TEXT),
        ("Мост".encode("cp1251"), Format.TEXT),
    ],
)
def test_content_decides(content: bytes, expected: Format) -> None:
    """Without any hint."""
    assert _format(content) is expected


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("a.txt", "text/markdown", Format.TEXT),
        ("a.md", None, Format.MARKDOWN),
        ("a", "text/markdown; charset=utf-8", Format.MARKDOWN),
        ("a", None, Format.TEXT),
        ("a.pdf", None, None),
    ],
)
def test_names_and_types_settle_what_content_cannot(name: str, media_type: str | None, expected: Format | None) -> None:
    """Plain words may be plain text or Markdown; they are no PDF."""
    if expected is None:
        with pytest.raises(IngestError, match="is not PDF"):
            _format(b"Hello", name, media_type)
    else:
        assert _format(b"Hello", name, media_type) is expected


def test_archives_are_read_only_as_documents() -> None:
    """A DOCX is an archive with a document in it; another archive is named as what it is."""
    packed = {}
    for inside in ("word/document.xml", "xl/workbook.xml"):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(inside, "x")
        packed[inside] = file.getvalue()
    assert _format(packed["word/document.xml"], "a.zip") is Format.DOCX
    with pytest.raises(IngestError, match="archive") as caught:
        _format(packed["xl/workbook.xml"], "a.docx")
    assert caught.value.reason == "unsupported_format"


@given(st.binary(min_size=1, max_size=300), st.sampled_from(["a.txt", "a.pdf", "a.html", "a.md", "a", "a.eml"]))
def test_any_bytes_have_a_format_or_a_reason(content: bytes, name: str) -> None:
    """Nothing else comes out."""
    try:
        assert _format(content, name) in set(Format)
    except IngestError as error:
        assert error.reason in {"unsupported_format", "damaged_file", "encrypted"}  # noqa: PT017  - one of two right ends
