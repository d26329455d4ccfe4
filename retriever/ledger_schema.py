"""The ledger's tables, and the steps that bring an older ledger up to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    inspect,
    select,
    update,
)

from domain.errors import RecordDamagedError, RecordMismatchError

SCHEMA_VERSION: Final = 3

MIGRATIONS: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        """
        CREATE TABLE uploads (
            job_key INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (job_key),
            name VARCHAR NOT NULL,
            uri VARCHAR NOT NULL,
            url VARCHAR,
            media_type VARCHAR,
            declared VARCHAR NOT NULL,
            content BLOB,
            fingerprint VARCHAR NOT NULL,
            idempotency_key VARCHAR UNIQUE
        )
        """,
    ),
    2: (
        """
        CREATE TABLE feedback (
            feedback_key INTEGER NOT NULL PRIMARY KEY,
            feedback_id VARCHAR NOT NULL UNIQUE,
            answer_id VARCHAR NOT NULL REFERENCES answers (answer_id) DEFERRABLE INITIALLY DEFERRED,
            created VARCHAR NOT NULL,
            verdict VARCHAR NOT NULL,
            sentence INTEGER,
            comment VARCHAR,
            expected VARCHAR,
            document_id VARCHAR,
            version INTEGER,
            start INTEGER,
            "end" INTEGER,
            history VARCHAR NOT NULL
        )
        """,
        "CREATE INDEX ix_feedback_answer_id ON feedback (answer_id)",
    ),
}
"""Per schema version, the statements that lead from it to the next; a released step is never edited."""

RESTORE_HINT: Final = "Restore the last backup with 'dateline restore'."

schema = MetaData()

meta = Table(
    "meta",
    schema,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

documents = Table(
    "documents",
    schema,
    Column("document_key", Integer, primary_key=True),  # Grows with arrival, so the smallest is the oldest.
    Column("document_id", String, nullable=False, unique=True),
    Column("current_version", Integer, nullable=False),
    Column("deleted", Boolean, nullable=False),
)

versions = Table(
    "versions",
    schema,
    Column("document_key", Integer, ForeignKey("documents.document_key"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("deleted", Boolean, nullable=False),  # Stays set when the document comes back in a later version.
    Column("content_sha256", String, nullable=False),
    Column("source_uri", String, nullable=False),
    Column("title", String),
    Column("publisher", String),
    Column("publisher_folded", String, nullable=False),  # Case-folded, empty when unknown; what scopes compare.
    Column("published", Date),
    Column("place", String),
    Column("language", String),
    Column("media_type", String, nullable=False),
    Column("duplicate_of", String),
    Column("duplicate_kind", String),
    Column("similarity", Float),
    Column("passage_count", Integer, nullable=False),
    Index("versions_content", "content_sha256"),
    Index("versions_duplicate_of", "duplicate_of"),
)

# Apart from `versions`, so that reading many headers does not read every text.
texts = Table(
    "texts",
    schema,
    Column("document_key", Integer, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", String, nullable=False),
    Column("pages", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    ForeignKeyConstraint(["document_key", "version"], ["versions.document_key", "versions.version"]),
)

embeddings = Table(
    "embeddings",
    schema,
    Column("embedding_key", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of encoder id and embedded text.
    Column("vector", LargeBinary, nullable=False),  # Little-endian float32.
)

passages = Table(
    "passages",
    schema,
    Column("passage_key", Integer, primary_key=True),
    Column("passage_id", String, nullable=False, unique=True),
    Column("document_key", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("embedding_key", Integer, ForeignKey("embeddings.embedding_key"), nullable=False, index=True),
    Column("page", Integer),
    Column("heading", String),
    Column("sentences", LargeBinary, nullable=False),
    Column("text", String, nullable=False),
    UniqueConstraint("document_key", "version", "ordinal"),
    ForeignKeyConstraint(["document_key", "version"], ["versions.document_key", "versions.version"]),
)

statements = Table(
    "statements",
    schema,
    Column("passage_key", Integer, ForeignKey("passages.passage_key"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("speaker", String, nullable=False),
    Column("verb", String),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("kind", String, nullable=False),
)

jobs = Table(
    "jobs",
    schema,
    Column("job_key", Integer, primary_key=True),
    Column("job_id", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("source", String, nullable=False),
    Column("started", String, nullable=False),  # ISO 8601 with its zone, like `finished`.
    Column("finished", String),
    Column("report", String, nullable=False),
)

# What a job is to read; beside it, so that listing jobs does not read it.
uploads = Table(
    "uploads",
    schema,
    Column("job_key", Integer, ForeignKey("jobs.job_key"), primary_key=True),
    Column("name", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("url", String),
    Column("media_type", String),
    Column("declared", String, nullable=False),
    Column("content", LargeBinary),  # Until the job is finished.
    Column("fingerprint", String, nullable=False),
    Column("idempotency_key", String, unique=True),
)

answers = Table(
    "answers",
    schema,
    Column("answer_id", String, primary_key=True),
    Column("saved", String, nullable=False),
    Column("body", String, nullable=False),
)

# Which documents a receipt repeats words of, so that a purge finds it; version 0 when the receipt does not say.
answer_sources = Table(
    "answer_sources",
    schema,
    Column("answer_id", String, ForeignKey("answers.answer_id"), primary_key=True),
    Column("document_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Index("answer_sources_document", "document_id", "version"),
)

feedback = Table(
    "feedback",
    schema,
    Column("feedback_key", Integer, primary_key=True),  # Grows with arrival.
    Column("feedback_id", String, nullable=False, unique=True),
    Column(  # Looked at when the transaction ends: a receipt is replaced by taking it out first.
        "answer_id",
        String,
        ForeignKey("answers.answer_id", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
    Column("created", String, nullable=False),  # ISO 8601 with its zone.
    Column("verdict", String, nullable=False),
    Column("sentence", Integer),
    Column("comment", String),
    Column("expected", String),
    Column("document_id", String),  # Where the record says what is missing, with the next three.
    Column("version", Integer),
    Column("start", Integer),
    Column("end", Integer),
    Column("history", String, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerIdentity:
    """Which encoder the vectors of a ledger come from."""

    encoder_id: str
    dimensions: int


def is_empty(connection: Connection) -> bool:
    """Tell whether the file holds no table yet."""
    return not inspect(connection).get_table_names()


def create(connection: Connection, identity: LedgerIdentity) -> None:
    """Create the tables in an empty file; part of the caller's transaction."""
    schema.create_all(connection, checkfirst=False)
    facts = {
        "schema_version": str(SCHEMA_VERSION),
        "encoder_id": identity.encoder_id,
        "dimensions": str(identity.dimensions),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "change_counter": "0",
    }
    connection.execute(meta.insert(), [{"key": key, "value": value} for key, value in facts.items()])


def schema_version_of(connection: Connection, path: Path) -> int:
    """Return the version of the tables.

    Raises:
        RecordDamagedError: If this is some other program's database.
        RecordMismatchError: If a newer Dateline made it.
    """
    if not inspect(connection).has_table(meta.name):
        raise RecordDamagedError(f"{str(path)!r} is not a ledger: it has no table {meta.name!r}", hint=RESTORE_HINT)
    found = _fact(connection, "schema_version")
    oldest = min(MIGRATIONS, default=SCHEMA_VERSION)
    if found is None or not found.isdecimal() or int(found) < oldest:
        raise RecordDamagedError(f"The ledger {str(path)!r} has the schema version {found!r}", hint=RESTORE_HINT)
    if int(found) > SCHEMA_VERSION:
        raise RecordMismatchError(
            f"The ledger {str(path)!r} has schema version {found}; this Dateline knows {SCHEMA_VERSION} and older",
            hint="Upgrade Dateline to the version that made the record, or a newer one.",
        )
    return int(found)


def migrate(connection: Connection, *, found: int) -> None:
    """Apply the steps from schema version `found` to the current one; part of the caller's transaction."""
    for version in range(found, SCHEMA_VERSION):
        for statement in MIGRATIONS[version]:
            connection.exec_driver_sql(statement)
    connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION)))


def check_identity(connection: Connection, path: Path, wanted: LedgerIdentity) -> None:
    """Refuse vectors of another encoder, which must never be compared with this one's.

    Raises:
        RecordMismatchError: If the ledger was made with another encoder.
    """
    encoder_id, dimensions = _fact(connection, "encoder_id"), _fact(connection, "dimensions")
    if (encoder_id, dimensions) != (wanted.encoder_id, str(wanted.dimensions)):
        raise RecordMismatchError(
            f"The record {str(path)!r} was made with encoder {encoder_id!r} ({dimensions} dimensions), "
            f"not {wanted.encoder_id!r} ({wanted.dimensions} dimensions)",
            hint=f"Use the encoder {encoder_id!r}, or ingest into a new data folder.",
        )


def _fact(connection: Connection, key: str) -> str | None:
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()
