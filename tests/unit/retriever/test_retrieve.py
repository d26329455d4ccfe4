from dataclasses import dataclass
from datetime import date

import pytest

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError
from domain.ports import Vector
from domain.settings import RetrievalSettings
from retriever.exact_index import ExactIndex
from retriever.lexical_index import LexicalIndex
from retriever.projections import DenseIndex, Hit, WordIndex
from retriever.retrieve import HybridRetriever
from tests.support.encoders import HashingEncoder
from tests.support.records import MemoryRecord, prepared


@dataclass(kw_only=True)
class Failing:
    """An index that never answers, and counts how often it was asked."""

    asked: int = 0

    def search(self, query: Vector | str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        self.asked += 1
        raise IndexUnavailableError("down")


@dataclass(kw_only=True)
class Fixed:
    """An index that answers the same ids to everything, whatever the scope."""

    ids: tuple[str, ...]

    def search(self, query: Vector | str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        return tuple(Hit(passage_id=passage_id, score=1.0) for passage_id in self.ids[:limit])


def a_retriever(
    record: MemoryRecord,
    *,
    dense: DenseIndex | None = None,
    exact: DenseIndex | None = None,
    words: WordIndex | None = None,
    settings: RetrievalSettings | None = None,
) -> HybridRetriever:
    if words is None:
        words = LexicalIndex.in_memory()
        words.apply(add=record.index_entries())
    return HybridRetriever(
        record=record,
        encoder=HashingEncoder(),
        dense=dense,
        exact=exact or ExactIndex(record),
        words=words,
        settings=settings or RetrievalSettings(),
    )


def a_record() -> MemoryRecord:
    record = MemoryRecord()
    record.commit(
        [
            prepared("treaty", "The treaty was signed in Beijing.", published=date(2025, 2, 6)),
            prepared("floods", "Floods reached the valley.", published=date(2024, 8, 1)),
            prepared("undated", "The treaty was discussed."),
        ]
    )
    return record


def documents(retriever: HybridRetriever, question: str, scope: TimeScope | None = None, limit: int = 5) -> list[str]:
    return [hit.passage.document_id for hit in retriever.retrieve(question, scope=scope or TimeScope(), limit=limit)]


def test_what_both_indexes_find_comes_first() -> None:
    """The passage that shares words and direction with the question is first; ranks count from 1."""
    found = a_retriever(a_record()).retrieve("Who signed the treaty in Beijing?", scope=TimeScope(), limit=2)

    assert [(hit.rank, hit.passage.document_id) for hit in found] == [(1, "treaty"), (2, "undated")]


@pytest.mark.parametrize("part", ["dense", "words", "both dense"])
def test_one_kind_of_index_is_enough(part: str) -> None:
    """Exact search stands in for a failed dense index, and either kind of candidates suffices."""
    record = a_record()
    retriever = {
        "dense": a_retriever(record, dense=Failing()),
        "words": a_retriever(record, words=Failing()),
        "both dense": a_retriever(record, dense=Failing(), exact=Failing()),
    }[part]

    assert documents(retriever, "The treaty was signed in Beijing.")[0] == "treaty"


def test_without_any_index_it_says_so() -> None:
    """When neither kind answers, the caller is told to retry later; an empty result would say there is nothing."""
    retriever = a_retriever(a_record(), exact=Failing(), words=Failing())

    with pytest.raises(IndexUnavailableError, match="No index could answer"):
        documents(retriever, "treaty")


def test_indexes_that_are_behind_cannot_show_what_is_gone() -> None:
    """Ids that the ledger does not show, or shows outside the scope, are dropped whatever an index says."""
    record = a_record()
    stale = Fixed(ids=("0" * 32, *record.passage_ids()))
    retriever = a_retriever(record, dense=stale, exact=stale, words=stale)

    assert documents(retriever, "treaty", TimeScope(as_of=date(2024, 12, 31))) == ["floods"]


def test_scoped_questions_do_not_ask_the_approximate_index() -> None:
    """A filter is slow in the graph index and cheap in exact search, so that one answers."""
    graph = Failing()
    retriever = a_retriever(a_record(), dense=graph)

    found = documents(retriever, "treaty", TimeScope(published_from=date(2025, 1, 1)))

    assert (found, graph.asked) == (["treaty"], 0)


def test_copies_are_named_once_and_do_not_take_places() -> None:
    """Copies of the best passage are folded into it, also those that no index put among the candidates."""
    record = a_record()
    text = "The treaty was signed in Beijing."
    record.commit([prepared(f"copy{n}", text, duplicate_of="treaty", published=date(2025, 2, 7 + n)) for n in range(3)])

    found = a_retriever(record).retrieve(text, scope=TimeScope(as_of=date(2025, 2, 8)), limit=2)

    assert [hit.passage.text for hit in found] == [text, "Floods reached the valley."]
    assert {found[0].passage.document_id, *(header.document_id for header in found[0].copies)} == {
        "treaty",
        "copy0",
        "copy1",
    }


def test_a_flood_of_copies_does_not_crowd_out_other_passages() -> None:
    """When copies fill all candidates, it looks further until there are enough different passages."""
    record = a_record()
    record.commit([prepared(f"flood{n}", "Treaty treaty treaty signed Beijing.") for n in range(100)])
    retriever = a_retriever(record, settings=RetrievalSettings(candidates=10))

    found = retriever.retrieve("Treaty treaty treaty signed Beijing.", scope=TimeScope(), limit=3)

    assert len({hit.passage.text for hit in found}) == 3
    assert len(found[0].copies) == 99


def test_nothing_in_the_record_finds_nothing() -> None:
    """An empty record gives an empty result, not an error."""
    assert documents(a_retriever(MemoryRecord()), "Who signed?") == []
