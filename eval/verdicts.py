"""One word per case for lists of cases: was what the system did right, and how bad is it if not?"""

from enum import StrEnum
from typing import Final

from eval.cases import Case
from eval.metrics.answers import contains, gold_covered, wrong_value_given
from eval.metrics.ranking import DEPTH, by_document, by_passage, hit
from eval.outcomes import Outcome

COVERED_ENOUGH: Final = 0.5  # Of the gold sentences, for answers too long to be compared word by word.


class Verdict(StrEnum):
    """What became of a case, the worst first: a wrong answer misleads, a wrong refusal only disappoints."""

    ANSWERED_UNANSWERABLE = "answered the unanswerable"
    WRONG_VALUE = "wrong value"
    WRONG_ANSWER = "wrong answer"
    UNSCORED = "unscored"
    WRONG_REFUSAL = "wrong refusal"
    NOT_FOUND = "not found"
    NOT_JUDGED = "not judged"
    RIGHT_ANSWER = "right answer"
    RIGHT_REFUSAL = "right refusal"
    FOUND = "found"

    @property
    def is_good(self) -> bool | None:
        """Whether this is the right outcome; `None` when the case failed or nothing says what is right."""
        if self in {Verdict.UNSCORED, Verdict.NOT_JUDGED}:
            return None
        return self in {Verdict.RIGHT_ANSWER, Verdict.RIGHT_REFUSAL, Verdict.FOUND}


SEVERITY: Final = {verdict: place for place, verdict in enumerate(Verdict)}
"""0 for the worst."""


def verdict_of(case: Case, outcome: Outcome) -> Verdict:
    """Judge one case.

    An answer is right when it holds a short gold answer, or, where there is none, half of the gold sentences; it is
    wrong when it gives a forbidden value. A ranking is right when evidence is among the first 10.
    """
    match outcome.status:
        case "unscored":
            return Verdict.UNSCORED
        case "retrieved":
            return _of_ranking(case, outcome)
        case "refused":
            return Verdict.WRONG_REFUSAL if case.answerable else Verdict.RIGHT_REFUSAL
        case "answered":
            return _of_answer(case, outcome) if case.answerable else Verdict.ANSWERED_UNANSWERABLE


def _of_answer(case: Case, outcome: Outcome) -> Verdict:
    if wrong_value_given(case, outcome):
        return Verdict.WRONG_VALUE
    held = contains(case, outcome)
    if held is None:
        covered = gold_covered(case, outcome)
        held = None if covered is None else float(covered >= COVERED_ENOUGH)
    if held is None:
        return Verdict.NOT_JUDGED
    return Verdict.RIGHT_ANSWER if held else Verdict.WRONG_ANSWER


def _of_ranking(case: Case, outcome: Outcome) -> Verdict:
    judgement = by_passage(case, outcome) or by_document(case, outcome)
    if judgement is None:
        return Verdict.NOT_JUDGED
    return Verdict.FOUND if hit(judgement, k=DEPTH) else Verdict.NOT_FOUND
