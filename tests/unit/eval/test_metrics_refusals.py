from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from eval.cases import Case
from eval.metrics import refusals
from eval.metrics.refusals import CurvePoint, reliability, risk_coverage_curve
from eval.metrics.uncertainty import Matrix, Statistic
from eval.outcomes import Outcome

ANSWERABLE = Case(case_id="a", question="How long?")
UNANSWERABLE = Case(case_id="u", question="How deep?", answerable=False, refusal_reason="no_document")
ANSWERED, REFUSED = Outcome(status="answered", confidence=0.7), Outcome(status="refused", refusal_reason="no_document")
RANKED = Outcome(status="retrieved")


def test_answers_and_refusals_are_right_or_wrong_by_the_label() -> None:
    """Each row: coverage, wrong answer, wrong refusal, reason right."""
    measures = (refusals.coverage, refusals.wrong_answer, refusals.wrong_refusal, refusals.reason_right)
    rows = {
        (case.case_id, outcome.status): tuple(measure(case, outcome) for measure in measures)
        for case in (ANSWERABLE, UNANSWERABLE)
        for outcome in (ANSWERED, REFUSED, RANKED)
    }

    assert rows == {
        ("a", "answered"): (1.0, None, 0.0, None),
        ("a", "refused"): (0.0, None, 1.0, None),
        ("a", "retrieved"): (None, None, None, None),
        ("u", "answered"): (1.0, 1.0, None, 0.0),
        ("u", "refused"): (0.0, 0.0, None, 1.0),
        ("u", "retrieved"): (None, None, None, None),
    }


def test_another_reason_is_a_wrong_one() -> None:
    other = Outcome(status="refused", refusal_reason="conflicting")

    assert refusals.reason_right(UNANSWERABLE, other) == 0.0
    assert refusals.reason_right(UNANSWERABLE, Outcome(status="refused")) == 0.0


def test_auroc_counts_ties_half() -> None:
    """Answerable .9 and .5 against unanswerable .5 and .1: of 4 pairs 3 are right and one is tied, 3.5 / 4."""
    assert _figure(refusals.auroc, [(1, 0.9), (1, 0.5), (0, 0.5), (0, 0.1)]) == 0.875


def test_auroc_needs_both_kinds() -> None:
    assert np.isnan(_figure(refusals.auroc, [(1, 0.9), (1, 0.5)]))


def test_auroc_agrees_with_scikit_learn() -> None:
    """300 random sets with many ties, weighted as resamples weight them, to 1e-12."""
    random = np.random.default_rng(13)
    for _ in range(300):
        n = int(random.integers(2, 40))
        observed = np.column_stack([random.integers(2, size=n), random.integers(6, size=n) / 5]).astype(np.float64)
        observed[:2, 0] = [0, 1]
        weights = np.vstack([np.ones(n), random.integers(1, 4, size=n)])
        theirs = [roc_auc_score(observed[:, 0], observed[:, 1], sample_weight=row) for row in weights]

        assert refusals.auroc(observed, weights) == pytest.approx(theirs, abs=1e-12)


def test_balanced_decision_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(14)
    observed = random.integers(2, size=(200, 2)).astype(np.float64)

    assert _figure(refusals.balanced_decision, observed.tolist()) == pytest.approx(
        balanced_accuracy_score(observed[:, 0], observed[:, 1])
    )


def test_the_area_is_the_mean_risk_over_all_coverages() -> None:
    """Right, wrong, right, wrong from the highest confidence down: risks 0, 1/2, 1/3, 1/2, mean 1/3."""
    assert _figure(refusals.risk_coverage_area, [(1, 0.9), (0, 0.8), (1, 0.7), (0, 0.1)]) == pytest.approx(1 / 3)


def test_ties_have_their_expected_risk() -> None:
    """Right at .9, then right and wrong tied: the orders give (0, 0, 1/3) and (0, 1/2, 1/3), mean 7/36."""
    assert _figure(refusals.risk_coverage_area, [(1, 0.9), (0, 0.5), (1, 0.5)]) == pytest.approx(7 / 36)


def test_the_area_agrees_with_trying_all_orders() -> None:
    """20 random sets with ties and repeated cases against the average over 2000 random orders, to 0.03."""
    random = np.random.default_rng(15)
    for _ in range(20):
        n = int(random.integers(1, 12))
        observed = np.column_stack([random.integers(2, size=n), random.integers(4, size=n) / 3]).astype(np.float64)
        weights = random.integers(0, 3, size=(1, n)).astype(np.float64)
        weights[0, 0] = 1
        repeated = np.repeat(observed, weights[0].astype(int), axis=0)

        (ours,) = refusals.risk_coverage_area(observed, weights)

        assert ours == pytest.approx(_area_by_orders(repeated, random), abs=0.03)


def test_rules_are_seen_for_what_they_are() -> None:
    """A constant has AUROC 0.5 and the share of unanswerable cases as its area, here 3 of 5, whatever it says."""
    always = [(label, 1.0) for label in (1, 0, 1, 0, 0)]

    assert _figure(refusals.auroc, always) == 0.5
    assert _figure(refusals.risk_coverage_area, always) == pytest.approx(0.6)
    assert _figure(refusals.balanced_decision, always) == 0.5


def test_calibration_error_is_the_gap_of_bins_by_size() -> None:
    """Bin .9-1: confidences .95, .95, one of two answerable, gap .45; bin .2-.3: .25, answerable, gap .75.

    (2 * .45 + 1 * .75) / 3 = 0.55.
    """
    assert _figure(refusals.calibration_error, [(1, 0.95), (0, 0.95), (1, 0.25)]) == pytest.approx(0.55)


def test_the_curve_has_one_point_per_confidence() -> None:
    observed = np.array([(1, 0.9), (0, 0.5), (1, 0.5), (0, 0.1)])

    assert risk_coverage_curve(observed) == (
        CurvePoint(threshold=0.9, coverage=0.25, risk=0.0),
        CurvePoint(threshold=0.5, coverage=0.75, risk=1 / 3),
        CurvePoint(threshold=0.1, coverage=1.0, risk=0.5),
    )
    assert risk_coverage_curve(np.empty((0, 2))) == ()


def test_bins_hold_all_cases_and_the_last_holds_1() -> None:
    bins = reliability(np.array([(1, 1.0), (0, 0.9), (1, 0.0)]))

    assert [one.n for one in bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins[9].confidence == pytest.approx(0.95)
    assert bins[9].answerable == 0.5
    assert (bins[1].confidence, bins[1].answerable) == (None, None)
    assert [one.n for one in reliability(np.empty((0, 2)))] == [0] * 10


def _figure(statistic: Statistic, rows: Sequence[tuple[float, float]]) -> float:
    return float(statistic(np.array(rows, dtype=np.float64), np.ones((1, len(rows))))[0])


def _area_by_orders(observed: Matrix, random: np.random.Generator) -> float:
    areas = []
    for _ in range(2000):
        order = np.lexsort((random.random(len(observed)), -observed[:, 1]))
        areas.append(np.mean(np.cumsum(1 - observed[order, 0]) / np.arange(1, len(observed) + 1)))
    return float(np.mean(areas))
