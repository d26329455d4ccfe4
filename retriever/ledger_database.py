"""The SQLite file under the ledger: connections, transactions, and what its failures mean."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from domain.errors import RecordBusyError, RecordDamagedError, RecordError, StorageError
from retriever.ledger_schema import RESTORE_HINT

_BUSY_TIMEOUT_S: Final = 10.0
_PAGE_BYTES: Final = 8192  # Five vectors of 384 float32 fill one; pages of 4096 would waste a quarter.
_WAL_BYTES: Final = 64 * 2**20  # A log that grew in a long transaction is cut back to this.

_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_STORAGE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing it failed",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_AUTH: "it may not be opened",
}


class LedgerDatabase:
    """One SQLite file with many readers and one writer; threads may share it.

    Attributes:
        path: The file.
        read_only: Whether this process may only read.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._closed = False
        self._write_lock = threading.RLock()
        self._reads = self._engine(begin="BEGIN", mode="ro" if read_only else "rw", pool_size=16, max_overflow=-1)
        self._writes = self._engine(begin="BEGIN IMMEDIATE", mode="rw", pool_size=1, max_overflow=0)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one unchanging state of the record."""
        with self.faults_translated(), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection whose changes become durable together at the end, or not at all.

        Raises:
            StorageError: If the disk is full or may not be written; nothing has changed then.
            RecordBusyError: If another process writes for longer than the time-out.
            RecordError: If the ledger was opened for reading, or is closed.
        """
        self._check_writable()
        with self._write_lock, self.faults_translated(), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def outside_transactions(self) -> Iterator[sqlite3.Connection]:
        """Yield the writer's bare connection, for what SQLite refuses inside a transaction."""
        self._check_writable()
        with self._write_lock, self.faults_translated():
            pooled = self._writes.raw_connection()
            try:
                connection = pooled.driver_connection
                assert isinstance(connection, sqlite3.Connection)  # noqa: S101  - the engine's dialect is pysqlite
                yield connection
            finally:
                pooled.close()

    def close(self) -> None:
        """Close all connections; a connection in use is closed when it is given back."""
        self._closed = True
        self._writes.dispose()
        self._reads.dispose()

    @contextmanager
    def faults_translated(self) -> Iterator[None]:
        """Turn what SQLite raises into our errors."""
        try:
            yield
        except IntegrityError as exc:
            raise ValueError(f"The ledger refuses the rows: {exc.orig}") from exc
        except DBAPIError as exc:
            raise record_fault(self.path, exc.orig) from exc
        except sqlite3.Error as exc:
            raise record_fault(self.path, exc) from exc

    def _check_writable(self) -> None:
        if self.read_only or self._closed:
            why = "is closed" if self._closed else "was opened for reading"
            raise RecordError(f"The ledger {str(self.path)!r} {why}", hint="Open the record for writing.")

    def _engine(self, *, begin: str, mode: str, pool_size: int, max_overflow: int) -> Engine:
        def connect() -> sqlite3.Connection:
            return _connect(self.path, mode=mode, query_only=begin == "BEGIN")

        engine = create_engine(
            "sqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=max_overflow,
            hide_parameters=True,  # Receipts hold questions; its errors would show them to the log.
        )

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine


def _connect(path: Path, *, mode: str, query_only: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,  # We begin transactions ourselves; the driver would begin reads too late.
        check_same_thread=False,  # The pool gives a connection to one thread at a time.
    )
    try:
        for pragma in _pragmas(query_only=query_only):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _pragmas(*, query_only: bool) -> tuple[str, ...]:
    always = ("foreign_keys=ON", "synchronous=FULL")
    if query_only:  # Up to 16 readers, each with a cache of its own.
        return (*always, "cache_size=-4000", "query_only=ON")
    first = (f"page_size={_PAGE_BYTES}", "journal_mode=WAL")  # In this order: the size is fixed with the first page.
    return (*first, *always, "cache_size=-32000", "secure_delete=ON", f"journal_size_limit={_WAL_BYTES}")


def record_fault(path: Path, error: Any) -> RecordError:
    """Return the error of ours that an error of SQLite means."""
    name, code = str(path), getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _DAMAGED or code == sqlite3.SQLITE_IOERR_SHORT_READ or "decode to UTF-8" in str(error):
        return RecordDamagedError(f"The ledger {name!r} is damaged: {error}", hint=RESTORE_HINT)
    if primary in _BUSY:
        return RecordBusyError(
            f"The ledger {name!r} is in use by another process: {error}", hint="Try again when it has finished."
        )
    if primary in _STORAGE:
        return StorageError(
            f"The ledger {name!r} cannot be used: {_STORAGE[primary]} ({error})",
            hint="Free space on its disk or correct its permissions, then run the same command again.",
        )
    return RecordError(f"The ledger {name!r} failed: {error}", hint="Run 'dateline verify'.")
