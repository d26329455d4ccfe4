"""The jobs of a server: what was sent to the record is durable before it is acknowledged, and is read in that order."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select, update

from domain.errors import KeyReusedError
from domain.ports import Job
from domain.uploads import Upload
from retriever.ledger_database import LedgerDatabase
from retriever.ledger_rows import job_from
from retriever.ledger_schema import jobs, uploads

PURGE = "purge"
"""The source of a job that removes the bytes of what was deleted."""

_DECLARED = ("title", "publisher", "published", "place", "language")


class UploadQueue:
    """Jobs that wait, oldest first; threads may share it. One process takes from it, under the writer's lock."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database

    def put(self, upload: Upload, *, idempotency_key: str | None = None) -> tuple[Job, bool]:
        """Queue an upload; return its job, and whether it is new.

        Args:
            upload: What is to be read.
            idempotency_key: The same key with the same upload is the same job, whatever has become of it.

        Raises:
            KeyReusedError: If the key came with another upload.
            StorageError: If there is no room for it.
        """
        fingerprint = _fingerprint(upload)
        with self._database.writing() as connection:
            earlier = _of_key(connection, idempotency_key)
            if earlier is None:
                return self._insert(connection, upload, fingerprint, idempotency_key), True
            if earlier.fingerprint != fingerprint:
                raise KeyReusedError(
                    "This Idempotency-Key came with another document before", hint="Use a new key for each document."
                )
            return job_from(earlier, json.loads(earlier.report)), False

    def put_purge(self) -> Job:
        """Queue the removal of every byte of what was deleted; return its job, the waiting one if there is one."""
        with self._database.writing() as connection:
            query = select(jobs).where(jobs.c.source == PURGE, jobs.c.state == "queued")
            waiting = connection.execute(query).first()
            return job_from(waiting, {}) if waiting is not None else _new_job(connection, PURGE)[1]

    def take(self) -> tuple[Job, Upload | None] | None:
        """Return the oldest waiting job, from now on running, with its upload; `None` when nothing waits.

        A job without an upload is a purge.
        """
        with self._database.writing() as connection:
            oldest = select(func.min(jobs.c.job_key)).where(jobs.c.state == "queued").scalar_subquery()
            query = select(jobs, uploads).join_from(jobs, uploads, isouter=True).where(jobs.c.job_key == oldest)
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            connection.execute(update(jobs).where(jobs.c.job_id == row.job_id).values(state="running"))
            return job_from(row, {}), None if row.fingerprint is None else _upload_from(row)

    def finish(self, job_id: str, *, state: Literal["done", "failed"], report: Mapping[str, Any]) -> None:
        """Record how a job ended, and let go of what was sent."""
        with self._database.writing() as connection:
            key = connection.execute(select(jobs.c.job_key).where(jobs.c.job_id == job_id)).scalar_one()
            values = {"state": state, "finished": _now(), "report": json.dumps(dict(report))}
            connection.execute(update(jobs).where(jobs.c.job_key == key).values(**values))
            connection.execute(update(uploads).where(uploads.c.job_key == key).values(content=None))

    def requeue(self) -> int:
        """Let jobs that a dead process left running wait again, and count them; call it under the writer lock."""
        ours = jobs.c.job_key.in_(select(uploads.c.job_key)) | (jobs.c.source == PURGE)
        with self._database.writing() as connection:
            left = update(jobs).where(jobs.c.state.in_(("running", "interrupted")), jobs.c.finished.is_(None), ours)
            return connection.execute(left.values(state="queued")).rowcount

    def waiting(self) -> int:
        """Return how many jobs wait or run."""
        query = select(func.count()).where(jobs.c.state.in_(("queued", "running")))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _insert(self, connection: Connection, upload: Upload, fingerprint: str, key: str | None) -> Job:
        job_key, job = _new_job(connection, upload.url or upload.name)
        declared = {name: getattr(upload, name) for name in _DECLARED}
        connection.execute(
            uploads.insert(),
            {
                "job_key": job_key,
                "name": upload.name,
                "uri": upload.uri,
                "url": upload.url,
                "media_type": upload.media_type,
                "declared": json.dumps(declared, default=date.isoformat),
                "content": upload.content,
                "fingerprint": fingerprint,
                "idempotency_key": key,
            },
        )
        return job


def _new_job(connection: Connection, source: str) -> tuple[int, Job]:
    row = {
        "job_id": f"job_{secrets.token_hex(8)}",
        "state": "queued",
        "source": source,
        "started": _now(),
        "report": "{}",
    }
    connection.execute(jobs.insert(), row)
    stored = connection.execute(select(jobs).where(jobs.c.job_id == row["job_id"])).one()
    return int(stored.job_key), job_from(stored, {})


def _of_key(connection: Connection, key: str | None) -> Row[Any] | None:
    if key is None:
        return None
    query = select(jobs, uploads.c.fingerprint).join_from(jobs, uploads).where(uploads.c.idempotency_key == key)
    return connection.execute(query).one_or_none()


def _fingerprint(upload: Upload) -> str:
    """Return a digest of everything that makes two uploads the same."""
    said = [upload.name, upload.uri, upload.url, upload.media_type, *(getattr(upload, name) for name in _DECLARED)]
    digest = hashlib.sha256(json.dumps(said, default=date.isoformat).encode())
    digest.update(upload.content or b"")
    return digest.hexdigest()


def _upload_from(row: Row[Any]) -> Upload:
    declared = json.loads(row.declared)
    published = declared.pop("published")
    return Upload(
        name=row.name,
        uri=row.uri,
        url=row.url,
        content=row.content,
        media_type=row.media_type,
        published=None if published is None else date.fromisoformat(published),
        **declared,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
