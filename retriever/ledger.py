"""The ledger: one SQLite file that is the truth about the record; indexes are projections of it.

```text
ledger.py            opening and writing        ledger_schema.py    tables and migrations
ledger_reading.py    reading                    ledger_rows.py      rows ↔ values
ledger_upkeep.py     purge, backup, checks      ledger_database.py  connections, transactions, faults
```
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from domain.errors import NotFoundError, RecordDamagedError, RecordError, RecordMismatchError, StorageError
from domain.ports import Matrix, PreparedDocument
from retriever import ledger_schema, ledger_upkeep
from retriever.data_folder import DataFolder
from retriever.feedback_book import FeedbackBook
from retriever.ledger_database import LedgerDatabase
from retriever.ledger_reading import LedgerReader
from retriever.ledger_rows import (
    batches,
    bytes_of_spans,
    bytes_of_vector,
    embedding_digest,
    passage_row,
    sources_of,
    statement_row,
    version_row,
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
    uploads,
    versions,
)
from retriever.upload_queue import UploadQueue


class SqliteLedger(LedgerReader):
    """The record in one SQLite file (ports `RecordReader`, `RecordWriter`, `AnswerStore`); build it with `open`.

    Threads may share it. One process writes, under the data folder's lock; others may read meanwhile.

    Attributes:
        uploads: What was sent to the record and waits to be read.
        feedback: What readers say of stored answers.
    """

    def __init__(self, database: LedgerDatabase, identity: LedgerIdentity) -> None:
        super().__init__(database, identity)
        self.uploads = UploadQueue(database)
        self.feedback = FeedbackBook(database)

    @classmethod
    def open(cls, path: Path, *, encoder_id: str, dimensions: int, read_only: bool = False) -> "SqliteLedger":
        """Open the ledger in `path`; one that does not exist is made, unless opened for reading.

        Args:
            path: The file; its folder exists.
            encoder_id: Of the encoder in use; a ledger belongs to one encoder for good.
            dimensions: Length of that encoder's vectors.
            read_only: Open beside the process that writes, without its lock.

        Raises:
            RecordDamagedError: If the file is no sound ledger, or is missing beside indexes that were built from it.
            RecordMismatchError: If another encoder or a newer Dateline made it.
            StorageError: If it cannot be opened or made.
            RecordError: If there is nothing to read.
        """
        identity = LedgerIdentity(encoder_id=encoder_id, dimensions=dimensions)
        _check_presence(path, read_only=read_only)
        database = LedgerDatabase(path, read_only=read_only)
        try:
            if not read_only:
                _prepare_tables(database, identity)
            with database.reading() as connection:
                _check_version(connection, path)
                ledger_schema.check_identity(connection, path, identity)
        except BaseException:
            database.close()
            raise
        return cls(database, identity)

    def close(self) -> None:
        """Close the file; the ledger may not be used afterwards."""
        self._database.close()

    def commit(self, documents: Sequence[PreparedDocument]) -> None:
        """Make documents visible, and their earlier versions invisible, in one durable transaction.

        Raises:
            ValueError: If a version is not the next one, or passages and vectors do not fit their document.
            StorageError: If the disk is full or read-only; nothing of this call is then visible.
        """
        for prepared in documents:
            _check_fits(prepared, self._identity.dimensions)
        if not documents:
            return
        with self._database.writing() as connection:
            for prepared in documents:
                self._insert(connection, prepared)
            _count_change(connection)

    def delete(self, document_id: str) -> bool:
        """Hide a document with all its versions at once; `False` if there was none. `purge` removes its bytes."""
        with self._database.writing() as connection:
            query = select(documents.c.document_key).where(
                documents.c.document_id == document_id, documents.c.deleted.is_(False)
            )
            key = connection.execute(query).scalar_one_or_none()
            if key is None:
                return False
            connection.execute(update(documents).where(documents.c.document_key == key).values(deleted=True))
            connection.execute(update(versions).where(versions.c.document_key == key).values(deleted=True))
            _count_change(connection)
        return True

    def save_embeddings(self, texts: Sequence[str], vectors: Matrix) -> None:
        """Keep vectors ahead of their documents, so that a killed ingest does not compute them again.

        Args:
            texts: What was embedded.
            vectors: `(len(texts), dimensions)` float32, rows of unit length.

        Raises:
            ValueError: If the vectors have another shape, or hold NaN or infinity.
            StorageError: If the disk is full or read-only.
        """
        _check_vectors(vectors, rows=len(texts), dimensions=self._identity.dimensions)
        with self._database.writing() as connection:
            self._embedding_keys(connection, texts, vectors)

    def start_job(self, source: str) -> str:
        """Record that an ingestion began and return its id."""
        job_id = f"job_{secrets.token_hex(8)}"
        row = {"job_id": job_id, "state": "running", "source": source, "started": _now(), "report": "{}"}
        with self._database.writing() as connection:
            connection.execute(jobs.insert(), row)
        return job_id

    def finish_job(self, job_id: str, *, state: Literal["done", "failed"], report: Mapping[str, Any]) -> None:
        """Record how an ingestion ended.

        Raises:
            NotFoundError: If there is no job with this id.
        """
        values = {"state": state, "finished": _now(), "report": json.dumps(dict(report))}
        with self._database.writing() as connection:
            if not connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values)).rowcount:
                raise NotFoundError(f"Job {job_id!r} is not in the record")

    def interrupt_running_jobs(self) -> int:
        """Mark jobs that a dead process left running as interrupted and count them; call it under the writer lock.

        Those of uploads are not among them: `uploads` has what they need to run again.
        """
        sent = select(uploads.c.job_key)
        running = update(jobs).where(jobs.c.state == "running", jobs.c.job_key.not_in(sent))
        running = running.values(state="interrupted", finished=_now())
        with self._database.writing() as connection:
            return connection.execute(running).rowcount

    def save_answer(self, answer_id: str, body: Mapping[str, Any]) -> None:
        """Store an answer as it was returned; one with the same id is replaced."""
        sources = [
            {"answer_id": answer_id, "document_id": document_id, "version": version}
            for document_id, version in sorted(sources_of(body))
        ]
        with self._database.writing() as connection:
            connection.execute(delete(answer_sources).where(answer_sources.c.answer_id == answer_id))
            connection.execute(delete(answers).where(answers.c.answer_id == answer_id))
            connection.execute(
                answers.insert(), {"answer_id": answer_id, "saved": _now(), "body": json.dumps(dict(body))}
            )
            if sources:
                connection.execute(answer_sources.insert(), sources)

    def purge(self) -> None:
        """Remove every byte of deleted documents: versions, passages, vectors, receipts that quote them, feedback.

        Feedback goes with its receipt, and where it repeats four words in a row of what is removed.

        Superseded versions of documents that are not deleted are kept. Vectors that no document uses go too.

        Raises:
            StorageError: If there is no room for the smaller copy that replaces the file.
            RecordBusyError: If another process reads for so long that old bytes cannot be removed; run it again.
        """
        ledger_upkeep.purge(self._database)

    def backup(self, to: Path) -> None:
        """Write a sound copy of the ledger, as it is now, into the new file `to`; writing may go on meanwhile.

        Raises:
            RecordError: If `to` exists.
            StorageError: If it cannot be written.
            RecordDamagedError: If the copy, and so the ledger, is damaged.
        """
        ledger_upkeep.backup(self._database, to)

    def check_integrity(self) -> tuple[str, ...]:
        """Return one sentence per problem of the ledger itself; empty when it is sound. Reads everything once."""
        return ledger_upkeep.problems(self._database, dimensions=self._identity.dimensions)

    def _insert(self, connection: Connection, prepared: PreparedDocument) -> None:
        document, header = prepared.document, prepared.document.header
        document_key = _next_version_of(connection, header.document_id, header.version)
        same_version = {"document_key": document_key, "version": header.version}
        row = version_row(header, document_key=document_key, passage_count=len(prepared.passages))
        connection.execute(versions.insert(), row)
        connection.execute(
            texts.insert(),
            {
                **same_version,
                "text": document.text,
                "pages": bytes_of_spans(document.pages),
                "signature": prepared.signature,
            },
        )
        if not prepared.passages:
            return
        embedding_keys = self._embedding_keys(connection, prepared.embedded_texts, prepared.vectors)
        first = _next_key(connection, passages.c.passage_key)
        key_of = {passage.passage_id: key for key, passage in enumerate(prepared.passages, start=first)}
        connection.execute(
            passages.insert(),
            [
                passage_row(
                    passage,
                    passage_key=key_of[passage.passage_id],
                    document_key=document_key,
                    embedding_key=embedding_key,
                )
                for passage, embedding_key in zip(prepared.passages, embedding_keys, strict=True)
            ],
        )
        if prepared.statements:
            connection.execute(
                statements.insert(),
                [
                    statement_row(statement, passage_key=key_of[statement.passage_id], ordinal=ordinal)
                    for ordinal, statement in enumerate(prepared.statements)
                ],
            )

    def _embedding_keys(self, connection: Connection, embedded_texts: Sequence[str], vectors: Matrix) -> list[int]:
        """Return the key of each text's vector; what is stored under a text already stays as it is."""
        digests = [embedding_digest(self._identity.encoder_id, text) for text in embedded_texts]
        keys: dict[bytes, int] = {}
        for batch in batches(dict.fromkeys(digests)):
            query = select(embeddings.c.digest, embeddings.c.embedding_key).where(embeddings.c.digest.in_(batch))
            keys.update((digest, key) for digest, key in connection.execute(query))
        next_key = _next_key(connection, embeddings.c.embedding_key)
        rows: list[dict[str, Any]] = []
        for digest, vector in zip(digests, vectors, strict=True):
            if digest not in keys:
                keys[digest] = next_key + len(rows)
                rows.append({"embedding_key": keys[digest], "digest": digest, "vector": bytes_of_vector(vector)})
        if rows:
            connection.execute(embeddings.insert(), rows)
        return [keys[digest] for digest in digests]


def _check_presence(path: Path, *, read_only: bool) -> None:
    """Refuse to start empty where a record was, and to read where none is."""
    try:
        size = path.stat().st_size if path.exists() else 0
        traces = _traces_of_a_record(path)
    except OSError as exc:
        raise StorageError(
            f"The ledger {str(path)!r} cannot be opened: {exc.strerror or exc}",
            hint="Correct the permissions of its folder, or choose another one with --data-dir.",
        ) from exc
    if size:
        return
    if traces is not None:
        raise _lost(path, traces)
    if read_only:
        raise _nothing_to_read(path)


def _traces_of_a_record(path: Path) -> Path | None:
    index = DataFolder(path.parent).index_root
    return index if index.is_dir() and any(index.iterdir()) else None


def _lost(path: Path, traces: Path) -> RecordDamagedError:
    return RecordDamagedError(
        f"The ledger {str(path)!r} is missing or empty beside {str(traces)!r}",
        hint=f"{ledger_schema.RESTORE_HINT} To start anew instead, use a new data folder.",
    )


def _nothing_to_read(path: Path) -> RecordError:
    return RecordError(
        f"There is no record in {str(path.parent)!r}",
        hint="Make one with 'dateline ingest', or name another folder with --data-dir.",
    )


def _prepare_tables(database: LedgerDatabase, identity: LedgerIdentity) -> None:
    try:
        database.path.touch(mode=0o600)
    except OSError as exc:
        raise StorageError(
            f"The ledger {str(database.path)!r} cannot be written: {exc.strerror or exc}",
            hint="Free space on its disk or correct its permissions.",
        ) from exc
    with database.writing() as connection:
        if ledger_schema.is_empty(connection):
            traces = _traces_of_a_record(database.path)
            if traces is not None:
                raise _lost(database.path, traces)
            ledger_schema.create(connection, identity)
            return
        found = ledger_schema.schema_version_of(connection, database.path)
        if found < ledger_schema.SCHEMA_VERSION:
            ledger_schema.migrate(connection, found=found)


def _check_version(connection: Connection, path: Path) -> None:
    if ledger_schema.is_empty(connection):  # A process that was killed, or has not finished, making it.
        traces = _traces_of_a_record(path)
        raise _nothing_to_read(path) if traces is None else _lost(path, traces)
    found = ledger_schema.schema_version_of(connection, path)
    if found < ledger_schema.SCHEMA_VERSION:
        raise RecordMismatchError(
            f"The ledger {str(path)!r} has the older schema version {found}",
            hint="Open it once for writing, for example with 'dateline verify', which brings it up to date.",
        )


def _next_version_of(connection: Connection, document_id: str, version: int) -> int:
    """Make `version` the current one of its document and return the document's key.

    Numbers go on after a deletion: passage ids contain them, and an index may still hold those of the deleted one.
    """
    query = select(documents.c.document_key, documents.c.current_version).where(documents.c.document_id == document_id)
    row = connection.execute(query).one_or_none()
    expected = 1 if row is None else row.current_version + 1
    if version != expected:
        raise ValueError(f"Document {document_id!r} needs version {expected} next, got {version}")
    if row is None:
        key = _next_key(connection, documents.c.document_key)
        values = {"document_key": key, "document_id": document_id, "current_version": version, "deleted": False}
        connection.execute(documents.insert(), values)
        return key
    key = row.document_key
    changed = update(documents).where(documents.c.document_key == key)
    connection.execute(changed.values(current_version=version, deleted=False))
    return int(key)


def _next_key(connection: Connection, column: Any) -> int:
    return 1 + int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())


def _count_change(connection: Connection) -> None:
    counter = meta.c.key == "change_counter"
    value = int(connection.execute(select(meta.c.value).where(counter)).scalar_one())
    connection.execute(update(meta).where(counter).values(value=str(value + 1)))


def _check_fits(prepared: PreparedDocument, dimensions: int) -> None:
    document, header = prepared.document, prepared.document.header
    _check_vectors(prepared.vectors, rows=len(prepared.passages), dimensions=dimensions)
    for passage in prepared.passages:
        if (passage.document_id, passage.version) != (header.document_id, header.version):
            raise ValueError(f"Passage {passage.passage_id!r} is not of {header.document_id!r} {header.version}")
        if passage.span.of(document.text) != passage.text:
            raise ValueError(f"Passage {passage.passage_id!r} differs from the text of document {header.document_id!r}")
    unknown = {statement.passage_id for statement in prepared.statements}
    unknown -= {passage.passage_id for passage in prepared.passages}
    if unknown:
        raise ValueError(f"Statements of document {header.document_id!r} name unknown passages {sorted(unknown)}")


def _check_vectors(vectors: Matrix, *, rows: int, dimensions: int) -> None:
    if rows and (vectors.shape != (rows, dimensions) or not np.isfinite(vectors).all()):
        raise ValueError(f"Vectors need shape {(rows, dimensions)} and finite values, got shape {vectors.shape}")


def _now() -> str:
    return datetime.now(UTC).isoformat()
