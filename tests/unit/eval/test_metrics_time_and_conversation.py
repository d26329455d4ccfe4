from datetime import date

import pytest

from domain.answers import TimeScope, Turn
from eval.cases import Case, Gold
from eval.metrics.conversation import answered, found_at_4, loss, rewrite_f1
from eval.metrics.definition import Judged
from eval.metrics.time import as_of_pairs, right_on_the_day, superseded_given
from eval.outcomes import Found, Outcome

REFUSED = Outcome(status="refused")


def test_a_case_is_right_on_its_day() -> None:
    """Right with the day's value alone; wrong with none, another, or a refusal of what the record holds."""
    case = _on(2, answers=("14",), forbidden=("12",))

    outcomes = [_said("14 ships"), _said("from 12 to 14"), _said("many"), _said("14 ships. Now 12 ships."), REFUSED]

    assert [right_on_the_day(case, outcome) for outcome in outcomes] == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert right_on_the_day(_on(1, answers=(), answerable=False), REFUSED) == 1.0
    assert right_on_the_day(Case(case_id="q", question="How many?", answers=("14",)), _said("14")) is None


def test_a_question_is_right_when_it_is_right_on_each_day() -> None:
    """The value stands at the earliest day, wherever it is in the file; a question of one day is no pair."""
    early, late = _on(1, answers=("12",)), _on(2, answers=("14",), forbidden=("12",))
    single = Case(case_id="s", question="Who?", answers=("Doe",), scope=TimeScope(as_of=date(2025, 1, 1)))

    knows: list[Judged] = [(late, _said("14 ships")), (single, _said("Doe")), (early, _said("12 ships"))]
    ignores: list[Judged] = [(late, _said("14 ships")), (single, _said("Doe")), (early, _said("14 ships"))]

    assert as_of_pairs(knows) == [None, None, (1.0,)]
    assert as_of_pairs(ignores) == [None, None, (0.0,)]
    assert as_of_pairs([]) == []


def test_superseded_values_are_judged_where_they_are_the_point() -> None:
    case = Case(case_id="q", question="How many?", answers=("14",), forbidden=("12",), kind="superseded")

    assert superseded_given(case, _said("12 ships")) == 1.0
    assert superseded_given(case, _said("14 ships")) == 0.0
    assert superseded_given(_on(2, answers=("14",), forbidden=("12",)), _said("12 ships")) is None


def test_a_follow_up_is_held_against_its_stand_alone_form() -> None:
    """`when did it open` against `when did lock open`: 3 shared of 4 and 4 tokens, F1 0.75."""
    case = _follow_up()

    assert rewrite_f1(case, Outcome(status="refused", stand_alone="When did it open?")) == pytest.approx(0.75)
    assert rewrite_f1(case, REFUSED) is None
    assert rewrite_f1(_alone(), Outcome(status="refused", stand_alone="When did the lock open?")) is None


def test_a_follow_up_loses_what_its_stand_alone_form_has() -> None:
    """Alone the gold is found and the case answered, in conversation neither: both losses are 1 - 0."""
    found = (Found(doc_id="g", text="It opened.", score=1.0),)
    judged: list[Judged] = [
        (_follow_up(), REFUSED),
        (_alone(), Outcome(status="answered", text="Friday", found=found)),
    ]

    assert loss(found_at_4)(judged) == [(1.0,), None]
    assert loss(answered)(judged) == [(1.0,), None]


def test_a_follow_up_without_its_twin_loses_nothing_that_is_known() -> None:
    assert loss(found_at_4)([(_follow_up(), REFUSED)]) == [None]


def _on(day: int, *, answers: tuple[str, ...], forbidden: tuple[str, ...] = (), answerable: bool = True) -> Case:
    return Case(
        case_id=f"q{day}",
        question="How many ships?",
        answers=answers,
        forbidden=forbidden,
        answerable=answerable,
        scope=TimeScope(as_of=date(2025, 1, day)),
    )


def _follow_up() -> Case:
    return Case(
        case_id="t2",
        question="When did it open?",
        history=(Turn(role="user", text="What of the lock?"),),
        stand_alone="When did the lock open?",
        gold=(Gold(doc_id="g"),),
    )


def _alone() -> Case:
    return Case(case_id="t2-alone", question="when did the  lock open?", gold=(Gold(doc_id="g"),))


def _said(text: str) -> Outcome:
    return Outcome(status="answered", text=text)
