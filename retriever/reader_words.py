"""The word index of a process that only reads: the writer's files, and in memory what they lack."""

import logging
import threading

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError
from domain.ports import RecordReader
from retriever.generations import Generation, Generations, Manifest
from retriever.lexical_index import LexicalIndex
from retriever.projections import Hit

_log = logging.getLogger(__name__)


class ReaderWords:
    """Searches the current generation's tantivy files and never writes them.

    Passages that the writer has not indexed yet, or all of them where there is no readable index, are indexed in
    memory. Follows the ledger's change counter; nothing is opened before the first search. Thread-safe.
    """

    def __init__(self, record: RecordReader, generations: Generations, wanted: Manifest) -> None:
        self._record = record
        self._generations = generations
        self._wanted = wanted
        self._lock = threading.Lock()
        self._counter: int | None = None
        self._generation: Generation | None = None
        self._stored: LexicalIndex | None = None
        self._recent: LexicalIndex | None = None
        self._recent_ids: set[str] = set()
        self._stored_ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._stored_ids | self._recent_ids)

    def search(self, question: str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return the best passages by BM25, from both parts by score.

        Raises:
            IndexUnavailableError: If an index failed.
        """
        with self._lock:
            self._follow_ledger()
            parts = [part for part in (self._stored, self._recent) if part is not None]
        best: dict[str, Hit] = {}
        for part in parts:
            for hit in part.search(question, scope=scope, limit=limit):
                best.setdefault(hit.passage_id, hit)
        return tuple(sorted(best.values(), key=lambda hit: (-hit.score, hit.passage_id))[:limit])

    def _follow_ledger(self) -> None:
        counter = self._record.change_counter()
        if counter == self._counter:
            return
        self._open_stored()
        missing = set(self._record.passage_ids()) - self._stored_ids
        added, gone = sorted(missing - self._recent_ids), self._recent_ids - missing
        if added or gone:
            self._recent = self._recent or LexicalIndex.in_memory()
            self._recent.apply(add=self._record.index_entries(added) if added else (), remove=gone)
        self._recent_ids = missing
        self._counter = counter

    def _open_stored(self) -> None:
        try:
            current = self._generations.current()
            if current is None or self._generations.fault(current, self._wanted) is not None:
                self._stored, self._stored_ids = None, set()
                return
            if self._stored is None or current != self._generation:
                self._stored, self._generation = LexicalIndex.open_existing(current.tantivy), current
            self._stored.reload()
            self._stored_ids = self._stored.ids()
        except IndexUnavailableError as error:  # Also when the writer has just removed this generation.
            _log.info("the word index on disk is not used: %s", error)
            self._stored, self._stored_ids = None, set()
