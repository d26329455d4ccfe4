"""Reading the record out of the ledger."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, select

from domain.answers import TimeScope
from domain.corpus import Citable, Document, DocumentHeader, Passage, Statement
from domain.errors import NotFoundError
from domain.ports import IndexEntry, Job, Matrix, RecordCounts, Vector
from retriever.ledger_database import LedgerDatabase
from retriever.ledger_rows import (
    BATCH,
    CURRENT,
    HEADER_COLUMNS,
    PASSAGE_COLUMNS,
    STATEMENT_COLUMNS,
    VISIBLE,
    batches,
    day_number,
    embedding_digest,
    header_from,
    in_scope,
    job_from,
    matrix_from,
    passage_from,
    spans_from,
    statement_from,
)
from retriever.ledger_schema import (
    LedgerIdentity,
    answer_sources,
    answers,
    documents,
    embeddings,
    jobs,
    meta,
    passages,
    statements,
    texts,
    versions,
)

_STREAMED: Final = {"yield_per": 2000}  # Vectors at once: 3 MB at 384 dimensions.
_ALL_ROWS: Final = -1  # SQLite's word for no limit, which an offset needs.


class LedgerReader:
    """The reading half of `SqliteLedger`; every call sees one state of the record, whatever is written meanwhile."""

    def __init__(self, database: LedgerDatabase, identity: LedgerIdentity) -> None:
        self._database = database
        self._identity = identity

    def document(self, document_id: str, version: int | None = None) -> Document:
        """Return a version of a document, the current one by default.

        Raises:
            NotFoundError: If there is no such document or version, or it was deleted.
        """
        wanted = documents.c.current_version if version is None else version
        query = (
            select(*HEADER_COLUMNS, texts.c.text, texts.c.pages)
            .join_from(documents, versions, versions.c.document_key == documents.c.document_key)
            .join(texts, _same_version(texts))
            .where(documents.c.document_id == document_id, versions.c.version == wanted, versions.c.deleted.is_(False))
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            named = f"Document {document_id!r}" if version is None else f"Version {version} of document {document_id!r}"
            raise NotFoundError(f"{named} is not in the record", hint="'dateline documents list' shows what is.")
        *header, text, pages = row
        return Document(header=header_from(header), text=text, pages=spans_from(pages))

    def versions(self, document_id: str) -> tuple[DocumentHeader, ...]:
        """Return the headers of all kept versions, oldest first; empty for an unknown document.

        Those of a deleted document are kept until they are purged. Of one that came back only the later ones are shown.
        """
        query = (
            select(*HEADER_COLUMNS)
            .join_from(documents, versions, versions.c.document_key == documents.c.document_key)
            .where(documents.c.document_id == document_id, versions.c.deleted == documents.c.deleted)
            .order_by(versions.c.version)
        )
        return self._headers(query)

    def headers(
        self, *, scope: TimeScope | None = None, limit: int | None = None, offset: int = 0
    ) -> tuple[DocumentHeader, ...]:
        """Return current documents, newest publication first, undated ones last, then by id."""
        query = (
            select(*HEADER_COLUMNS)
            .join_from(documents, versions, CURRENT)
            .where(*in_scope(scope))
            .order_by(versions.c.published.desc().nulls_last(), documents.c.document_id)
            .limit(_ALL_ROWS if limit is None else limit)
            .offset(offset)
        )
        return self._headers(query)

    def passages_of(self, document_id: str, version: int | None = None) -> tuple[Passage, ...]:
        """Return a document's passages in reading order; empty where `document` would raise."""
        wanted = documents.c.current_version if version is None else version
        query = (
            select(*PASSAGE_COLUMNS)
            .join_from(documents, versions, versions.c.document_key == documents.c.document_key)
            .join(passages, _same_version(passages))
            .where(documents.c.document_id == document_id, versions.c.version == wanted, versions.c.deleted.is_(False))
            .order_by(passages.c.ordinal)
        )
        with self._database.reading() as connection:
            return tuple(passage_from(row) for row in connection.execute(query))

    def citables(self, passage_ids: Iterable[str]) -> dict[str, Citable]:
        """Return the visible passages among `passage_ids`, in their order; the others are left out."""
        wanted = list(dict.fromkeys(passage_ids))
        found: dict[str, Citable] = {}
        with self._database.reading() as connection:
            for batch in batches(wanted):
                found |= _citables(connection, batch)
        return {passage_id: found[passage_id] for passage_id in wanted if passage_id in found}

    def missing(self, document_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these documents are not in the record, or not any more."""
        wanted = frozenset(document_ids)
        there: set[str] = set()
        with self._database.reading() as connection:
            for batch in batches(sorted(wanted)):
                query = select(documents.c.document_id)
                query = query.where(documents.c.document_id.in_(batch), documents.c.deleted.is_(False))
                there.update(connection.execute(query).scalars())
        return wanted - there

    def deleted(self, document_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these documents were in the record and are not any more; a purge forgets them."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for batch in batches(sorted(frozenset(document_ids))):
                query = select(documents.c.document_id)
                query = query.where(documents.c.document_id.in_(batch), documents.c.deleted.is_(True))
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def sources_of_answer(self, answer_id: str) -> frozenset[str]:
        """Return the ids of the documents whose words a stored answer repeats."""
        query = select(answer_sources.c.document_id).where(answer_sources.c.answer_id == answer_id)
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def answer_ids(self) -> list[str]:
        """Return the ids of all stored answers, oldest first."""
        with self._database.reading() as connection:
            return list(connection.execute(select(answers.c.answer_id).order_by(answers.c.saved)).scalars())

    def answers_from(self, document_id: str, *, limit: int) -> tuple[dict[str, Any], ...]:
        """Return the last stored answers that repeat words of a document, as they were given, newest first."""
        query = (
            select(answers.c.body)
            .where(
                answers.c.answer_id.in_(
                    select(answer_sources.c.answer_id).where(answer_sources.c.document_id == document_id)
                )
            )
            .order_by(answers.c.saved.desc(), answers.c.answer_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(json.loads(body) for body in connection.execute(query).scalars())

    def openings(self, document_ids: Iterable[str], *, length: int) -> dict[str, str]:
        """Return the first characters of the current documents among those given."""
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for batch in batches(dict.fromkeys(document_ids)):
                query = (
                    select(documents.c.document_id, func.substr(texts.c.text, 1, length))
                    .join_from(documents, versions, CURRENT)
                    .join(texts, _same_version(texts))
                    .where(documents.c.document_id.in_(batch))
                )
                found.update((document_id, opening) for document_id, opening in connection.execute(query))
        return found

    def publishers(self, *, limit: int) -> tuple[str, ...]:
        """Return who published the current documents, the most frequent first."""
        query = (
            select(func.min(versions.c.publisher))
            .select_from(documents)
            .join(versions, CURRENT)
            .where(versions.c.publisher.is_not(None))
            .group_by(versions.c.publisher_folded)
            .order_by(func.count().desc(), versions.c.publisher_folded)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def speakers_in(self, document_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return whom current documents let speak, for each id given, in reading order."""
        found: dict[str, list[str]] = {document_id: [] for document_id in document_ids}
        with self._database.reading() as connection:
            for batch in batches(found):
                query = (
                    select(documents.c.document_id, statements.c.speaker)
                    .join_from(documents, passages, VISIBLE)
                    .join(statements, statements.c.passage_key == passages.c.passage_key)
                    .where(documents.c.document_id.in_(batch))
                    .order_by(documents.c.document_id, passages.c.ordinal, statements.c.ordinal)
                )
                for document_id, speaker in connection.execute(query):
                    found[document_id].append(speaker)
        return {document_id: tuple(speakers) for document_id, speakers in found.items()}

    def counts(self, scope: TimeScope | None = None) -> RecordCounts:
        """Count what is visible, in `scope` when given."""
        query = (
            select(func.count(), func.coalesce(func.sum(versions.c.passage_count), 0))
            .select_from(documents)
            .join(versions, CURRENT)
            .where(*in_scope(scope))
        )
        with self._database.reading() as connection:
            counted, passage_count = connection.execute(query).one()
        return RecordCounts(documents=counted, passages=passage_count)

    def copies_of(self, document_ids: Iterable[str]) -> dict[str, tuple[DocumentHeader, ...]]:
        """Return, for each id given, the headers of its current copies, the earliest arrival first."""
        found: dict[str, list[DocumentHeader]] = {document_id: [] for document_id in document_ids}
        with self._database.reading() as connection:
            for batch in batches(found):
                query = (
                    select(*HEADER_COLUMNS)
                    .join_from(documents, versions, CURRENT)
                    .where(versions.c.duplicate_of.in_(batch))
                    .order_by(documents.c.document_key)
                )
                for header in map(header_from, connection.execute(query)):
                    assert header.duplicate_of is not None  # noqa: S101  - the condition above
                    found[header.duplicate_of].append(header)
        return {document_id: tuple(copies) for document_id, copies in found.items()}

    def passage_ids(self) -> list[str]:
        """Return the ids of all visible passages, sorted."""
        with self._database.reading() as connection:
            return _visible_ids(connection, ())

    def change_counter(self) -> int:
        """Return a number that grows with each commit that changes what is visible."""
        with self._database.reading() as connection:
            return int(connection.execute(select(meta.c.value).where(meta.c.key == "change_counter")).scalar_one())

    def index_entries(self, passage_ids: Sequence[str] | None = None) -> Iterator[IndexEntry]:
        """Stream the visible passages (or those given) for building indexes, ordered by id.

        Each batch is read by itself, so that a slow consumer never keeps the write-ahead log from being folded in. A
        passage that disappears meanwhile is left out; one that appears meanwhile is not in the stream.
        """
        wanted = self.passage_ids() if passage_ids is None else sorted(set(passage_ids))
        for batch in batches(wanted):
            query = (
                select(
                    passages.c.passage_id,
                    documents.c.document_id,
                    passages.c.text,
                    versions.c.title,
                    versions.c.published,
                    versions.c.publisher_folded,
                    embeddings.c.vector,
                )
                .join_from(passages, documents, VISIBLE)
                .join(versions, CURRENT)
                .join(embeddings, embeddings.c.embedding_key == passages.c.embedding_key)
                .where(passages.c.passage_id.in_(batch))
                .order_by(passages.c.passage_id)
            )
            with self._database.reading() as connection:
                rows = connection.execute(query).all()
            vectors = matrix_from((row[6] for row in rows), self._identity.dimensions)
            for (passage_id, document_id, text, title, published, publisher, _), vector in zip(
                rows, vectors, strict=True
            ):
                yield IndexEntry(
                    passage_id=passage_id,
                    document_id=document_id,
                    text=text,
                    title=title or "",
                    vector=vector,
                    published_day=day_number(published),
                    publisher=publisher,
                )

    def vectors(self, scope: TimeScope | None = None) -> tuple[list[str], Matrix]:
        """Return ids and vectors of the visible passages in scope, for exact search.

        Returns:
            The ids, sorted, and `(len(ids), dimensions)` float32 in the same order.
        """
        conditions = in_scope(scope)
        query = (
            select(passages.c.passage_id, embeddings.c.vector)
            .join_from(passages, documents, VISIBLE)
            .join(versions, CURRENT)
            .join(embeddings, embeddings.c.embedding_key == passages.c.embedding_key)
            .where(*conditions)
        )
        with self._database.reading() as connection:
            ids = _visible_ids(connection, conditions)
            matrix = np.empty((len(ids), self._identity.dimensions), dtype=np.float32)
            row_of = {passage_id: row for row, passage_id in enumerate(ids)}
            for part in connection.execute(query, execution_options=_STREAMED).partitions():
                places = [row_of[passage_id] for passage_id, _ in part]
                matrix[places] = matrix_from((vector for _, vector in part), self._identity.dimensions)
        return ids, matrix

    def known_embeddings(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors already stored for these exact texts under the record's encoder."""
        text_of = {embedding_digest(self._identity.encoder_id, text): text for text in texts}
        found: dict[str, Vector] = {}
        with self._database.reading() as connection:
            for batch in batches(text_of):
                query = select(embeddings.c.digest, embeddings.c.vector).where(embeddings.c.digest.in_(batch))
                rows = connection.execute(query).all()
                matrix = matrix_from((vector for _, vector in rows), self._identity.dimensions)
                found |= {text_of[digest]: vector for (digest, _), vector in zip(rows, matrix, strict=True)}
        return found

    def signatures(self) -> Iterator[tuple[str, bytes]]:
        """Stream `(document_id, signature)` of the current originals, for near-duplicate search, oldest first."""
        last_key = 0
        while True:
            query = (
                select(documents.c.document_key, documents.c.document_id, texts.c.signature)
                .join_from(documents, versions, CURRENT)
                .join(texts, _same_version(texts))
                .where(
                    documents.c.document_key > last_key,
                    versions.c.duplicate_of.is_(None),
                    func.length(texts.c.signature) > 0,
                )
                .order_by(documents.c.document_key)
                .limit(BATCH)
            )
            with self._database.reading() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            for last_key, document_id, signature in rows:  # noqa: B007  - the last one starts the next batch
                yield document_id, signature

    def find_content(self, content_sha256: str) -> DocumentHeader | None:
        """Return the oldest current original whose text has this digest."""
        query = (
            select(*HEADER_COLUMNS)
            .join_from(documents, versions, CURRENT)
            .where(versions.c.content_sha256 == content_sha256, versions.c.duplicate_of.is_(None))
            .order_by(documents.c.document_key)
            .limit(1)
        )
        return next(iter(self._headers(query)), None)

    def jobs(self, limit: int = 50) -> tuple[Job, ...]:
        """Return the last ingestions, newest first."""
        query = select(jobs).order_by(jobs.c.job_key.desc()).limit(limit)
        with self._database.reading() as connection:
            return tuple(job_from(row, json.loads(row.report)) for row in connection.execute(query))

    def job(self, job_id: str) -> Job:
        """Return one ingestion.

        Raises:
            NotFoundError: If there is none with this id.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
        if row is None:
            raise NotFoundError(f"Job {job_id!r} is not in the record")
        return job_from(row, json.loads(row.report))

    def answer(self, answer_id: str) -> dict[str, Any]:
        """Return a stored answer.

        Raises:
            NotFoundError: If there is none with this id.
        """
        with self._database.reading() as connection:
            query = select(answers.c.body).where(answers.c.answer_id == answer_id)
            body = connection.execute(query).scalar_one_or_none()
        if body is None:
            raise NotFoundError(
                f"Answer {answer_id!r} is not in the record",
                hint="It may have been removed when a document that it quotes was purged.",
            )
        parsed: dict[str, Any] = json.loads(body)
        return parsed

    def _headers(self, query: Select[Any]) -> tuple[DocumentHeader, ...]:
        with self._database.reading() as connection:
            return tuple(header_from(row) for row in connection.execute(query))


def _same_version(table: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (table.c.document_key == versions.c.document_key) & (
        table.c.version == versions.c.version
    )
    return condition


def _visible_ids(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[str]:
    query = select(passages.c.passage_id).join_from(passages, documents, VISIBLE)
    if conditions:
        query = query.join(versions, CURRENT).where(*conditions)
    return sorted(connection.execute(query).scalars())


def _citables(connection: Connection, passage_ids: Sequence[str]) -> dict[str, Citable]:
    said: dict[str, list[Statement]] = {}
    query = (
        select(*STATEMENT_COLUMNS)
        .join_from(passages, statements, statements.c.passage_key == passages.c.passage_key)
        .where(passages.c.passage_id.in_(passage_ids))
        .order_by(passages.c.passage_key, statements.c.ordinal)
    )
    for statement in map(statement_from, connection.execute(query)):
        said.setdefault(statement.passage_id, []).append(statement)
    found: dict[str, Citable] = {}
    headers: dict[str, DocumentHeader] = {}
    both = (
        select(*PASSAGE_COLUMNS, *HEADER_COLUMNS)
        .join_from(passages, documents, VISIBLE)
        .join(versions, CURRENT)
        .where(passages.c.passage_id.in_(passage_ids))
    )
    for row in connection.execute(both):
        passage = passage_from(row)
        if passage.document_id not in headers:
            headers[passage.document_id] = header_from(row[len(PASSAGE_COLUMNS) :])
        found[passage.passage_id] = Citable(
            passage=passage,
            header=headers[passage.document_id],
            statements=tuple(said.get(passage.passage_id, ())),
        )
    return found
