"""Exact dense search: one float32 matrix that follows the ledger."""

import threading
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.answers import TimeScope
from domain.ports import IndexEntry, Matrix, RecordReader, Vector
from retriever.projections import Hit, ScopeBounds

GROWTH: Final = 1.25  # Spare rows when the matrix is full: amortises copies without doubling the memory.
FEW_CHANGES: Final = 0.25  # Above this share of new passages, reading the whole matrix again is cheaper.


class ExactIndex:
    """Every visible vector in memory, `(n, d)` float32, searched by one matrix product.

    It reads the ledger when its change counter has moved, at the next search, and then only what changed.
    Safe to share between threads.
    """

    def __init__(self, record: RecordReader) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._counter: int | None = None
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._matrix: Matrix = np.empty((0, 0), dtype=np.float32)
        # Days and publishers are read with the first scoped query: an unscoped one does not need them.
        self._days: NDArray[np.int32] | None = None
        self._publishers: NDArray[np.int32] | None = None
        self._publisher_codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return the `limit` nearest passages in scope by dot product; ties are broken by id.

        `vector` is `(d,)` float32 of unit length.
        """
        with self._lock:
            self._follow_ledger()
            if not self._ids:
                return ()
            scores = self._matrix[: len(self._ids)] @ vector
            if not scope.is_open:
                scores[~self._in_scope(ScopeBounds.of(scope))] = -np.inf
            return self._best(scores, limit)

    def refresh(self) -> None:
        """Read what changed in the ledger now, so that the next search does not have to."""
        with self._lock:
            self._follow_ledger()

    def _best(self, scores: NDArray[np.float32], limit: int) -> tuple[Hit, ...]:
        limit = min(limit, len(scores))
        cut = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        # All rows at the cut are kept until ids have broken the tie, else the order of rows would decide.
        rows = np.flatnonzero((scores >= cut) & np.isfinite(scores))
        hits = sorted((-float(scores[row]), self._ids[row]) for row in rows)[:limit]
        return tuple(Hit(passage_id=passage_id, score=-negative) for negative, passage_id in hits)

    def _in_scope(self, bounds: ScopeBounds) -> NDArray[np.bool_]:
        days, publishers = self._columns()
        mask: NDArray[np.bool_] = np.ones(len(self._ids), dtype=np.bool_)
        if bounds.is_dated:
            mask &= (days >= bounds.first_day) & (days <= bounds.last_day)
        if bounds.publisher is not None:
            mask &= publishers == self._publisher_codes.get(bounds.publisher, -1)
        return mask

    def _columns(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        if self._days is None or self._publishers is None:
            self._days = np.zeros(len(self._matrix), dtype=np.int32)
            self._publishers = np.zeros(len(self._matrix), dtype=np.int32)
            for entry in self._record.index_entries():
                row = self._rows.get(entry.passage_id)
                if row is not None:
                    self._label(row, entry)
        return self._days[: len(self._ids)], self._publishers[: len(self._ids)]

    def _label(self, row: int, entry: IndexEntry) -> None:
        if self._days is None or self._publishers is None:
            return
        self._days[row] = entry.published_day
        code = self._publisher_codes.setdefault(entry.publisher, len(self._publisher_codes))
        self._publishers[row] = code

    def _follow_ledger(self) -> None:
        counter = self._record.change_counter()
        if counter == self._counter:
            return
        if self._counter is None:
            self._load()
        else:
            current = self._record.passage_ids()
            added = [passage_id for passage_id in current if passage_id not in self._rows]
            if len(added) > FEW_CHANGES * max(len(self._ids), 1):
                self._load()
            else:
                self._remove(self._rows.keys() - set(current))
                self._add(added)
        # The counter was read before the passages: a commit in between is seen again, never missed.
        self._counter = counter

    def _load(self) -> None:
        self._matrix = np.empty((0, 0), dtype=np.float32)  # Freed first, so that two matrices never coexist.
        self._ids, self._matrix = self._record.vectors()
        self._rows = {passage_id: row for row, passage_id in enumerate(self._ids)}
        self._days = self._publishers = None

    def _remove(self, passage_ids: Iterable[str]) -> None:
        for passage_id in passage_ids:
            hole, last = self._rows.pop(passage_id), len(self._ids) - 1
            moved = self._ids.pop()
            if hole == last:
                continue
            self._ids[hole], self._rows[moved] = moved, hole
            self._writable_matrix()[hole] = self._matrix[last]
            if self._days is not None and self._publishers is not None:
                self._days[hole], self._publishers[hole] = self._days[last], self._publishers[last]

    def _add(self, passage_ids: Sequence[str]) -> None:
        if not passage_ids:
            return
        for entry in self._record.index_entries(passage_ids):
            row = len(self._ids)
            self._reserve(row + 1, len(entry.vector))
            self._writable_matrix()[row] = entry.vector
            self._ids.append(entry.passage_id)
            self._rows[entry.passage_id] = row
            self._label(row, entry)

    def _reserve(self, rows: int, dimensions: int) -> None:
        if rows <= len(self._matrix):
            return
        capacity = max(rows, int(len(self._ids) * GROWTH), 64)
        matrix = np.zeros((capacity, dimensions), dtype=np.float32)
        if self._ids:
            matrix[: len(self._ids)] = self._matrix[: len(self._ids)]
        self._matrix = matrix
        if self._days is not None and self._publishers is not None:
            self._days = np.concatenate([self._days, np.zeros(capacity - len(self._days), dtype=np.int32)])
            self._publishers = np.concatenate(
                [self._publishers, np.zeros(capacity - len(self._publishers), dtype=np.int32)]
            )

    def _writable_matrix(self) -> Matrix:
        if not self._matrix.flags.writeable:  # A ledger may hand out a view of read-only bytes.
            self._matrix = self._matrix.copy()
        return self._matrix
