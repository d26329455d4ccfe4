"""Dense search in Chroma: vectors and small filter fields only, every call under a deadline."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError
from domain.ports import IndexEntry, Vector
from domain.settings import RetrievalSettings
from retriever.projections import Hit, ScopeBounds

COLLECTION: Final = "passages"
ROWS_PER_UPSERT: Final = 500  # Chroma's own limit depends on its SQLite build; 166 to 41 666 have been seen.
# Chroma writes its HNSW files after this many rows, and a kill during that write can leave them unreadable.
# A huge value avoids the write but replays every row at open: 14 s for 10 000. The ledger makes the damage
# harmless and the replay would be paid at every start, so it stays at Chroma's default. Smaller is only worse.
SYNC_THRESHOLD: Final = 1000
# Twice Chroma's links: near-equal paragraphs form tight clusters, between which a sparse graph loses the way. Its
# effort is enough: with 200 instead of 100, 72 893 news paragraphs took 75 s instead of 35 s, for a recall@10 of
# 0.998 instead of 0.995 and as few unreached (none).
GRAPH: Final = {"max_neighbors": 32, "ef_construction": 100}
WHOLE_INDEX_TIMEOUT_S: Final = 120.0  # Reading all ids, or reaching all vectors: 1 s for 75 000.
CALLS_AT_ONCE: Final = 8  # Hung calls cannot be cancelled; this bounds how many threads they hold.
REST_AFTER_TIMEOUT_S: Final = 5.0  # After a missed deadline, so that not every question waits for the next one.

Result = TypeVar("Result")


class ChromaIndex:
    """One Chroma collection in a folder of its own, opened by this process only.

    The first failure that is not a missed deadline breaks the index for good: Chroma's storage errors are
    deterministic, and repeating a call on damaged files has been seen to fill the memory. `broken` then says why.
    """

    def __init__(self, client: Any, collection: Any, settings: RetrievalSettings) -> None:
        self._client = client
        self._collection = collection
        self._settings = settings
        self._slots = threading.BoundedSemaphore(CALLS_AT_ONCE)
        self._rest_until = 0.0
        self.broken: str | None = None

    @classmethod
    def open(cls, folder: Path, *, settings: RetrievalSettings) -> Self:
        """Open the collection in `folder`, creating it where there is none.

        Open only folders that `index_check` has passed, or new ones: damaged files can end the process.

        Raises:
            IndexUnavailableError: If Chroma cannot open the folder.
        """
        opened = _within(
            WHOLE_INDEX_TIMEOUT_S, threading.BoundedSemaphore(1), lambda: open_collection(folder, create=True)
        )
        return cls(*opened, settings)

    def search(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return the `limit` nearest passages in scope; the score is the dot product, as vectors have unit length.

        `vector` is `(d,)` float32 of unit length.

        Raises:
            IndexUnavailableError: If Chroma is broken or missed the query deadline.
            ValueError: If the vector holds NaN or infinity, for which Chroma returns garbage.
        """
        if not np.isfinite(vector).all():
            raise ValueError("A query vector must be finite")
        found = self._call(
            self._settings.query_timeout_s,
            lambda: self._collection.query(
                query_embeddings=[vector], n_results=limit, where=_where(scope), include=["distances"]
            ),
        )
        hits = zip(found["ids"][0], found["distances"][0], strict=True)
        scored = [Hit(passage_id=passage_id, score=1.0 - float(distance) / 2) for passage_id, distance in hits]
        return tuple(sorted(scored, key=lambda hit: (-hit.score, hit.passage_id)))

    def upsert(self, entries: Sequence[IndexEntry]) -> None:
        """Add or replace passages, in batches.

        Raises:
            IndexUnavailableError: If Chroma failed or missed the write deadline; the batch may still arrive later.
        """
        for start in range(0, len(entries), ROWS_PER_UPSERT):
            batch = entries[start : start + ROWS_PER_UPSERT]
            vectors = np.stack([entry.vector for entry in batch])
            if not np.isfinite(vectors).all():
                raise ValueError("Vectors of passages must be finite")
            self._write(
                lambda batch=batch, vectors=vectors: self._collection.upsert(  # type: ignore[misc]
                    ids=[entry.passage_id for entry in batch],
                    embeddings=vectors,
                    metadatas=[_metadata(entry) for entry in batch],
                )
            )

    def delete(self, passage_ids: Iterable[str]) -> None:
        """Remove passages, in batches.

        Raises:
            IndexUnavailableError: As for `upsert`.
        """
        doomed = sorted(passage_ids)
        for start in range(0, len(doomed), ROWS_PER_UPSERT):
            batch = doomed[start : start + ROWS_PER_UPSERT]
            self._write(lambda batch=batch: self._collection.delete(ids=batch))  # type: ignore[misc]

    def ids(self) -> set[str]:
        """Return the ids of all passages in the collection."""
        return self._call(WHOLE_INDEX_TIMEOUT_S, lambda: all_ids(self._collection))

    def unreached(self) -> set[str]:
        """Return the ids of passages that no query finds; empty in a healthy index."""
        return self._call(WHOLE_INDEX_TIMEOUT_S, lambda: unreached_ids(self._collection))

    def vectors(self, passage_ids: Sequence[str]) -> dict[str, Vector]:
        """Return the stored vectors of those passages that are in the collection."""
        found = self._call(
            WHOLE_INDEX_TIMEOUT_S, lambda: self._collection.get(ids=list(passage_ids), include=["embeddings"])
        )
        return {
            key: np.asarray(row, dtype=np.float32) for key, row in zip(found["ids"], found["embeddings"], strict=True)
        }

    def close(self) -> None:
        """Release files and memory; searches that are running fail."""
        self.broken = self.broken or "closed"
        # On a thread too: closing waits for calls that may hang.
        thread = threading.Thread(target=_quietly, args=(self._client.close,), daemon=True, name="chroma-close")
        thread.start()
        thread.join(timeout=self._settings.write_timeout_s)

    def _write(self, write: Callable[[], None]) -> None:
        self._call(self._settings.write_timeout_s, write)

    def _call(self, timeout_s: float, call: Callable[[], Result]) -> Result:
        if self.broken is not None:
            raise IndexUnavailableError(f"The Chroma index is out of use: {self.broken}")
        if time.monotonic() < self._rest_until and timeout_s <= self._settings.query_timeout_s:
            raise IndexUnavailableError("The Chroma index missed a deadline a moment ago", hint="Try again shortly.")
        try:
            return _within(timeout_s, self._slots, call)
        except _MissedDeadlineError as exc:
            self._rest_until = time.monotonic() + REST_AFTER_TIMEOUT_S
            raise IndexUnavailableError(str(exc), hint="Try again shortly.") from exc
        except IndexUnavailableError as exc:
            self.broken = self.broken or exc.message
            raise


def open_collection(folder: Path, *, create: bool) -> tuple[Any, Any]:
    """Return client and collection of a folder; the caller closes the client. Chroma's errors pass through."""
    import chromadb  # noqa: PLC0415  - takes a second to import, and most commands do not need it
    from chromadb.config import Settings  # noqa: PLC0415  - as above

    folder.mkdir(parents=True, exist_ok=True)
    try:
        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except BaseException:
        _forget(folder)
        raise
    try:
        # No embedding function: Chroma's default one would fetch a model, and our vectors are made already.
        if not create:
            return client, client.get_collection(COLLECTION, embedding_function=None)
        # Squared distance, from which unit vectors give the cosine: `ip` and `cosine` subtract it from 1, lose the
        # difference between near-equal vectors to rounding, and then fail to link them (1485 of 8000 lost, l2: 1).
        configuration: Any = {"hnsw": {"space": "l2", "sync_threshold": SYNC_THRESHOLD, **GRAPH}}
        return client, client.get_or_create_collection(COLLECTION, embedding_function=None, configuration=configuration)
    except BaseException:
        client.close()
        raise


def _forget(folder: Path) -> None:
    """Let a later client of this folder start anew.

    Chroma keeps the system of a client that failed to start, on a full disk say, and gives it to every later client of
    the same path in this process, which then fails with "'RustBindingsAPI' object has no attribute 'bindings'".
    """
    from chromadb.api.shared_system_client import SharedSystemClient  # noqa: PLC0415  - as above

    SharedSystemClient._identifier_to_system.pop(str(folder), None)  # noqa: SLF001  - its public method clears all


def all_ids(collection: Any) -> set[str]:
    """Return the ids that the collection lists."""
    return set(collection.get(include=[])["ids"])


def unreached_ids(collection: Any) -> set[str]:
    """Return the ids that the collection lists but a query for everything does not reach.

    A count that looks right is not health: with its HNSW files gone, Chroma still counts every row.
    """
    listed = all_ids(collection)
    if not listed:
        return set()
    probe = collection.get(ids=[min(listed)], include=["embeddings"])["embeddings"][0]
    reached = set(collection.query(query_embeddings=[probe], n_results=len(listed), include=[])["ids"][0])
    return listed - reached


class _MissedDeadlineError(Exception):
    """The call has not returned in time; it may still be running."""


def _within(timeout_s: float, slots: threading.BoundedSemaphore, call: Callable[[], Result]) -> Result:
    """Run `call` on a thread of its own and stop waiting after `timeout_s`.

    The thread is a daemon: a hung Chroma call (it waits 1000 s for a locked file) must not keep the process alive.
    """
    if not slots.acquire(timeout=timeout_s):
        raise _MissedDeadlineError(f"Chroma is busy with {CALLS_AT_ONCE} calls that have not returned")
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as exc:  # noqa: BLE001  - a Rust panic is no Exception; it is raised again below
            failure.append(exc)
        finally:
            slots.release()

    thread = threading.Thread(target=run, daemon=True, name="chroma-call")
    thread.start()
    thread.join(timeout_s)
    if failure:
        raise IndexUnavailableError(f"Chroma failed: {failure[0]}", hint="It is rebuilt from the ledger.") from failure[
            0
        ]
    if not outcome:
        raise _MissedDeadlineError(f"Chroma has not answered within {timeout_s:g} s")
    return outcome[0]


def _quietly(close: Callable[[], None]) -> None:
    with suppress(Exception):  # Nothing is left to do for an index that is being dropped.
        close()


def _metadata(entry: IndexEntry) -> dict[str, str | int]:
    return {"published_day": entry.published_day, "publisher": entry.publisher}


def _where(scope: TimeScope) -> dict[str, Any] | None:
    bounds = ScopeBounds.of(scope)
    clauses: list[dict[str, Any]] = []
    if bounds.is_dated:
        clauses += [
            {"published_day": {"$gte": bounds.first_day}},
            {"published_day": {"$lte": bounds.last_day}},
        ]
    if bounds.publisher is not None:
        clauses.append({"publisher": {"$eq": bounds.publisher}})
    return {"$and": clauses} if len(clauses) > 1 else next(iter(clauses), None)
