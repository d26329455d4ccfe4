"""What a follow-up loses against the same question asked on its own.

The stand-alone form of a follow-up comes from the data set. Where a run asked it too, as a case without history, the
two are compared; in any case the question that the system searched for is held against it.
"""

from collections.abc import Callable, Sequence

from eval.cases import Case
from eval.metrics.answers import best_f1
from eval.metrics.definition import Judged, Observation
from eval.metrics.ranking import by_document, hit
from eval.metrics.refusals import wrong_refusal
from eval.outcomes import Outcome


def rewrite_f1(case: Case, outcome: Outcome) -> float | None:
    """Return the token F1 of the question as it was searched for against its stand-alone form.

    A system that searches for the follow-up's own words shows how much the form adds to them. Range 0..1; `None` for
    first turns, for cases without the form, and for systems that do not say what they searched for.
    """
    if not case.history or not case.stand_alone or outcome.stand_alone is None:
        return None
    return best_f1(outcome.stand_alone, [case.stand_alone])


def found_at_4(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if a gold document is among the first four found, else 0; `None` without gold."""
    judged = by_document(case, outcome)
    return None if judged is None else hit(judged, k=4)


def answered(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if an answerable case is answered, else 0; `None` for unanswerable cases."""
    refused = wrong_refusal(case, outcome)
    return None if refused is None else 1 - refused


def loss(
    value: Callable[[Case, Outcome], float | None],
) -> Callable[[Sequence[Judged]], Sequence[Observation | None]]:
    """Return what observes the value of the stand-alone question minus that of its follow-up.

    Range -1..1 for a value in 0..1; 0 when the conversation costs nothing, lower is better. The observation stands at
    the follow-up; `None` at first turns and where no case without history asks its stand-alone form.
    """

    def observe(judged: Sequence[Judged]) -> Sequence[Observation | None]:
        alone = {_words(case.question): (case, outcome) for case, outcome in judged if not case.history}
        found: list[Observation | None] = []
        for case, outcome in judged:
            twin = alone.get(_words(case.stand_alone)) if case.history and case.stand_alone else None
            one, other = (value(*twin), value(case, outcome)) if twin else (None, None)
            found.append(None if one is None or other is None else (one - other,))
        return found

    return observe


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()
