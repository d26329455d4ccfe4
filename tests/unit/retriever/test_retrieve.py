from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import pytest

from domain.answers import TimeScope
from domain.corpus import RankedPassage, Reading
from domain.errors import IndexUnavailableError
from domain.ports import Reader, Vector
from domain.settings import RetrievalSettings
from retriever.exact_index import ExactIndex
from retriever.lexical_index import LexicalIndex
from retriever.projections import DenseIndex, Hit, WordIndex
from retriever.retrieve import LEAST_READ, READ_CHARS, HybridRetriever
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader
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


@dataclass(kw_only=True)
class Preferring:
    """A reader that is sure of one document and of no other, and keeps what it was given."""

    document_id: str
    given: list[list[str]] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        self.given.append([ranked.passage.document_id for ranked in passages])
        return tuple(self._reading(ranked) for ranked in passages)

    def _reading(self, ranked: RankedPassage) -> Reading:
        sure = 100.0 if ranked.passage.document_id == self.document_id else -100.0
        return Reading(answers=sure, span=ranked.passage.span, span_score=sure, sentences=(sure,))


def a_retriever(
    record: MemoryRecord,
    *,
    dense: DenseIndex | None = None,
    exact: DenseIndex | None = None,
    words: WordIndex | None = None,
    reader: Reader | None = None,
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
        reader=reader,
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


TREATY = "The treaty was signed in Beijing."


def test_without_a_reader_passages_are_not_read() -> None:
    found = a_retriever(a_record()).retrieve(TREATY, scope=TimeScope(), limit=3)

    assert [hit.reading for hit in found] == [None, None, None]


def test_the_reader_decides_the_order() -> None:
    """What shares no word with the question comes first when the reader is sure of it; all that it read says so."""
    reader = Preferring(document_id="floods")

    found = a_retriever(a_record(), reader=reader).retrieve(TREATY, scope=TimeScope(), limit=3)

    assert [(hit.rank, hit.passage.document_id) for hit in found] == [(1, "floods"), (2, "treaty"), (3, "undated")]
    assert [hit.reading.answers for hit in found if hit.reading] == [100.0, -100.0, -100.0]
    assert all(hit.cosine is not None for hit in found)


def test_only_the_best_candidates_are_read_and_the_rest_follows() -> None:
    """With two to read, the third stays third however sure the reader would be of it."""
    reader = Preferring(document_id="floods")

    found = a_retriever(a_record(), reader=reader, settings=RetrievalSettings(read=2)).retrieve(
        TREATY, scope=TimeScope(), limit=3
    )

    assert reader.given == [["treaty", "undated"]]
    assert [(hit.rank, hit.passage.document_id) for hit in found] == [(1, "treaty"), (2, "undated"), (3, "floods")]
    assert found[2].reading is None


def test_more_is_read_than_is_handed_on() -> None:
    """Of three that are read one is wanted: the one that the reader is sure of."""
    reader = Preferring(document_id="floods")

    assert documents(a_retriever(a_record(), reader=reader), TREATY, limit=1) == ["floods"]


@pytest.mark.parametrize(("record", "read"), [(a_record(), 0), (MemoryRecord(), 12)])
def test_the_reader_is_not_asked_for_nothing(record: MemoryRecord, read: int) -> None:
    """Neither when it is switched off, nor when nothing was found."""
    reader = Preferring(document_id="floods")

    documents(a_retriever(record, reader=reader, settings=RetrievalSettings(read=read)), TREATY)

    assert reader.given == []


def test_copies_are_folded_before_they_are_read() -> None:
    """Twenty wire copies of one text are read once, and leave room for other passages."""
    record = a_record()
    record.commit([prepared(f"copy{n}", TREATY) for n in range(20)])
    reader = Preferring(document_id="floods")

    found = a_retriever(record, reader=reader, settings=RetrievalSettings(read=3)).retrieve(
        TREATY, scope=TimeScope(), limit=3
    )

    assert len(reader.given[0]) == 3
    assert [hit.passage.text for hit in found] == [
        "Floods reached the valley.",
        TREATY,
        "The treaty was discussed.",
    ]
    assert len(found[1].copies) == 20


def test_a_flood_of_copies_leaves_enough_to_read() -> None:
    """Though one passage is wanted and copies of one fill the candidates, it looks further for others to read."""
    record = a_record()
    record.commit([prepared(f"copy{n}", TREATY) for n in range(40)])
    reader = Preferring(document_id="floods")
    retriever = a_retriever(record, reader=reader, settings=RetrievalSettings(candidates=5, read=3))

    assert documents(retriever, TREATY, limit=1) == ["floods"]


def a_record_of(count: int, *, chars: int) -> MemoryRecord:
    """Passages of so many characters each, which say more about the treaty the lower their number is."""
    record = MemoryRecord()
    texts = [f"{'treaty ' * (count - number)}no. {number}".ljust(chars, ".") for number in range(count)]
    record.commit([prepared(f"d{number:02}", text) for number, text in enumerate(texts)])
    return record


@pytest.mark.parametrize(
    ("chars", "read"),
    [
        (READ_CHARS // 12, 12),
        (READ_CHARS // 8, 8),
        (READ_CHARS // 8 + 1, 7),
        (READ_CHARS // 2, LEAST_READ),
        (READ_CHARS * 2, LEAST_READ),
    ],
)
def test_of_long_passages_fewer_are_read(chars: int, read: int) -> None:
    """As many of twelve as there is time for, and some however long they are."""
    reader = Preferring(document_id="none")

    found = a_retriever(a_record_of(12, chars=chars), reader=reader).retrieve("treaty", scope=TimeScope(), limit=12)

    assert [len(given) for given in reader.given] == [read]
    assert [hit.reading is not None for hit in found] == [True] * read + [False] * (12 - read)


def test_fewer_long_passages_than_the_least_are_all_read() -> None:
    reader = Preferring(document_id="none")

    documents(a_retriever(a_record_of(LEAST_READ - 1, chars=READ_CHARS), reader=reader), "treaty")

    assert [len(given) for given in reader.given] == [LEAST_READ - 1]


def test_no_more_is_read_than_is_asked_for_though_there_is_time() -> None:
    reader = Preferring(document_id="none")
    settings = RetrievalSettings(read=2)

    documents(a_retriever(a_record_of(6, chars=100), reader=reader, settings=settings), "treaty")

    assert [len(given) for given in reader.given] == [2]


@pytest.mark.parametrize("liked", ["d00", "none"])
def test_what_was_not_read_follows_on_the_scale_of_what_was(liked: str) -> None:
    """In the order in which it was fused, as far apart, and not ahead of the worst that was read."""
    record, scope = a_record_of(12, chars=READ_CHARS), TimeScope()
    fused = a_retriever(record).retrieve("treaty", scope=scope, limit=12)

    found = a_retriever(record, reader=Preferring(document_id=liked)).retrieve("treaty", scope=scope, limit=12)

    assert [hit.rank for hit in found] == list(range(1, 13))
    assert sorted(found, key=lambda hit: -hit.score) == list(found)
    after, before = found[LEAST_READ:], fused[LEAST_READ:]
    assert [hit.passage for hit in after] == [hit.passage for hit in before]
    assert after[0].score == found[LEAST_READ - 1].score
    gaps = [[one.score - rest[0].score for one in rest] for rest in (after, before)]
    assert gaps[0] == pytest.approx(gaps[1])
    assert before[-1].score < before[0].score


def test_scores_without_a_reader_are_the_fused_ones() -> None:
    """Switched off or missing, there is no other scale to bring them to."""
    record = a_record_of(3, chars=50)
    off = a_retriever(record, reader=Preferring(document_id="d00"), settings=RetrievalSettings(read=0))

    found, fused = (one.retrieve("treaty", scope=TimeScope(), limit=3) for one in (off, a_retriever(record)))

    assert found == fused


def test_warming_up_loads_the_reader() -> None:
    """The first question must not wait for a model; a reader is loaded by its first call."""
    asked: list[str] = []

    class Noting(WordsReader):
        def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
            asked.append(question)
            return super().read(question, passages)

    a_retriever(a_record(), reader=Noting()).warm_up()

    assert len(asked) == 1
