"""A source's bytes become documents: find the format, read it, clean it. Runs in parser processes."""

import importlib
import re
from dataclasses import replace
from typing import Protocol, cast

from domain.errors import IngestError
from ingest.formats import Format, detect_format
from ingest.frames import MAX_TEXT_CHARS
from ingest.parsed import ParsedDocument, RawSource

_WORD = re.compile(r"[^\W_]")


class Reader(Protocol):
    """What each module of `ingest.readers` has."""

    def read(self, source: RawSource) -> tuple[ParsedDocument, ...]:
        """Return the documents of a source in this reader's format.

        Raises:
            IngestError: If the bytes are damaged, encrypted, or hold no words.
        """
        ...


def read_source(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the documents that a source holds, at least one.

    Raises:
        IngestError: With the reasons of `detect_format` and of the readers; `no_text`, `too_large`.
    """
    detected = detect_format(source)
    documents = tuple(document for document in reader_of(detected.format).read(source) if _WORD.search(document.text))
    if not documents:
        raise IngestError(f"{source.name!r} has no words", reason="no_text", hint=_hint_without_text(detected.format))
    if sum(len(document.text) for document in documents) > MAX_TEXT_CHARS:
        raise IngestError(
            f"The text of {source.name!r} is longer than {MAX_TEXT_CHARS:,} characters",
            reason="too_large",
            hint="Split it.",
        )
    if detected.note:
        documents = (replace(documents[0], notes=(detected.note, *documents[0].notes)), *documents[1:])
    return documents


def reader_of(kind: Format) -> Reader:
    """Return the module that reads a format, imported when the first source needs its libraries."""
    return cast("Reader", importlib.import_module(f"ingest.readers.{kind.value}"))


def _hint_without_text(kind: Format) -> str:
    if kind is Format.PDF:
        return "If it shows scanned pages, run text recognition (OCR) on it first."
    return "Check that the file is complete."
