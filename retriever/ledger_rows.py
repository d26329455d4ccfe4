"""How the ledger's rows become values and back."""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np
from sqlalchemy import ColumnElement, Row, and_

from domain.answers import TimeScope
from domain.corpus import DocumentHeader, Passage, Span, Statement
from domain.ports import Job, Matrix
from retriever.ledger_schema import documents, passages, statements, versions

BATCH: Final = 500  # SQLite builds take at least 999 variables in one statement.

T = TypeVar("T")

HEADER_COLUMNS: Final = (
    documents.c.document_id,
    versions.c.version,
    versions.c.content_sha256,
    versions.c.source_uri,
    versions.c.title,
    versions.c.publisher,
    versions.c.published,
    versions.c.place,
    versions.c.language,
    versions.c.media_type,
    versions.c.duplicate_of,
    versions.c.duplicate_kind,
    versions.c.similarity,
)
"""In the order that `header_from` takes them."""

PASSAGE_COLUMNS: Final = (
    passages.c.passage_id,
    documents.c.document_id,
    passages.c.version,
    passages.c.ordinal,
    passages.c.start,
    passages.c.end,
    passages.c.text,
    passages.c.sentences,
    passages.c.heading,
    passages.c.page,
)
"""In the order that `passage_from` takes them."""

CURRENT: Final = and_(
    versions.c.document_key == documents.c.document_key,
    versions.c.version == documents.c.current_version,
    documents.c.deleted.is_(False),
)
"""Joins a visible document with its current version."""

VISIBLE: Final = and_(
    passages.c.document_key == documents.c.document_key,
    passages.c.version == documents.c.current_version,
    documents.c.deleted.is_(False),
)
"""Joins a visible passage with its document."""


def in_scope(scope: TimeScope | None) -> list[ColumnElement[bool]]:
    """Return the conditions on `versions` under which `scope.admits` a document."""
    if scope is None or scope.is_open:
        return []
    conditions: list[ColumnElement[bool]] = []
    if scope.publisher is not None:
        conditions.append(versions.c.publisher_folded == scope.publisher.casefold())
    # A comparison with an unknown date is not true, so undated documents are in no dated scope.
    if scope.published_from is not None:
        conditions.append(versions.c.published >= scope.published_from)
    if scope.latest is not None:
        conditions.append(versions.c.published <= scope.latest)
    return conditions


def header_from(values: Sequence[Any]) -> DocumentHeader:
    """Build a header from the values of `HEADER_COLUMNS`."""
    return DocumentHeader(
        document_id=values[0],
        version=values[1],
        content_sha256=values[2],
        source_uri=values[3],
        title=values[4],
        publisher=values[5],
        published=values[6],
        place=values[7],
        language=values[8],
        media_type=values[9],
        duplicate_of=values[10],
        duplicate_kind=values[11],
        similarity=values[12],
    )


def version_row(header: DocumentHeader, *, document_key: int, passage_count: int) -> dict[str, Any]:
    """Return the row of `versions` for a header."""
    return {
        "document_key": document_key,
        "version": header.version,
        "deleted": False,
        "content_sha256": header.content_sha256,
        "source_uri": header.source_uri,
        "title": header.title,
        "publisher": header.publisher,
        "publisher_folded": (header.publisher or "").casefold(),
        "published": header.published,
        "place": header.place,
        "language": header.language,
        "media_type": header.media_type,
        "duplicate_of": header.duplicate_of,
        "duplicate_kind": header.duplicate_kind,
        "similarity": header.similarity,
        "passage_count": passage_count,
    }


def passage_from(values: Sequence[Any]) -> Passage:
    """Build a passage from the values of `PASSAGE_COLUMNS`."""
    return Passage(
        passage_id=values[0],
        document_id=values[1],
        version=values[2],
        ordinal=values[3],
        span=Span(start=values[4], end=values[5]),
        text=values[6],
        sentences=spans_from(values[7]),
        heading=values[8],
        page=values[9],
    )


def passage_row(passage: Passage, *, passage_key: int, document_key: int, embedding_key: int) -> dict[str, Any]:
    """Return the row of `passages` for a passage."""
    return {
        "passage_key": passage_key,
        "passage_id": passage.passage_id,
        "document_key": document_key,
        "version": passage.version,
        "ordinal": passage.ordinal,
        "start": passage.span.start,
        "end": passage.span.end,
        "embedding_key": embedding_key,
        "page": passage.page,
        "heading": passage.heading,
        "sentences": bytes_of_spans(passage.sentences),
        "text": passage.text,
    }


STATEMENT_COLUMNS: Final = (
    passages.c.passage_id,
    statements.c.speaker,
    statements.c.verb,
    statements.c.start,
    statements.c.end,
    statements.c.kind,
)
"""In the order that `statement_from` takes them."""


def statement_from(values: Sequence[Any]) -> Statement:
    """Build a statement from the values of `STATEMENT_COLUMNS`."""
    return Statement(
        passage_id=values[0],
        speaker=values[1],
        verb=values[2],
        span=Span(start=values[3], end=values[4]),
        kind=values[5],
    )


def statement_row(statement: Statement, *, passage_key: int, ordinal: int) -> dict[str, Any]:
    """Return the row of `statements` for a statement."""
    return {
        "passage_key": passage_key,
        "ordinal": ordinal,
        "speaker": statement.speaker,
        "verb": statement.verb,
        "start": statement.span.start,
        "end": statement.span.end,
        "kind": statement.kind,
    }


def job_from(row: Row[Any], report: Mapping[str, Any]) -> Job:
    """Build a job from its row and its parsed report."""
    return Job(
        job_id=row.job_id,
        state=row.state,
        source=row.source,
        started=datetime.fromisoformat(row.started),
        finished=None if row.finished is None else datetime.fromisoformat(row.finished),
        report=report,
    )


def bytes_of_spans(spans: Sequence[Span]) -> bytes:
    """Return spans as little-endian 32-bit pairs."""
    return struct.pack(f"<{2 * len(spans)}I", *(bound for span in spans for bound in (span.start, span.end)))


def spans_from(packed: bytes) -> tuple[Span, ...]:
    """Return the spans that `bytes_of_spans` packed."""
    return tuple(Span(start=start, end=end) for start, end in struct.iter_unpack("<II", packed))


def bytes_of_vector(vector: np.ndarray[Any, Any]) -> bytes:
    """Return a vector as little-endian float32."""
    return vector.astype("<f4", copy=False).tobytes()


def matrix_from(packed: Iterable[bytes], dimensions: int) -> Matrix:
    """Return stored vectors as `(n, dimensions)` float32, read-only."""
    return np.frombuffer(b"".join(packed), dtype="<f4").reshape(-1, dimensions)


def embedding_digest(encoder_id: str, text: str) -> bytes:
    """Return the key of a text's vector: SHA-256 of the encoder's id and the text."""
    return hashlib.sha256(f"{encoder_id}\x00{text}".encode()).digest()


def day_number(published: date | None) -> int:
    """Return a date as the integer `YYYYMMDD`, 0 when unknown."""
    return 0 if published is None else published.year * 10_000 + published.month * 100 + published.day


def sources_of(body: object) -> set[tuple[str, int]]:
    """Return every document, with its version or 0, that a receipt names at any depth."""
    if isinstance(body, Mapping):
        found = {source for value in body.values() for source in sources_of(value)}
        document_id, version = body.get("document_id"), body.get("version")
        if isinstance(document_id, str):
            found.add((document_id, version if isinstance(version, int) else 0))
        return found
    if isinstance(body, list | tuple):
        return {source for value in body for source in sources_of(value)}
    return set()


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Cut values into lists of at most `size`."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
