"""Files of JSON lines, in which each line is one document.

A line is an object with `text` and, where known, `doc_id` (or `id`), `title`, `published` (or `date`), `publisher` (or
`source`), `place` and `language`. The document's identity is the file and its `doc_id`; a line without one is known by
a digest of the line, so that it stays the same document until the line changes.
"""

import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from gzip import GzipFile
from typing import Any, BinaryIO
from urllib.parse import quote

from domain.errors import IngestError
from ingest.dates import read_date
from ingest.display_names import displayed
from ingest.parsed import Metadata, RawSource, SkippedSource

_SUFFIXES = (".jsonl", ".ndjson")
_LONGEST_ID = 500
_LONGEST_FIELD = 500  # A headline, an agency, a town; longer ones are cut.
_MOST_INFLATION = 100  # Text shrinks about tenfold; a file that claims more is built to exhaust its reader.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:$|[-_])")
_FIRST_YEAR = 1000  # Systems without a date write 0001-01-01.


def holds_lines(file_name: str) -> bool:
    """Tell whether a file of this name holds one document per line."""
    return file_name.lower().removesuffix(".gz").endswith(_SUFFIXES)


def documents_in(
    file: BinaryIO, *, uri: str, name: str, size: int, declared: Metadata, longest: int
) -> Iterator[RawSource | SkippedSource]:
    """Read the documents of a file one by one, so that its length does not matter.

    Args:
        file: The file as it is stored; read to its end, and left open.
        uri: Of the file; a document's is this, `#` and the percent-encoded `doc_id`.
        name: The file's name, which says whether it is compressed.
        size: Bytes of the file; one compressed more than a hundredfold is not read to its end.
        declared: What the user says of all documents; stronger than what a line says.
        longest: Most bytes of one line.
    """
    lines = _inflated(file, name=name, most=size * _MOST_INFLATION) if name.lower().endswith(".gz") else file
    number = 0
    is_empty = True
    try:
        for number, line in enumerate(_lines(lines, longest=longest), start=1):
            found = _document(line, number=number, uri=uri, name=name, declared=declared, longest=longest)
            if found is not None:
                is_empty = False
                yield found
    except IngestError as error:
        yield SkippedSource(uri=uri, reason=error.reason, message=error.message)
    except (EOFError, OSError, zlib.error) as error:
        yield SkippedSource(
            uri=uri,
            reason="damaged_file",
            message=f"{displayed(name)!r} cannot be read beyond line {number}: {error}. Get the file again.",
        )
    else:
        if is_empty:
            message = f"{displayed(name)!r} has no lines. Check that the file is complete."
            yield SkippedSource(uri=uri, reason="no_text", message=message)


def _document(
    line: bytes | None, *, number: int, uri: str, name: str, declared: Metadata, longest: int
) -> RawSource | SkippedSource | None:
    if line is None:
        message = f"Line {number} of {displayed(name)!r} is longer than {longest} bytes. Split the document."
        return SkippedSource(uri=_line_uri(uri, number), reason="too_large", message=message)
    stripped = line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b"").strip()
    if not stripped:
        return None
    try:
        entry = _entry(stripped)
        key = _key(entry, stripped)
    except ValueError as error:
        message = f"Line {number} of {displayed(name)!r} {error}. Correct the line and ingest the file again."
        return SkippedSource(uri=_line_uri(uri, number), reason="bad_line", message=message)
    return RawSource(
        uri=f"{uri}#{quote(key, safe='', errors='surrogatepass')}",
        # In brackets, since a name that ends in ".pdf" would be taken for that of a PDF.
        name=f"{displayed(name)} ({displayed(key)})",
        content=_SURROGATE.sub("\ufffd", entry["text"]).encode(),
        media_type="text/plain; charset=utf-8",
        declared=declared.over(_metadata(entry)),
    )


def _line_uri(uri: str, number: int) -> str:
    return f"{uri}#line={number}"  # As in RFC 5147; no doc_id looks like this, since its "=" is percent-encoded.


def _entry(line: bytes) -> Mapping[str, Any]:
    """Return the object that a line holds; a `ValueError` continues the sentence "Line 3 of 'x' …"."""
    try:
        entry = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    except (ValueError, RecursionError) as error:  # Cut off, nested too deeply, or a number of 5,000 digits.
        raise ValueError("is not valid JSON") from error
    if not isinstance(entry, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004  - the file is wrong, not the caller
    if not isinstance(entry.get("text"), str):
        raise ValueError("has no 'text' string")  # noqa: TRY004  - the same
    return entry


def _key(entry: Mapping[str, Any], line: bytes) -> str:
    for field in ("doc_id", "id"):
        value = entry.get(field)
        key = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if len(key) > _LONGEST_ID:
            raise ValueError(f"has a {field!r} of more than {_LONGEST_ID} characters")
        if key:
            return key
    return f"sha256-{hashlib.sha256(line).hexdigest()[:32]}"


def _metadata(entry: Mapping[str, Any]) -> Metadata:
    language = _LANGUAGE.match(_field(entry, "language") or "")
    return Metadata(
        title=_field(entry, "title"),
        publisher=_field(entry, "publisher") or _field(entry, "source"),
        published=_day(entry, "published") or _day(entry, "date"),
        place=_field(entry, "place"),
        language=language[1].lower() if language else None,
    )


def _day(entry: Mapping[str, Any], name: str) -> date | None:
    day = read_date(_field(entry, name)).value
    return day if day is not None and day.year >= _FIRST_YEAR else None


def _field(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if not isinstance(value, str):
        return None
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", value[: 2 * _LONGEST_FIELD]))
    return " ".join(text.split())[:_LONGEST_FIELD] or None


def _lines(file: BinaryIO, *, longest: int) -> Iterator[bytes | None]:
    """Read lines, `None` for one that is too long."""
    while line := file.readline(longest + 1):
        is_whole = len(line) <= longest or line.endswith(b"\n")
        while not is_whole and line and not line.endswith(b"\n"):
            line = file.readline(longest + 1)
        yield line if is_whole else None


def _inflated(file: BinaryIO, *, name: str, most: int) -> BinaryIO:
    return io.BufferedReader(_BoundedInflation(file, name=name, most=most), 1 << 18)


class _BoundedInflation(io.RawIOBase):
    """A gzip file's content, which ends with an error rather than without end."""

    def __init__(self, file: BinaryIO, *, name: str, most: int) -> None:
        self._content = GzipFile(fileobj=file, mode="rb")
        self._name = name
        self._most = most
        self._read = 0

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes.

        Raises:
            IngestError: `too_large` when the content is far larger than text can be.
        """
        count = self._content.readinto(buffer)
        self._read += count
        if self._read > self._most:
            raise IngestError(
                f"{displayed(self._name)!r} inflates to more than {_MOST_INFLATION} times its size. "
                "Decompress it yourself if you trust it, and ingest the result.",
                reason="too_large",
            )
        return count
