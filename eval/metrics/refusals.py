"""Does the system answer what can be answered, and refuse the rest?

"Can be answered" is the case's label. The figures of confidence are judged against the same label, not against the
words of the answer: a refusal has a confidence but no words to judge, and leaving refusals out would let a system raise
its figures by refusing.

A rule that always answers has coverage 1, wrong answers 1, wrong refusals 0, balanced decision 0.5, AUROC 0.5 and a
risk-coverage area of the share of unanswerable cases; one that always refuses has 0, 0, 1, 0.5 and the same two areas.
The report prints both, so that a figure which a rule reaches is seen for what it is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eval.cases import Case
from eval.metrics.uncertainty import Matrix, Vector
from eval.outcomes import Outcome

BINS: Final = 10


def coverage(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return 1 for an answer, 0 for a refusal, `None` for systems that only rank.

    Describes; neither more nor less is better (El-Yaniv & Wiener, JMLR 2010).
    """
    return None if outcome.status == "retrieved" else float(outcome.status == "answered")


def wrong_answer(case: Case, outcome: Outcome) -> float | None:
    """Return 1 for an answer to an unanswerable case, 0 for its refusal, `None` for answerable cases."""
    return None if case.answerable else coverage(case, outcome)


def wrong_refusal(case: Case, outcome: Outcome) -> float | None:
    """Return 1 for a refusal of an answerable case, 0 for an answer, `None` for unanswerable cases."""
    answered = coverage(case, outcome)
    return None if answered is None or not case.answerable else 1 - answered


def reason_right(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if an unanswerable case was refused for the typed reason that is right, else 0.

    An answer counts 0, as does a refusal without a reason. `None` where the case does not say the reason.
    """
    if case.answerable or case.refusal_reason is None or outcome.status == "retrieved":
        return None
    return float(outcome.status == "refused" and outcome.refusal_reason == case.refusal_reason)


def decision(case: Case, outcome: Outcome) -> tuple[float, float] | None:
    """Observe `(answerable, answered)`, each 0 or 1; `None` for systems that only rank."""
    answered = coverage(case, outcome)
    return None if answered is None else (float(case.answerable), answered)


def confidence(case: Case, outcome: Outcome) -> tuple[float, float] | None:
    """Observe `(answerable, confidence)`; `None` where the system does not say how sure it is."""
    return None if outcome.confidence is None else (float(case.answerable), outcome.confidence)


def balanced_decision(observed: Matrix, weights: Matrix) -> Vector:
    """Return the mean of the shares of answerable cases answered and of unanswerable cases refused.

    Range 0..1; 0.5 for any rule that does not read the question; NaN without both kinds of case. Source: balanced
    accuracy (Brodersen et al., ICPR 2010).

    Args:
        observed: `(n, 2)` of `decision`.
        weights: `(b, n)` whole numbers.
    """
    answerable, answered = observed[:, 0], observed[:, 1]
    with np.errstate(invalid="ignore"):
        kept = weights @ (answerable * answered) / (weights @ answerable)
        refused = weights @ ((1 - answerable) * (1 - answered)) / (weights @ (1 - answerable))
    return np.asarray((kept + refused) / 2)


def auroc(observed: Matrix, weights: Matrix) -> Vector:
    """Return how likely an answerable case has a higher confidence than an unanswerable one; a tie counts half.

    Range 0..1; 0.5 for a constant; NaN without both kinds of case. Source: Hanley & McNeil, Radiology 143 (1982).

    Args:
        observed: `(n, 2)` of `confidence`.
        weights: `(b, n)` whole numbers.
    """
    order, starts = _ties(observed[:, 1])
    answerable = observed[order, 0]
    drawn = weights[:, order]
    positive = _per_tie(drawn * answerable, starts)
    negative = _per_tie(drawn * (1 - answerable), starts)
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((positive * (below + negative / 2)).sum(axis=1) / pairs)


def risk_coverage_area(observed: Matrix, weights: Matrix) -> Vector:
    """Return the mean, over all coverages 1/n, 2/n, …, 1, of the share of unanswerable cases among those answered.

    Cases are answered from the highest confidence downwards; equal confidences in random order, of which the expected
    risk is taken. Range 0..1, lower is better; 0 where every case is answerable; NaN without cases. Source: Geifman,
    Uziel & El-Yaniv, ICLR 2019.

    Args:
        observed: `(n, 2)` of `confidence`.
        weights: `(b, n)` whole numbers.
    """
    order, starts = _ties(-observed[:, 1])
    wrong = 1 - observed[order, 0]
    drawn = weights[:, order]
    size = _per_tie(drawn, starts)
    errors = _per_tie(drawn * wrong, starts)
    before, errors_before = np.cumsum(size, axis=1) - size, np.cumsum(errors, axis=1) - errors
    with np.errstate(invalid="ignore"):
        rate = np.where(size > 0, errors / np.where(size > 0, size, 1), 0)
        # The i-th of a tied group has the expected risk (E + i·r) / (C + i) = r + (E - r·C) / (C + i); summed over the
        # group, the second part is a difference of harmonic numbers.
        harmonic = _harmonic_numbers(int(weights.sum(axis=1).max(initial=0)))
        steps = harmonic[(before + size).astype(np.intp)] - harmonic[before.astype(np.intp)]
        risks = size * rate + (errors_before - rate * before) * steps
        return np.asarray(risks.sum(axis=1) / size.sum(axis=1))


def calibration_error(observed: Matrix, weights: Matrix) -> Vector:
    """Return the expected calibration error: |mean confidence - share answerable| of `BINS` equal bins, by size.

    Range 0..1, lower is better; NaN without cases. Source: Naeini, Cooper & Hauskrecht, AAAI 2015.

    Args:
        observed: `(n, 2)` of `confidence`.
        weights: `(b, n)` whole numbers.
    """
    inside = np.eye(BINS)[_bins(observed[:, 1])]
    gaps = np.abs(weights @ (inside * (observed[:, 1] - observed[:, 0])[:, None]))
    with np.errstate(invalid="ignore"):
        return np.asarray(gaps.sum(axis=1) / weights.sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What answering from a confidence upwards costs.

    Attributes:
        threshold: Cases of this confidence and above are answered.
        coverage: Share of all cases that are answered.
        risk: Share of unanswerable cases among those.
    """

    threshold: float
    coverage: float
    risk: float


def risk_coverage_curve(observed: Matrix) -> tuple[CurvePoint, ...]:
    """Return one point per distinct confidence, from the highest downwards; empty without cases.

    Args:
        observed: `(n, 2)` of `confidence`.
    """
    if not len(observed):
        return ()
    order, starts = _ties(-observed[:, 1])
    ends = np.append(starts[1:], len(order))
    wrong = np.cumsum(1 - observed[order, 0])
    return tuple(
        CurvePoint(
            threshold=float(observed[order[end - 1], 1]),
            coverage=float(end / len(order)),
            risk=float(wrong[end - 1] / end),
        )
        for end in ends
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Cases of about the same confidence.

    Attributes:
        low: Lower edge, inside.
        high: Upper edge, outside; inside for the last bin.
        n: Cases.
        confidence: Their mean confidence; `None` in an empty bin.
        answerable: Their share of answerable cases; `None` in an empty bin.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    answerable: float | None


def reliability(observed: Matrix) -> tuple[ReliabilityBin, ...]:
    """Return `BINS` bins of equal width over 0..1, lowest first.

    Args:
        observed: `(n, 2)` of `confidence`.
    """
    bins = _bins(observed[:, 1])
    found = []
    for place in range(BINS):
        inside = observed[bins == place]
        means = inside.mean(axis=0) if len(inside) else None
        found.append(
            ReliabilityBin(
                low=place / BINS,
                high=(place + 1) / BINS,
                n=len(inside),
                confidence=None if means is None else float(means[1]),
                answerable=None if means is None else float(means[0]),
            )
        )
    return tuple(found)


def _ties(keys: Vector) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ascending order of keys, and where each run of equal keys begins in it."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(keys[order]) != 0))
    return order, starts


def _per_tie(values: Matrix, starts: NDArray[np.intp]) -> Matrix:
    """Return the sums over each run of columns, `(b, runs)`."""
    if len(starts) == values.shape[1]:
        return values
    return np.asarray(np.add.reduceat(values, starts, axis=1))


def _bins(values: Vector) -> NDArray[np.intp]:
    return np.clip((values * BINS).astype(np.intp), 0, BINS - 1)


def _harmonic_numbers(most: int) -> Vector:
    """Return H(0), H(1), …, H(most)."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, most + 1))])
