"""Does the answer hold for the day that was asked about?

A case counts as right when it is answered with a right short answer and no forbidden value, or refused where the record
of that day holds no answer.
"""

from collections.abc import Sequence
from datetime import date

from eval.cases import Case
from eval.metrics.answers import contains, wrong_value_given
from eval.metrics.definition import Judged, Observation
from eval.outcomes import Outcome


def right(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if the right thing happened, else 0; `None` for an answerable case without a short gold answer."""
    if not case.answerable:
        return float(outcome.status == "refused")
    told = contains(case, outcome)
    return None if told is None else float(told == 1 and not wrong_value_given(case, outcome))


def right_on_the_day(case: Case, outcome: Outcome) -> float | None:
    """Return `right` of a case that is asked as of a day; `None` for other cases. Range {0, 1}."""
    return None if case.scope.as_of is None else right(case, outcome)


def superseded_given(case: Case, outcome: Outcome) -> float | None:
    """Return `wrong_value_given` of a case of the kind `superseded`; `None` for others. Lower is better."""
    return wrong_value_given(case, outcome) if case.kind == "superseded" else None


def as_of_pairs(judged: Sequence[Judged]) -> Sequence[Observation | None]:
    """Observe, per question that is asked as of two days or more, 1 if all of them are right, else 0.

    A system that ignores the day gives one answer to both and gets 0. Questions are the same when their words are. The
    value stands at the case with the earliest day, so that n counts questions; `None` at all other cases.
    """
    asked: dict[str, list[tuple[date, str, int]]] = {}
    for place, (case, _) in enumerate(judged):
        if case.scope.as_of is not None:
            words = " ".join(case.question.split()).casefold()
            asked.setdefault(words, []).append((case.scope.as_of, case.case_id, place))
    found: list[Observation | None] = [None] * len(judged)
    for days in asked.values():
        if len({day for day, _, _ in days}) > 1:
            verdicts = [right(*judged[place]) for _, _, place in days]
            if None not in verdicts:
                found[min(days)[2]] = (float(all(verdicts)),)
    return found
