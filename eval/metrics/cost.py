"""What an answer costs: milliseconds per stage, and tokens. Times compare only within one run on one machine."""

import numpy as np

from eval.cases import Case
from eval.metrics.uncertainty import Matrix, Statistic, Vector
from eval.outcomes import Outcome

STAGES = ("understand", "retrieve", "evidence", "write", "verify", "first_words", "total")
"""Stages that have figures: `first_words` until the first verified sentence is shown, `total` for the whole answer."""


def prompt_tokens(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the prompt tokens of an answer or refusal; 0 when no model was asked; `None` for systems that rank."""
    return None if outcome.status == "retrieved" else float(outcome.prompt_tokens)


def completion_tokens(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the tokens that a model wrote, likewise."""
    return None if outcome.status == "retrieved" else float(outcome.completion_tokens)


def milliseconds(outcome: Outcome, stage: str) -> tuple[float] | None:
    """Observe `(milliseconds,)` of a stage; `None` where the case did not come to it."""
    spent = outcome.timings_ms.get(stage)
    return None if spent is None else (float(spent),)


def percentile(share: float) -> Statistic:
    """Return the statistic "smallest value that at least this share of the cases does not exceed".

    It is one of the values, never between two (Hyndman & Fan, American Statistician 1996, definition 1).

    Args:
        share: In 0..1; 0.5 for the median.
    """

    def statistic(observed: Matrix, weights: Matrix) -> Vector:
        order = np.argsort(observed[:, 0], kind="stable")
        reached = np.cumsum(weights[:, order], axis=1)
        # A product like 0.95 * 20 may come out above 19.
        enough = reached >= np.ceil(np.round(share * reached[:, -1:], 9))
        return np.asarray(observed[order, 0][enough.argmax(axis=1)])

    return statistic
