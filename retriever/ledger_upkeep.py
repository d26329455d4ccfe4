"""Looking after the ledger: removing what was deleted, copying, checking."""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select

from domain.corpus import sha256_of
from domain.errors import RecordBusyError, RecordDamagedError, RecordError, StorageError
from retriever.ledger_database import LedgerDatabase
from retriever.ledger_schema import (
    RESTORE_HINT,
    answer_sources,
    answers,
    documents,
    embeddings,
    feedback,
    passages,
    statements,
    texts,
    versions,
)

_STREAMED: Final = {"yield_per": 500}
_RUN_OF_WORDS: Final = 4  # Fewer in a row are shared by texts that have nothing to do with each other.
_WORD: Final = re.compile(r"\w+")


def purge(database: LedgerDatabase) -> None:
    """Remove every byte of deleted documents from the file and its write-ahead log."""
    with database.writing() as connection:
        _remove_feedback(connection)
        _remove_receipts(connection)
        _remove_versions(connection)
        unused = ~exists().where(passages.c.embedding_key == embeddings.c.embedding_key)
        connection.execute(delete(embeddings).where(unused))
    with database.outside_transactions() as bare:
        # The log still holds pages from before, and free pages what secure_delete did not reach in earlier files.
        _truncate_log(bare, database.path)
        bare.execute("VACUUM")
        _truncate_log(bare, database.path)


def backup(database: LedgerDatabase, to: Path) -> None:
    """Write a checked copy of the ledger into the new file `to`."""
    if to.exists():
        raise RecordError(f"The backup {str(to)!r} exists already", hint="Give the name of a new file.")
    partial = to.with_name(f"{to.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        _copy(database, partial)
        os.link(partial, to)  # Unlike a rename, this fails when another process made `to` meanwhile.
        _sync_folder(to.parent)
    except FileExistsError as exc:
        raise RecordError(f"The backup {str(to)!r} exists already", hint="Give the name of a new file.") from exc
    except OSError as exc:
        raise StorageError(
            f"The backup {str(to)!r} cannot be written: {exc.strerror or exc}",
            hint="Free space on its disk, or name a file in another folder.",
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def problems(database: LedgerDatabase, *, dimensions: int) -> tuple[str, ...]:
    """Return one sentence per problem of the ledger itself."""
    found: list[str] = []
    try:
        with database.reading() as connection:
            # Appended one by one, so that what was found stays when reading on fails.
            for problem in _problems(connection, dimensions):
                found.append(problem)  # noqa: PERF402  - see above
    except RecordDamagedError as error:
        found.append(error.message)
    return tuple(found)


def _remove_feedback(connection: Connection) -> None:
    """Remove feedback that repeats words of what was deleted, whatever answer it is about."""
    keys_of: dict[tuple[str, ...], set[int]] = {}
    for row in connection.execute(select(feedback)):
        for run in _runs_said(row):
            keys_of.setdefault(run, set()).add(row.feedback_key)
    doomed: set[int] = set()
    if keys_of:
        for text in connection.execute(select(texts.c.text).where(_of_deleted_version(texts))).scalars():
            doomed.update(key for run in _runs(text, shorter=True) for key in keys_of.get(run, ()))
    for key in doomed:
        connection.execute(delete(feedback).where(feedback.c.feedback_key == key))
    placed = (
        exists()
        .where(documents.c.document_key == versions.c.document_key, documents.c.document_id == feedback.c.document_id)
        .where(versions.c.version == feedback.c.version, versions.c.deleted.is_(True))
    )
    connection.execute(delete(feedback).where(placed))


def _runs_said(row: Any) -> Iterator[tuple[str, ...]]:
    """Yield the runs of words of feedback; what is expected may be as short as a name, and counts whole."""
    for turn in json.loads(row.history):
        yield from _runs(turn["text"])
    yield from _runs(row.comment or "")
    yield from _runs(row.expected or "", whole=True)


def _runs(text: str, *, whole: bool = False, shorter: bool = False) -> Iterable[tuple[str, ...]]:
    """Return each run of four words; a text of fewer is a run only as a `whole`, and `shorter` runs are added."""
    words = [found[0].casefold() for found in _WORD.finditer(text)]
    lengths = range(1, _RUN_OF_WORDS + 1) if shorter else [min(_RUN_OF_WORDS, len(words)) if whole else _RUN_OF_WORDS]
    return {
        tuple(words[start : start + length]) for length in lengths for start in range(len(words) - length + 1) if length
    }


def _remove_receipts(connection: Connection) -> None:
    gone = (
        select(versions.c.version)
        .join_from(versions, documents, documents.c.document_key == versions.c.document_key)
        .where(
            documents.c.document_id == answer_sources.c.document_id,
            versions.c.deleted.is_(True),
            or_(answer_sources.c.version == 0, answer_sources.c.version == versions.c.version),
        )
    )
    quoting = select(answer_sources.c.answer_id).where(gone.exists()).distinct()
    ids = list(connection.execute(quoting).scalars())
    for answer_id in ids:
        connection.execute(delete(feedback).where(feedback.c.answer_id == answer_id))
        connection.execute(delete(answer_sources).where(answer_sources.c.answer_id == answer_id))
        connection.execute(delete(answers).where(answers.c.answer_id == answer_id))


def _remove_versions(connection: Connection) -> None:
    doomed = select(passages.c.passage_key).where(_of_deleted_version(passages))
    connection.execute(delete(statements).where(statements.c.passage_key.in_(doomed)))
    connection.execute(delete(passages).where(_of_deleted_version(passages)))
    connection.execute(delete(texts).where(_of_deleted_version(texts)))
    connection.execute(delete(versions).where(versions.c.deleted.is_(True)))
    connection.execute(delete(documents).where(documents.c.deleted.is_(True)))


def _of_deleted_version(table: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = exists().where(
        versions.c.document_key == table.c.document_key,
        versions.c.version == table.c.version,
        versions.c.deleted.is_(True),
    )
    return condition


def _truncate_log(bare: sqlite3.Connection, path: Path) -> None:
    is_busy, *_ = bare.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise RecordBusyError(
            f"The log of {str(path)!r} cannot be emptied, because another process is reading the record",
            hint="What was deleted stays hidden; run the purge again when that process has finished.",
        )


def _copy(database: LedgerDatabase, partial: Path) -> None:
    with database.reading() as connection, contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)  # noqa: S101  - the engine's dialect is pysqlite
        source.backup(copy)
        copy.execute("PRAGMA synchronous=FULL")
        copy.execute("PRAGMA journal_mode=DELETE")  # One file, complete by itself.
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise RecordDamagedError(f"The ledger {str(database.path)!r} is damaged: {verdict}", hint=RESTORE_HINT)
    with partial.open("rb") as written:
        os.fsync(written.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _problems(connection: Connection, dimensions: int) -> Iterator[str]:
    for (verdict,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if verdict != "ok":
            yield f"SQLite finds: {verdict}"
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"Row {row} of {table!r} names a missing row of {parent!r}"
    yield from _text_problems(connection)
    yield from _vector_problems(connection, dimensions)


def _text_problems(connection: Connection) -> Iterator[str]:
    query = (
        select(
            documents.c.document_id,
            versions.c.document_key,
            versions.c.version,
            versions.c.content_sha256,
            versions.c.passage_count,
            texts.c.text,
        )
        .join_from(documents, versions, versions.c.document_key == documents.c.document_key)
        .outerjoin(texts, (texts.c.document_key == versions.c.document_key) & (texts.c.version == versions.c.version))
    )
    for row in connection.execute(query, execution_options=_STREAMED):
        named = f"version {row.version} of document {row.document_id!r}"
        if row.text is None:
            yield f"The text of {named} is missing"
            continue
        if sha256_of(row.text) != row.content_sha256:
            yield f"The text of {named} does not have its digest"
        parts = connection.execute(
            select(passages.c.passage_id, passages.c.start, passages.c.end, passages.c.text).where(
                passages.c.document_key == row.document_key, passages.c.version == row.version
            )
        ).all()
        if len(parts) != row.passage_count:
            yield f"There are {len(parts)} passages of {named}, not {row.passage_count}"
        for passage_id, start, end, text in parts:
            if row.text[start:end] != text:
                yield f"Passage {passage_id!r} differs from the text of {named}"


def _vector_problems(connection: Connection, dimensions: int) -> Iterator[str]:
    query = select(embeddings.c.embedding_key, embeddings.c.vector)
    for key, packed in connection.execute(query, execution_options=_STREAMED):
        if len(packed) != 4 * dimensions or not np.isfinite(np.frombuffer(packed, dtype="<f4")).all():
            yield f"Vector {key} is not {dimensions} finite numbers"
