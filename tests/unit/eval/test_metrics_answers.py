import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from domain.answers import TimeScope
from eval.cases import Case, Gold
from eval.metrics.answers import (
    both_values_given,
    contains,
    exact_match,
    gold_covered,
    misled,
    normalised,
    right_when_answered,
    sentences,
    token_f1,
    wrong_value_given,
)
from eval.outcomes import Outcome, Quote, Sentence


def test_answers_are_compared_without_case_punctuation_and_articles() -> None:
    assert normalised("  The  U.S. sent an envoy, a-team!") == "us sent envoy ateam"
    assert exact_match(_case("The Nine Weeks"), _answer("nine weeks.")) == 1.0
    assert exact_match(_case("nine weeks"), _answer("about nine weeks")) == 0.0


def test_token_f1_counts_shared_tokens() -> None:
    """`closed for nine weeks` against `nine weeks`: precision 2/4, recall 2/2, F1 2/3; the better gold counts."""
    assert token_f1(_case("nine weeks", "all of the summer"), _answer("closed for nine weeks")) == pytest.approx(2 / 3)


def test_repeated_tokens_count_as_often_as_both_have_them() -> None:
    """`ha ha ha` against `ha ha`: 2 shared, precision 2/3, recall 1, F1 0.8."""
    assert token_f1(_case("ha ha"), _answer("ha ha ha")) == pytest.approx(0.8)


def test_refusing_an_answerable_case_scores_0_and_unanswerable_cases_are_not_judged() -> None:
    refusal = Outcome(status="refused")
    unanswerable = Case(case_id="q", question="How long?", answers=("nine weeks",), answerable=False)

    assert [score(_case("nine weeks"), refusal) for score in (exact_match, token_f1, contains)] == [0.0, 0.0, 0.0]
    assert [score(unanswerable, refusal) for score in (exact_match, token_f1, contains)] == [None, None, None]
    assert [score(_case(), _answer("x")) for score in (exact_match, token_f1, contains)] == [None, None, None]


def test_an_answer_contains_whole_tokens_only() -> None:
    """`12` is in "12 barges", not in "120 barges"."""
    assert contains(_case("12"), _answer("12 barges waited.")) == 1.0
    assert contains(_case("12"), _answer("120 barges waited.")) == 0.0


def test_long_gold_answers_are_not_looked_for() -> None:
    """Eleven tokens are a sentence; such a case is judged by the gold evidence instead."""
    long = _case("one two three four five six seven eight nine ten eleven")

    assert contains(long, _answer("one")) is None
    assert right_when_answered(long, _answer("one")) is None


def test_an_answer_to_an_unanswerable_case_is_not_right() -> None:
    unanswerable = Case(case_id="q", question="How long?", answerable=False)

    assert right_when_answered(unanswerable, _answer("nine weeks")) == 0.0
    assert right_when_answered(_case("nine weeks"), _answer("for nine weeks")) == 1.0
    assert right_when_answered(_case("nine weeks"), Outcome(status="refused")) is None


def test_gold_sentences_are_covered_by_answer_and_quotes_together() -> None:
    """Of three gold sentences, one is in the answer and one in a quote; of the third only 1 of 4 content words is.

    lock, orrin, closed, nine, weeks: 4 of 5 are said, 0.8. barges, waited, below, weir: all. ministry, paid, new,
    gates: none.
    """
    case = Case(
        case_id="q",
        question="What happened at Orrin?",
        gold=(
            Gold(doc_id="g", text="The lock at Orrin was closed for nine weeks. Barges waited below the weir."),
            Gold(doc_id="h", text="The ministry paid for new gates."),
        ),
    )
    quote = Quote(doc_id="g", text="Barges waited below the weir.", verbatim=True)
    outcome = Outcome(
        status="answered",
        text="Orrin lock was closed nine days.",
        sentences=(Sentence(text="Orrin lock was closed nine days.", quotes=(quote,)),),
    )

    assert gold_covered(case, outcome) == pytest.approx(2 / 3)
    assert gold_covered(case, Outcome(status="refused")) == 0.0
    assert gold_covered(_case("nine weeks"), outcome) is None


def test_a_superseded_figure_may_stand_beside_the_right_one() -> None:
    case = Case(case_id="q", question="How many?", answers=("14",), forbidden=("12",))

    assert wrong_value_given(case, _answer("It rose to 14, from 12.")) == 0.0
    assert wrong_value_given(case, _answer("The toll rose to 14. The toll stands at 12.")) == 1.0
    assert wrong_value_given(case, _answer("In 2012 it was 14.")) == 0.0
    assert wrong_value_given(case, Outcome(status="refused")) == 0.0
    assert wrong_value_given(_case("14"), _answer("12")) is None


@pytest.mark.parametrize(
    ("text", "is_misled", "gives_both"),
    [
        ("The toll is 12.", 1.0, 0.0),
        ("The toll is 14.", 0.0, 0.0),
        ("One report says 12. Another says 14.", 0.0, 1.0),
        ("Cars pay a toll.", 0.0, 0.0),
    ],
)
def test_an_answer_misleads_that_gives_only_the_wrong_value(text: str, is_misled: float, gives_both: float) -> None:
    """Both values in one answer show the conflict; neither says nothing false."""
    case = replace(_case("14"), forbidden=("12",))

    assert misled(case, _answer(text)) == is_misled
    assert both_values_given(case, _answer(text)) == gives_both


def test_a_refusal_misleads_nobody() -> None:
    """And where nothing is forbidden there is nothing to be misled by."""
    case = replace(_case("14"), forbidden=("12",))

    assert misled(case, Outcome(status="refused")) == 0.0
    assert misled(_case("14"), _answer("12")) is None


def test_sentences_end_at_marks_before_capitals_and_at_line_breaks() -> None:
    assert sentences('He left at 3.5 p.m. on time. "Go on," she said.\nHeading\n\nNext') == [
        "He left at 3.5 p.m. on time.",
        '"Go on," she said.',
        "Heading",
        "Next",
    ]
    assert sentences(" \n") == []


def test_exact_match_and_f1_agree_with_the_published_definition() -> None:
    """2000 random pairs against a second implementation, written from the paper, to 1e-12."""
    chance = random.Random(12)
    words = ["the", "a", "An", "lock", "Lock,", "weir.", "nine", "U.S.", "(nine)", "theatre", "–", "it's", ""]

    for _ in range(2000):
        said, gold = (" ".join(chance.choices(words, k=chance.randrange(7))) for _ in range(2))
        case, outcome = _case(gold), _answer(said)
        assert exact_match(case, outcome) == float(_reference_tokens(said) == _reference_tokens(gold)), (said, gold)
        assert token_f1(case, outcome) == pytest.approx(_reference_f1(said, gold), abs=1e-12), (said, gold)


def _reference_tokens(text: str) -> list[str]:
    """Lower case; drop each ASCII punctuation character; drop the words a, an, the; split at white space."""
    kept = "".join(letter for letter in text.lower() if not re.fullmatch(r"[!-/:-@\[-`{-~]", letter))
    return [word for word in kept.split() if word not in {"a", "an", "the"}]


def _reference_f1(said: str, gold: str) -> float:
    """Harmonic mean of precision and recall over the bags of tokens; with an empty side, 1 if both are empty."""
    mine, theirs = Counter(_reference_tokens(said)), Counter(_reference_tokens(gold))
    if not mine or not theirs:
        return float(mine == theirs)
    shared = sum(min(count, theirs[token]) for token, count in mine.items())
    if shared == 0:
        return 0.0
    precision, recall = shared / mine.total(), shared / theirs.total()
    return 2 * precision * recall / (precision + recall)


def _case(*answers: str) -> Case:
    return Case(case_id="q", question="How long?", answers=answers, scope=TimeScope(as_of=date(2025, 1, 1)))


def _answer(text: str) -> Outcome:
    return Outcome(status="answered", text=text)
