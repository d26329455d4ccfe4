from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.corpus import RankedPassage, Reading
from retriever.reading_order import FEATURES, features, in_reading_order
from tests.support.records import ranked

QUESTION = "When does the bridge open?"
NEWEST = date(2025, 3, 4)
A_YEAR = timedelta(days=365)


def reading(answers: float = 0.0) -> Reading:
    return Reading(answers=answers, span=None, span_score=0.0, sentences=(answers,))


def found(*scores: float, published: tuple[date | None, ...] = ()) -> list[RankedPassage]:
    """Passages `a`, `b`, … as they were fused, with these scores and days."""
    return [
        _dated(ranked(chr(ord("a") + place), rank=place + 1, score=score), day)
        for place, (score, day) in enumerate(zip(scores, published or [None] * len(scores), strict=True))
    ]


def _dated(one: RankedPassage, day: date | None) -> RankedPassage:
    return replace(one, citable=replace(one.citable, header=replace(one.citable.header, published=day)))


def order(ranking: list[RankedPassage], *readings: Reading, question: str = QUESTION) -> list[str]:
    return [one.passage.passage_id for one in in_reading_order(question, ranking, readings)]


def newness(*published: date | None, question: str = QUESTION) -> list[float]:
    ranking = found(*[0.5] * len(published), published=published)
    rows = features(question, ranking, [reading()] * len(ranking))
    return [row[FEATURES.index("recency")] for row in rows]


def test_what_answers_comes_first() -> None:
    """The third was found last, and the reader is the most sure of it."""
    assert order(found(0.6, 0.6, 0.6), reading(-1.0), reading(-3.0), reading(2.0)) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("ranking", "readings"),
    [
        pytest.param(found(0.2, 0.7), [reading(), reading()], id="found nearer"),
        pytest.param(found(0.6, 0.6), [reading(), reading(1.0)], id="answers"),
        pytest.param(found(0.6, 0.6, published=(NEWEST - A_YEAR, NEWEST)), [reading(), reading()], id="newer"),
    ],
)
def test_among_equals_one_more_sign_decides(ranking: list[RankedPassage], readings: list[Reading]) -> None:
    """The second is better in this alone."""
    assert order(ranking, *readings) == ["b", "a"]


def test_ties_keep_the_order_in_which_they_came() -> None:
    ranking = found(*[0.5] * 9)

    assert order(ranking, *[reading(1.0)] * 9) == list("abcdefghi")
    assert order(ranking[::-1], *[reading(1.0)] * 9) == list("ihgfedcba")


def test_ranks_count_anew_and_readings_are_attached() -> None:
    """Everything else of a passage stays: what it is, how near it is, which copies it has."""
    one, other = found(0.5, 0.4)
    other = replace(other, cosine=0.3, copies=(one.citable.header,))
    unsure, sure = reading(-20.0), reading(40.0)

    first, second = in_reading_order(QUESTION, [one, other], [unsure, sure])

    assert first == replace(other, rank=1, score=first.score, reading=sure)
    assert second == replace(one, rank=2, score=second.score, reading=unsure)
    assert first.score > second.score


def test_the_features_are_those_that_are_named() -> None:
    """Of each passage in turn: its fused score, the reader's log-odds that it answers, and how new it is."""
    ranking = found(0.7, 0.6, published=(NEWEST, None))

    rows = features(QUESTION, ranking, [reading(2.0), reading(-3.0)])

    assert [dict(zip(FEATURES, row, strict=True)) for row in rows] == [
        {"fused": 0.7, "answers": 2.0, "recency": 1.0},
        {"fused": 0.6, "answers": -3.0, "recency": 0.0},
    ]


def test_newness_halves_with_each_year_before_the_newest() -> None:
    """What does not say when it is from is not taken to be new."""
    assert newness(NEWEST - 2 * A_YEAR, NEWEST, None, NEWEST - A_YEAR) == pytest.approx([0.25, 1.0, 0.0, 0.5])
    assert newness(None, None) == [0.0, 0.0]


def test_among_equals_the_newest_comes_first_and_the_undated_last() -> None:
    ranking = found(*[0.6] * 4, published=(NEWEST - 2 * A_YEAR, None, NEWEST, NEWEST - A_YEAR))

    assert order(ranking, *[reading()] * 4) == ["c", "d", "a", "b"]


def test_what_answers_comes_before_what_is_new() -> None:
    """A report of long ago that says it, before one of today that does not."""
    ranking = found(0.6, 0.6, published=(NEWEST, NEWEST - 9 * A_YEAR))

    assert order(ranking, reading(-3.0), reading(3.0)) == ["b", "a"]


def test_equals_are_not_ordered_by_newness_for_a_question_of_another_time() -> None:
    ranking = found(0.6, 0.6, published=(NEWEST - A_YEAR, NEWEST))

    assert order(ranking, reading(), reading(), question="When did the bridge open in 2019?") == ["a", "b"]


@pytest.mark.parametrize("question", ["When did it open in 2019?", "What did the mayor say last March?"])
def test_a_question_that_names_a_time_is_not_about_what_is_new(question: str) -> None:
    """It means the reports of that time, which the newest need not be among."""
    assert newness(NEWEST - A_YEAR, NEWEST, question=question) == [0.0, 0.0]


def test_each_passage_has_a_reading() -> None:
    """One too few is a mistake of the caller, not a passage less."""
    with pytest.raises(ValueError, match="shorter"):
        in_reading_order(QUESTION, found(0.5, 0.4), [reading(1.0)])


def test_nothing_read_is_nothing_ordered() -> None:
    assert in_reading_order(QUESTION, [], []) == ()


def test_where_a_day_is_asked_about_time_counts_from_it_and_passes_faster() -> None:
    """As of 4 March 2025: half after ninety days, whatever the newest report is."""
    days = (NEWEST, NEWEST - timedelta(days=90), NEWEST - timedelta(days=180), None)
    ranking = found(*[0.5] * 4, published=days)

    rows = features(QUESTION, ranking, [reading()] * 4, as_of=NEWEST)
    later = features(QUESTION, ranking, [reading()] * 4, as_of=NEWEST + timedelta(days=90))

    place = FEATURES.index("recency")
    assert [row[place] for row in rows] == pytest.approx([1.0, 0.5, 0.25, 0.0])
    assert [row[place] for row in later] == pytest.approx([0.5, 0.25, 0.125, 0.0])


def test_where_a_day_is_asked_about_the_newest_report_wins_over_a_surer_old_one() -> None:
    """Two reports answer, the older one a little more surely: without a day it stays first."""
    ranking = found(0.6, 0.6, published=(NEWEST - timedelta(days=120), NEWEST))
    readings = [reading(3.0), reading(1.0)]

    plain = in_reading_order(QUESTION, ranking, readings)
    as_of = in_reading_order(QUESTION, ranking, readings, as_of=NEWEST)

    assert [one.passage.passage_id for one in plain] == ["a", "b"]
    assert [one.passage.passage_id for one in as_of] == ["b", "a"]
