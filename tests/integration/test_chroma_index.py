"""The Chroma adapter with a real collection in a temporary folder."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError
from domain.settings import RetrievalSettings
from retriever.chroma_index import ChromaIndex
from retriever.exact_index import ExactIndex
from tests.support.encoders import HashingEncoder
from tests.support.records import MemoryRecord, prepared

ENCODER = HashingEncoder()
EVERYTHING = TimeScope()


@pytest.fixture
def record() -> MemoryRecord:
    rng = np.random.default_rng(5)
    record = MemoryRecord()
    for number in range(60):
        words = " ".join(f"word{n}" for n in rng.integers(0, 400, size=9))
        published = date(2025, 1, 1 + number % 28) if number % 5 else None
        record.commit([prepared(f"doc{number}", words, published=published, publisher=("Wire A", None)[number % 2])])
    return record


@pytest.fixture
def index(record: MemoryRecord, tmp_path: Path) -> Iterator[ChromaIndex]:
    index = ChromaIndex.open(tmp_path, settings=RetrievalSettings())
    index.upsert(list(record.index_entries()))
    yield index
    index.close()


@pytest.mark.parametrize(
    "scope",
    [
        EVERYTHING,
        TimeScope(as_of=date(2025, 1, 10)),
        TimeScope(published_from=date(2025, 1, 5), published_to=date(2025, 1, 6)),
        TimeScope(publisher="WIRE A"),
        TimeScope(publisher="wire a", as_of=date(2025, 1, 20)),
        TimeScope(publisher="nobody"),
    ],
)
def test_it_finds_what_exact_search_finds(index: ChromaIndex, record: MemoryRecord, scope: TimeScope) -> None:
    """In every scope the hits and scores are those of exact search."""
    question = ENCODER.encode_query("word1 word2 word3 word4 word5 word6 word7 word8 word9")

    hits = index.search(question, scope=scope, limit=10)

    exact = ExactIndex(record).search(question, scope=scope, limit=10)
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in exact], abs=1e-5)
    assert {hit.passage_id for hit in hits[:5]} <= {hit.passage_id for hit in exact} or not exact


def test_upserting_again_changes_nothing(index: ChromaIndex, record: MemoryRecord) -> None:
    """A retry after a missed deadline does not duplicate."""
    index.upsert(list(record.index_entries()))

    assert (index.ids(), index.unreached()) == (set(record.passage_ids()), set())


def test_deleted_passages_are_gone(index: ChromaIndex, record: MemoryRecord) -> None:
    """Removed ids are neither listed nor found; unknown ids are ignored."""
    doomed, *rest = record.passage_ids()

    index.delete([doomed, "0" * 32])

    assert index.ids() == set(rest)


def test_vectors_come_back_as_they_were(index: ChromaIndex, record: MemoryRecord) -> None:
    """What is stored is what the ledger has; ids that are not there are left out."""
    entry = next(record.index_entries())

    stored = index.vectors([entry.passage_id, "0" * 32])

    assert stored.keys() == {entry.passage_id}
    np.testing.assert_allclose(stored[entry.passage_id], entry.vector, atol=1e-6)


def test_a_folder_opens_again_with_its_passages(index: ChromaIndex, record: MemoryRecord, tmp_path: Path) -> None:
    """Closing and opening keeps everything."""
    index.close()

    again = ChromaIndex.open(tmp_path, settings=RetrievalSettings())
    kept = again.ids()
    again.close()

    assert kept == set(record.passage_ids())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(index: ChromaIndex, value: float) -> None:
    """Chroma would answer garbage to a NaN question."""
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full(64, value, dtype=np.float32), scope=EVERYTHING, limit=1)


class Collection:
    """A collection whose calls do what the test says."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.calls = 0

    def query(self, **_: Any) -> Any:
        self.calls += 1
        return self.call()


def test_a_hung_query_misses_its_deadline_and_the_next_does_not_wait() -> None:
    """A question waits for the deadline once; for a while after it the index is skipped, then asked again."""
    released = threading.Event()
    collection = Collection(released.wait)
    index = ChromaIndex(None, collection, RetrievalSettings(query_timeout_s=0.05))
    question = ENCODER.encode_query("word")

    with pytest.raises(IndexUnavailableError, match=r"within 0\.05 s"):
        index.search(question, scope=EVERYTHING, limit=1)
    with pytest.raises(IndexUnavailableError, match="a moment ago"):
        index.search(question, scope=EVERYTHING, limit=1)
    released.set()

    assert (collection.calls, index.broken) == (1, None)


def test_a_failure_is_not_tried_again() -> None:
    """Chroma's failures are deterministic: the first one ends the use of this index."""

    def fail() -> None:
        raise RuntimeError("Failed to apply logs to the hnsw segment writer")

    collection = Collection(fail)
    index = ChromaIndex(None, collection, RetrievalSettings())
    for _ in range(2):
        with pytest.raises(IndexUnavailableError, match="hnsw segment writer"):
            index.search(ENCODER.encode_query("word"), scope=EVERYTHING, limit=1)

    assert collection.calls == 1
