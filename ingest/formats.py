"""Which format bytes are in, decided by the bytes; names and declared types only settle what bytes cannot tell."""

import io
import re
import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from domain.errors import IngestError
from ingest.cleaning import decode
from ingest.parsed import RawSource


class Format(Enum):
    """A format that can be read; the value is its reader's module."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    EML = "eml"
    FEED = "feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedFormat:
    """The format of a source.

    Attributes:
        note: That the source's name says something else; empty when it does not.
    """

    format: Format
    note: str = ""


MEDIA_TYPES = {
    Format.TEXT: "text/plain",
    Format.MARKDOWN: "text/markdown",
    Format.HTML: "text/html",
    Format.PDF: "application/pdf",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.EML: "message/rfc822",
    Format.FEED: "application/rss+xml",
}
_SUFFIXES = {
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
    ".eml": Format.EML,
    ".rss": Format.FEED,
    ".atom": Format.FEED,
}
_NAMES = {
    Format.TEXT: "plain text",
    Format.MARKDOWN: "Markdown",
    Format.HTML: "HTML",
    Format.PDF: "PDF",
    Format.DOCX: "DOCX",
    Format.EML: "an e-mail",
    Format.FEED: "a feed",
}
_READABLE = "Text, Markdown, HTML, PDF, DOCX, EML, RSS and Atom can be read; convert it to one of them."

# First bytes of what is often found among documents, so that the message can name it.
_FOREIGN = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "a sound, picture or video file"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"(\xb5/\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "Rich Text"),
    (b"%!PS", "PostScript"),
    (b"GGUF", "a model file"),
)
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Old Office formats, and new ones when they are encrypted.
_HEAD = 4096
_PDF_WITHIN = 1024  # Readers accept a PDF header that far in: ISO 32000-1, Annex H.
_MAX_CONTROL_SHARE = 0.05

_FEED = re.compile(r"<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
_PROLOGUE = re.compile(
    r"(?:\s+|<\?.{0,2000}?\?>|<!--.{0,2000}?-->|<!DOCTYPE\s+(?!html)[^>\[]{0,500}>)*", re.DOTALL | re.IGNORECASE
)
_HTML = re.compile(
    r"<!doctype\s+html|<(?:html|head|body|article|main|section|table|title|meta|div|p|h1)[\s>/]", re.IGNORECASE
)
_XML = re.compile(r"<\?xml\s|<!DOCTYPE\s|<(?:svg|nitf|newsItem|newsMessage|opml)[\s>]", re.IGNORECASE)
_MAIL_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(?:[ \t]|$)")
_MAIL_SENDER = frozenset({"from", "received", "return-path", "message-id", "mime-version", "delivered-to"})
_MAIL_MORE = frozenset({"date", "subject", "to", "message-id", "mime-version", "content-type", "from"})
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:[A-Za-z_][\w -]*:|#|[ \t-]|\n)", re.ASCII)
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|\[[^\]\n]{1,200}\]\(|```)", re.MULTILINE)


def detect_format(source: RawSource) -> DetectedFormat:
    """Decide how to read a source.

    Raises:
        IngestError: `empty_source`, `unsupported_format`, `encrypted`, `damaged_file`.
    """
    if not source.content:
        raise IngestError(f"{source.name!r} is empty", reason="empty_source", hint="Check that the file is complete.")
    found = _binary(source) or _written(source)
    expected = _expected(source)
    if expected is None or found is expected or {found, expected} <= {Format.TEXT, Format.MARKDOWN}:
        return DetectedFormat(format=found)
    if found is Format.TEXT and expected in {Format.PDF, Format.DOCX}:
        raise IngestError(
            f"{source.name!r} is not {_NAMES[expected]}, though it is named so",
            reason="damaged_file",
            hint="Check that the file is complete, or name it .txt if it is plain text.",
        )
    return DetectedFormat(format=found, note=f"read as {_NAMES[found]}, which it is, not as {_NAMES[expected]}")


def _binary(source: RawSource) -> Format | None:
    content = source.content
    head = content[:_PDF_WITHIN]
    if b"%PDF-" in head and head.lstrip()[:1] != b"<":
        return Format.PDF
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(source)
    if content.startswith(_COMPOUND):
        raise _compound(source)
    for magic, kind in _FOREIGN:
        if content.startswith(magic):
            raise _unsupported(source, f"is {kind}")
    return None


def _archive(source: RawSource) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise IngestError(
            f"{source.name!r} is a damaged or incomplete archive: {error}",
            reason="damaged_file",
            hint="Copy or download it again.",
        ) from error
    if "word/document.xml" in names:
        return Format.DOCX
    raise _unsupported(source, "is an archive, not a DOCX document", hint="Unpack it, or convert it to DOCX or PDF.")


def _compound(source: RawSource) -> IngestError:
    if "EncryptedPackage".encode("utf-16-le") in source.content:
        return IngestError(
            f"{source.name!r} is encrypted", reason="encrypted", hint="Save it without a password and ingest it again."
        )
    return _unsupported(source, "is in an old Office format", hint="Save it as DOCX or PDF.")


def _unsupported(source: RawSource, what: str, *, hint: str = _READABLE) -> IngestError:
    return IngestError(f"{source.name!r} {what} and cannot be read", reason="unsupported_format", hint=hint)


def _written(source: RawSource) -> Format:
    """Tell what kind of text the bytes are."""
    text = decode(_head(source.content)).text.lstrip("\ufeff")
    if _looks_binary(text):
        raise _unsupported(source, "is no text and in no known format")
    start = _PROLOGUE.match(text)
    at = start.end() if start else 0
    if _FEED.match(text, at):
        return Format.FEED
    if _HTML.match(text, at):
        return Format.HTML
    if _XML.match(text.lstrip()):
        raise _unsupported(source, "is XML of an unknown kind")
    text = text.replace("\r\n", "\n")
    if _is_mail(text):
        return Format.EML
    if _FRONT_MATTER.match(text):
        return Format.MARKDOWN
    expected = _expected(source)
    if expected in {Format.TEXT, Format.MARKDOWN}:
        return expected
    return Format.MARKDOWN if _MARKDOWN.search(text) else Format.TEXT


def _head(content: bytes) -> bytes:
    """Return the first bytes without the part of a character at their end, which would make them look foreign."""
    head = content[:_HEAD]
    if len(content) == len(head):
        return head
    last = next((at for at in range(1, 5) if head[-at] < 0x80), 1)  # noqa: PLR2004  - where ASCII ends
    return head[: len(head) - last + 1]


def _looks_binary(text: str) -> bool:
    """Tell whether control characters are too many for text; NULs alone are text with nothing in it."""
    controls = sum(
        1 for character in text if (character < " " and character not in "\t\n\r\f\v\b\x1b\x00") or character == "\x7f"
    )
    nuls = text.count("\x00")
    others = len(text) - nuls
    return controls > _MAX_CONTROL_SHARE * others or (nuls > _MAX_CONTROL_SHARE * len(text) and controls > 0)


def _is_mail(text: str) -> bool:
    """Tell whether the text begins with a block of header lines as a message has them."""
    names: set[str] = set()
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and names:
            continue
        header = _MAIL_HEADER.match(line)
        if header is None:
            # A mailbox file's separator precedes its first message.
            if not names and line.startswith("From "):
                continue
            return False
        names.add(header[1].lower())
    return bool(names & _MAIL_SENDER) and len(names & (_MAIL_SENDER | _MAIL_MORE)) > 1


def _expected(source: RawSource) -> Format | None:
    """Return what the name says, or else what the transport declared."""
    by_name = _SUFFIXES.get(PurePosixPath(source.name).suffix.lower())
    if by_name is not None:
        return by_name
    declared = (source.media_type or "").partition(";")[0].strip().lower()
    by_type = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
    return by_type.get(declared, Format.FEED if declared == "application/atom+xml" else None)
