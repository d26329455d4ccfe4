"""Keeps the on-disk indexes of a writing process equal to the ledger: checks, tops up, rebuilds, switches."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from domain.answers import TimeScope
from domain.errors import DatelineError, IndexUnavailableError, StorageError
from domain.ports import IndexEntry, RecordReader, Vector
from domain.settings import RetrievalSettings
from retriever.chroma_index import ROWS_PER_UPSERT, ChromaIndex
from retriever.generations import Generation, Generations, Manifest
from retriever.index_check import Broken, Sound, Stopped, check
from retriever.lexical_index import LexicalIndex
from retriever.projections import Hit
from retriever.vector_groups import VectorGroups

STALE: Final = 0.2  # With more than this share to remove, a new graph is better than one full of holes.
TOLERATED_STRANDED: Final = 0.02  # Of all vectors; more means damage, not the few that any graph strands.
NEAR_EQUAL: Final = 2  # Times what a new, undamaged graph stranded: near-equal texts do that to any graph.
UNCHECKED_CHANGES: Final = 0.02  # Share of changed vectors after which stranded ones are looked for again.
RETRY_AFTER_S: Final = 60.0  # Between attempts to rebuild, when one failed (a full disk, say).
SAME_VECTOR: Final = 0.999  # Least cosine between a stored vector and the ledger's.

IndexState = Literal["checking", "rebuilding", "ready", "exact"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatus:
    """How the dense index stands; answers are right in every state, `ready` is fastest.

    Attributes:
        state: `ready`, `checking` or `rebuilding` in the background, or `exact`: search in the ledger's vectors.
        generation: Number of the index generation in use; `None` without one.
        indexed: Passages in the dense index.
        words: Passages in the word index.
        detail: Why it is not ready, or what was repaired.
    """

    state: IndexState
    generation: int | None
    indexed: int
    words: int
    detail: str = ""


class _StoppedError(Exception):
    """The record is being closed."""


class IndexKeeper:
    """Owns Chroma and tantivy under the writer lock; the ledger's passages are what they are measured by.

    It is the dense index of the retriever (`search`); its `words` view is the word index.
    """

    def __init__(
        self,
        *,
        record: RecordReader,
        generations: Generations,
        encoder_id: str,
        dimensions: int,
        settings: RetrievalSettings,
    ) -> None:
        self._record = record
        self._generations = generations
        self._manifest = Manifest.wanted(encoder_id=encoder_id, dimensions=dimensions)
        self._settings = settings
        self._lock = threading.RLock()  # Held while an index is written or swapped; searches do not take it.
        self._stop = threading.Event()
        self._settled = threading.Event()
        self._healer: threading.Thread | None = None
        self._failed_at: float | None = None
        self._generation: Generation | None = None
        self._chroma: ChromaIndex | None = None
        self._groups = VectorGroups()
        self._stranded: dict[str, Vector] = {}  # In the graph, but no query reaches them: searched one by one.
        self._unchecked = 0
        self._stranded_when_new = 0
        self._words: LexicalIndex | None = None
        self._word_ids: set[str] = set()
        self._state: IndexState = "checking"
        self._detail = ""

    def start(self) -> None:
        """Begin to check the indexes in the background; questions are answered meanwhile."""
        with self._lock:
            self._generation = self._generations.current()
            if self._generation is not None and self._generations.fault(self._generation, self._manifest) is None:
                self._open_words(self._generation)
            self._heal_in_background()

    def close(self) -> None:
        """Stop what runs in the background and release the indexes."""
        self._stop_healing()
        self._drop_chroma()
        self._words = None

    def status(self) -> IndexStatus:
        """Tell how the indexes stand now."""
        return IndexStatus(
            state=self._state,
            generation=self._generation.number if self._generation is not None else None,
            indexed=len(self._groups.ids()),
            words=len(self._word_ids),
            detail=self._detail,
        )

    def wait_until_indexed(self, timeout_s: float | None = None) -> bool:
        """Wait until the check and any rebuild are over; `True` if the indexes are then ready."""
        self._settled.wait(timeout_s)
        return self._state == "ready"

    def search(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Search the dense index.

        Raises:
            IndexUnavailableError: If it is not ready, failed, or missed its deadline.
        """
        chroma = self._chroma
        if chroma is None or self._state != "ready":
            raise IndexUnavailableError(f"The dense index is not in use: {self._state}")
        groups, stranded = self._groups, self._stranded
        try:
            leaders = list(chroma.search(vector, scope=scope, limit=limit))
        except IndexUnavailableError:
            if chroma.broken is not None and chroma is self._chroma:
                self._give_up_on_chroma(chroma.broken)
            raise
        reached = {leader.passage_id for leader in leaders}
        leaders += [
            Hit(passage_id=passage_id, score=float(np.dot(row, vector)))
            for passage_id, row in stranded.items()
            if passage_id not in reached
        ]
        hits = [
            Hit(passage_id=passage_id, score=leader.score)
            for leader in sorted(leaders, key=lambda hit: (-hit.score, hit.passage_id))
            for passage_id in groups.group(leader.passage_id)
        ]
        return tuple(hits[:limit])

    def search_words(self, question: str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Search the word index.

        Raises:
            IndexUnavailableError: If there is none yet or it failed.
        """
        words = self._words
        if words is None:
            raise IndexUnavailableError("The word index is being built", hint="Try again shortly.")
        return words.search(question, scope=scope, limit=limit)

    def publish(self) -> None:
        """Bring the indexes up to the ledger; what cannot be done now is healed in the background."""
        with self._lock:
            try:
                self._publish_words()
                if self._state == "ready" and self._chroma is not None:
                    self._unchecked += _sync(self._chroma, self._groups, self._record)
                    if self._unchecked > UNCHECKED_CHANGES * len(self._groups.ids()):
                        self._stranded, self._unchecked = self._find_stranded(self._chroma), 0
            except (IndexUnavailableError, StorageError) as error:
                _log.warning("an index could not take the change: %s", error)
                self._detail = error.message
                self._heal_in_background()
            if self._state == "exact" and self._may_retry():
                self._heal_in_background()

    def rebuild(self) -> None:
        """Build a new generation now and remove all others.

        Raises:
            DatelineError: If it cannot be built; exact search then serves.
        """
        self._stop_healing()
        try:
            self._rebuild("a rebuild was asked for")
        finally:
            self._settled.set()

    def differences(self) -> list[str]:
        """Compare both indexes with the ledger, passage by passage and vector by vector."""
        self._settled.wait()
        with self._lock:
            if self._state != "ready" or self._chroma is None:
                return [f"the dense index is not in use: {self._detail or self._state}"]
            if self._words is None:
                return ["there is no word index"]
            try:
                found = _id_differences("the word index", self._words.ids(), set(self._record.passage_ids()))
                return found + self._vector_differences(self._chroma)
            except IndexUnavailableError as error:
                self._give_up_on_chroma(error.message)
                return [error.message]

    def _vector_differences(self, chroma: ChromaIndex) -> list[str]:
        stored = chroma.ids()
        groups = VectorGroups()
        found = []
        for batch in _batches(self._record.index_entries(), ROWS_PER_UPSERT):
            for entry in batch:
                groups.add(entry.passage_id, entry.vector, indexed=stored)
            vectors = chroma.vectors([entry.passage_id for entry in batch])
            found += [
                f"the dense index holds another vector for passage {entry.passage_id!r}"
                for entry in batch
                if entry.passage_id in vectors and float(np.dot(vectors[entry.passage_id], entry.vector)) < SAME_VECTOR
            ]
        self._stranded, self._unchecked = self._find_stranded(chroma), 0
        return found + _id_differences("the dense index", stored, groups.leaders())

    def _heal_in_background(self) -> None:
        if self._healer is not None and self._healer.is_alive() and self._healer is not threading.current_thread():
            return
        self._state = "checking"
        self._settled.clear()
        self._stop.clear()
        self._healer = threading.Thread(target=self._heal, daemon=True, name="index-healer")
        self._healer.start()

    def _stop_healing(self) -> None:
        self._stop.set()
        if self._healer is not None and self._healer is not threading.current_thread():
            self._healer.join()
        self._stop.clear()

    def _heal(self) -> None:
        try:
            reason = self._adopt_current()
            if reason is not None:
                self._rebuild(reason)
        except _StoppedError:
            self._state = "exact"
        except DatelineError as error:
            self._fail(error.message)
        except Exception as error:  # noqa: BLE001  - a background thread has no caller; exact search serves
            _log.exception("the index could not be healed")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._settled.set()

    def _fail(self, detail: str) -> None:
        _log.warning("exact search serves, for the index cannot be used: %s", detail)
        self._state, self._detail, self._failed_at = "exact", detail, time.monotonic()

    def _may_retry(self) -> bool:
        return self._failed_at is None or time.monotonic() - self._failed_at >= RETRY_AFTER_S

    def _adopt_current(self) -> str | None:
        """Put the current generation to use if it is sound; otherwise say why not."""
        generation = self._generation
        if generation is None:
            return "there is none"
        fault = self._generations.fault(generation, self._manifest)
        if fault is not None:
            return fault
        if self._chroma is not None:
            return f"it failed while in use: {self._detail}"
        if self._words is None:
            return "its word index cannot be read"
        self._publish_words()
        outcome = check(generation.chroma, stop=self._stop)
        match outcome:
            case Broken():
                return outcome.reason
            case Stopped():
                raise _StoppedError
            case Sound():
                return self._adopt(generation, outcome)

    def _adopt(self, generation: Generation, found: Sound) -> str | None:
        if len(found.unreached) > STALE * len(found.ids):
            return f"{len(found.unreached)} of its {len(found.ids)} vectors cannot be reached"
        extra = found.ids - set(self._record.passage_ids())
        if len(extra) > STALE * len(found.ids):
            return f"{len(extra)} of its {len(found.ids)} passages are no longer in the ledger"
        try:
            self._catch_up(ChromaIndex.open(generation.chroma, settings=self._settings), set(found.ids))
        except IndexUnavailableError as error:
            return error.message
        self._generations.remove_others(generation)
        return None

    def _rebuild(self, reason: str) -> None:
        if self._generation is not None:
            _log.warning("the index %s is rebuilt from the ledger: %s", self._generation.folder, reason)
        self._state, self._detail = "rebuilding", reason
        self._drop_chroma()  # Exact search serves now, and two graphs would not fit beside each other.
        generation = self._generations.create()
        try:
            words = LexicalIndex.open(generation.tantivy)
            words.apply(add=self._unless_stopped(self._record.index_entries()))
            with self._lock:  # Words first: they take seconds where vectors take minutes.
                self._words, self._word_ids = words, words.ids()
                self._publish_words()
            chroma = ChromaIndex.open(generation.chroma, settings=self._settings)
            self._catch_up(chroma, set(), generation=generation)
        except BaseException:
            with self._lock:
                self._words, self._word_ids = None, set()
            self._generations.remove(generation)
            raise
        self._detail = f"rebuilt: {reason}"
        self._generations.remove_others(generation)

    def _catch_up(self, chroma: ChromaIndex, indexed: set[str], *, generation: Generation | None = None) -> None:
        """Bring a Chroma index that holds `indexed` up to the ledger and put it to use, or close it.

        With `generation`, that one becomes the current one.
        """
        groups, stored = VectorGroups(), set(indexed)
        try:
            for batch in _batches(self._unless_stopped(self._record.index_entries()), ROWS_PER_UPSERT):
                for entry in batch:
                    groups.add(entry.passage_id, entry.vector, indexed=stored)
                new = [entry for entry in batch if groups.leads(entry.passage_id) and entry.passage_id not in stored]
                chroma.upsert(new)
                # A later passage with the same vector must not take the lead from one that is now in the graph.
                stored |= {entry.passage_id for entry in new}
            chroma.delete(stored - groups.leaders())
            # Commits went on meanwhile; what they changed is little and is done under the lock.
            with self._lock:
                _sync(chroma, groups, self._record)
                stranded = self._find_stranded(chroma, is_new=generation is not None)
                if generation is not None:
                    self._generations.switch(generation, self._manifest)
                    self._generation = generation
                self._chroma, self._groups, self._stranded, self._unchecked = chroma, groups, stranded, 0
                self._state, self._failed_at = "ready", None
        except BaseException:
            chroma.close()
            raise

    def _find_stranded(self, chroma: ChromaIndex, *, is_new: bool = False) -> dict[str, Vector]:
        """Return the vectors that no query reaches, for which a graph index gives no guarantee."""
        lost = sorted(chroma.unreached())
        if is_new:  # What was built just now is not damaged: built again, it would strand as many.
            self._stranded_when_new = len(lost)
        tolerated = max(TOLERATED_STRANDED * max(len(chroma.ids()), 100), NEAR_EQUAL * self._stranded_when_new)
        if len(lost) > tolerated:
            raise IndexUnavailableError(f"The dense index cannot reach {len(lost)} of its vectors")
        return {entry.passage_id: entry.vector for entry in self._record.index_entries(lost)} if lost else {}

    def _drop_chroma(self) -> None:
        with self._lock:
            chroma, self._chroma, self._groups, self._stranded = self._chroma, None, VectorGroups(), {}
        if chroma is not None:
            chroma.close()

    def _open_words(self, generation: Generation) -> None:
        try:
            self._words = LexicalIndex.open_existing(generation.tantivy)
            self._word_ids = self._words.ids()
        except IndexUnavailableError as error:
            _log.warning("the word index cannot be read: %s", error)
            self._words, self._word_ids = None, set()

    def _publish_words(self) -> None:
        with self._lock:
            if self._words is None:
                return
            current = set(self._record.passage_ids())
            added, gone = sorted(current - self._word_ids), self._word_ids - current
            if not added and not gone:
                return
            try:
                self._words.apply(add=self._record.index_entries(added) if added else (), remove=gone)
            except (IndexUnavailableError, StorageError):
                self._words, self._word_ids = None, set()
                raise
            self._word_ids = current

    def _give_up_on_chroma(self, detail: str) -> None:
        # A publisher that holds the lock meets the same failure and acts on it; a question need not wait for that.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._state == "ready":
                self._detail = detail
                self._heal_in_background()
        finally:
            self._lock.release()

    def _unless_stopped(self, entries: Iterator[IndexEntry]) -> Iterator[IndexEntry]:
        for entry in entries:
            if self._stop.is_set():
                raise _StoppedError
            yield entry


class KeptWords:
    """The keeper's word index as the retriever sees it, whichever generation is in use."""

    def __init__(self, search: Callable[..., tuple[Hit, ...]]) -> None:
        self._search = search

    def search(self, question: str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Search the word index that is in use now."""
        return self._search(question, scope=scope, limit=limit)


def _sync(chroma: ChromaIndex, groups: VectorGroups, record: RecordReader) -> int:
    """Apply to a Chroma index and its groups what has changed in the ledger since the groups were read.

    Returns:
        How many passages were added or removed.
    """
    current, before = set(record.passage_ids()), groups.leaders()
    removed = set(groups.ids()) - current
    for passage_id in removed:
        groups.remove(passage_id)
    added = sorted(current - groups.ids())
    for batch in _batches(record.index_entries(added) if added else iter(()), ROWS_PER_UPSERT):
        for entry in batch:
            groups.add(entry.passage_id, entry.vector)
        chroma.upsert([entry for entry in batch if groups.leads(entry.passage_id)])
    # Followers that now lead, because their leader is gone.
    if promoted := sorted(groups.leaders() - before - set(added)):
        chroma.upsert(list(record.index_entries(promoted)))
    chroma.delete(before - groups.leaders())
    return len(added) + len(removed)


def _id_differences(name: str, found: set[str], wanted: set[str]) -> list[str]:
    missing = [f"{name} lacks passage {passage_id!r}" for passage_id in sorted(wanted - found)]
    return missing + [f"{name} holds removed passage {passage_id!r}" for passage_id in sorted(found - wanted)]


def _batches(entries: Iterator[IndexEntry], size: int) -> Iterator[Sequence[IndexEntry]]:
    batch: list[IndexEntry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
