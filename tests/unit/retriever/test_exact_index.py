from datetime import date

import numpy as np
import pytest

from domain.answers import TimeScope
from retriever.exact_index import ExactIndex
from tests.support.encoders import HashingEncoder
from tests.support.records import MemoryRecord, prepared

ENCODER = HashingEncoder()


def texts(
    index: ExactIndex, record: MemoryRecord, question: str, limit: int, scope: TimeScope | None = None
) -> list[str]:
    hits = index.search(ENCODER.encode_query(question), scope=scope or TimeScope(), limit=limit)
    citables = record.citables([hit.passage_id for hit in hits])
    return [citables[hit.passage_id].passage.text for hit in hits]


def a_record() -> MemoryRecord:
    record = MemoryRecord()
    record.commit(
        [
            prepared("old", "The treaty was signed.", published=date(2024, 5, 1), publisher="Wire A"),
            prepared("new", "The treaty was signed today.", published=date(2025, 2, 6), publisher="Wire B"),
            prepared("undated", "The treaty was signed somewhere."),
        ]
    )
    return record


def test_the_nearest_come_first() -> None:
    """The passage with the words of the question is best, with a cosine of one."""
    record = a_record()
    index = ExactIndex(record)

    hits = index.search(ENCODER.encode_query("The treaty was signed today."), scope=TimeScope(), limit=2)

    assert hits[0].score == pytest.approx(1.0)
    assert record.citables([hits[0].passage_id])[hits[0].passage_id].header.document_id == "new"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (TimeScope(as_of=date(2024, 12, 31)), ["The treaty was signed."]),
        (TimeScope(published_from=date(2025, 2, 6)), ["The treaty was signed today."]),
        (TimeScope(publisher="WIRE b"), ["The treaty was signed today."]),
        (TimeScope(publisher="nobody"), []),
        (TimeScope(published_to=date(2023, 1, 1)), []),
    ],
)
def test_scope_hides_the_rest(scope: TimeScope, expected: list[str]) -> None:
    """Only documents in scope are found; those without a date are in no dated scope."""
    record = a_record()

    assert texts(ExactIndex(record), record, "treaty signed", 5, scope) == expected


def test_it_follows_the_ledger() -> None:
    """After commits and deletions it finds what the ledger shows, in every scope, without being told."""
    record = a_record()
    record.commit([prepared(f"filler{n}", f"filler {n} text", published=date(2020, 1, 1)) for n in range(40)])
    index = ExactIndex(record)
    texts(index, record, "treaty", 1, TimeScope(as_of=date(2025, 1, 1)))
    record.delete("old")
    record.delete("filler0")
    record.commit([prepared("late", "The late treaty.", published=date(2025, 3, 1), publisher="Wire A")])

    dated = texts(index, record, "treaty", 5, TimeScope(published_from=date(2025, 1, 1)))

    assert sorted(dated) == ["The late treaty.", "The treaty was signed today."]
    assert len(index) == len(record.passage_ids())


def test_it_equals_a_plain_sort_after_random_changes() -> None:
    """After many random commits and deletions, results equal sorting all products, ties by id."""
    rng = np.random.default_rng(11)
    record = MemoryRecord()
    record.commit([prepared(f"start{n}", f"w{n % 9} w{n % 5}") for n in range(30)])
    index = ExactIndex(record)
    for step in range(40):
        if step % 3:
            text = f"w{rng.integers(9)} w{rng.integers(9)}"
            name = f"doc{rng.integers(60)}"
            record.commit([prepared(name, text, version=1 + len(record.versions(name)))])
        else:
            record.delete(f"start{rng.integers(30)}")
        question = ENCODER.encode_query(f"w{rng.integers(9)}")

        hits = index.search(question, scope=TimeScope(), limit=7)

        ids, matrix = record.vectors()
        best = sorted(
            zip((matrix @ question).round(5).tolist(), ids, strict=True), key=lambda pair: (-pair[0], pair[1])
        )
        assert [round(hit.score, 5) for hit in hits] == pytest.approx([score for score, _ in best[:7]])
        assert len({hit.passage_id for hit in hits}) == 7


def test_an_empty_record_answers_nothing() -> None:
    """No passages, no hits, no error."""
    assert ExactIndex(MemoryRecord()).search(ENCODER.encode_query("x"), scope=TimeScope(), limit=3) == ()
