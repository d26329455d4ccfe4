"""What a calibration makes the service do; how one is learned is in `unit/eval/test_calibrate.py`."""

import json
import math
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.settings import AnswerSettings
from service.calibration import Calibration, CurvePoint, Model, RefusalRule, refusal_rule, threshold_for

# Higher thresholds answer less; the rarest mistakes are not at the highest of them.
CURVE = ((1.0, 0.0, 0.0), (0.9, 0.2, 0.1), (0.7, 0.5, 0.04), (0.6, 0.6, 0.08), (0.4, 0.9, 0.3))
BODY = {
    "format": 2,
    "model": {"bias": -1.0, "weights": {"near": 2.0, "missing": -0.5}},
    "min_relevance": 0.7,
    "target": "at most 0.05 of the answers wrong",
    "threshold": {"value": 0.7, "low": 0.6, "high": 0.8},
    "risk": {"value": 0.04, "low": 0.0, "high": 0.1},
    "held_out_risk": None,
    "coverage": {"value": 0.5, "low": 0.4, "high": 0.6},
    "curve": [{"threshold": threshold, "coverage": coverage, "risk": risk} for threshold, coverage, risk in CURVE],
    "travelled": {"other": {"auroc": None, "coverage": 0.5, "risk": 0.0}},
    "provenance": {
        "run_id": "run-1",
        "system": "dateline",
        "data_sets": {},
        "settings": "feedc0de",
        "n": 100,
        "unscored": 0,
        "seed": 1,
    },
}
CALIBRATION = Calibration.model_validate(BODY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(BODY))
    return path


def test_the_probability_is_logistic_in_the_signals() -> None:
    """-1 + 2 * 0.75 - 0.5 * 1 = 0, an even chance; a signal that the model does not know counts nothing."""
    assert CALIBRATION.model.probability({"near": 0.75, "missing": 1.0, "new": 9.0}) == pytest.approx(0.5)


def test_a_signal_that_is_missing_counts_nothing() -> None:
    """Without any, the bias is left: 1 / (1 + e)."""
    assert CALIBRATION.model.probability({}) == pytest.approx(1 / (1 + math.e))


@pytest.mark.parametrize(("sure", "probability"), [(1e6, 1.0), (-1e6, 0.0)])
def test_signals_beyond_measure_are_shares_still(sure: float, probability: float) -> None:
    assert Model(bias=0.0, weights={"sure": 1.0}).probability({"sure": sure}) == pytest.approx(probability)


@pytest.mark.parametrize(("most_wrong", "threshold"), [(0.05, 0.7), (0.08, 0.6), (0.1, 0.6), (0.3, 0.4), (1.0, 0.4)])
def test_the_threshold_answers_most_of_what_may_be_answered(most_wrong: float, threshold: float) -> None:
    """The point of the curve with the greatest coverage among those whose share of wrong answers is allowed."""
    assert threshold_for(CALIBRATION, most_wrong) == threshold


def test_where_too_many_are_always_wrong_the_least_share_is_named() -> None:
    """To answer nothing, which is never wrong, is no choice."""
    with pytest.raises(ConfigurationError, match=r"at 0\.03; the least is 0\.04") as caught:
        threshold_for(CALIBRATION, 0.03)

    assert "answer.most_wrong" in caught.value.hint


def test_a_curve_without_answers_allows_nothing() -> None:
    empty = CALIBRATION.model_copy(update={"curve": (CurvePoint(threshold=1.0, coverage=0.0, risk=0.0),)})

    with pytest.raises(ConfigurationError, match="the least is 1"):
        threshold_for(empty, 0.5)


@pytest.mark.parametrize(
    ("settings", "threshold"),
    [
        pytest.param({}, 0.7, id="the calibration's own"),
        pytest.param({"most_wrong": 0.08}, 0.6, id="what most_wrong allows"),
        pytest.param({"min_relevance": 0.2}, 0.2, id="as set"),
        pytest.param({"min_relevance": 0.0}, 0.0, id="nothing refused, as set"),
        pytest.param({"min_relevance": 0.2, "most_wrong": 0.08}, 0.2, id="as set, before most_wrong"),
        pytest.param({"min_relevance": 0.2, "most_wrong": 0.001}, 0.2, id="as set, though most_wrong cannot be met"),
    ],
)
def test_the_threshold_is_the_nearest_to_the_user(file: Path, settings: dict[str, float], threshold: float) -> None:
    """Set by hand, else by the share of wrong answers, else as it was learned; the model is always the file's."""
    rule = refusal_rule(AnswerSettings(calibration=file, **settings))

    assert rule == RefusalRule(model=CALIBRATION.model, threshold=threshold)


def test_a_share_that_the_calibration_cannot_keep_is_refused(file: Path) -> None:
    """Silently refusing everything, or answering all the same, would both be something else than was asked for."""
    with pytest.raises(ConfigurationError, match="No threshold keeps"):
        refusal_rule(AnswerSettings(calibration=file, most_wrong=0.001))


def test_without_a_file_the_shipped_calibration_decides() -> None:
    """It is readable, and a threshold set by hand goes before its own, too."""
    shipped, by_hand = refusal_rule(AnswerSettings()), refusal_rule(AnswerSettings(min_relevance=0.123))

    assert shipped.model.weights
    assert by_hand == RefusalRule(model=shipped.model, threshold=0.123)


def test_the_rule_asks_its_model() -> None:
    rule, known = RefusalRule(model=CALIBRATION.model, threshold=0.5), {"near": 1.0, "missing": 0.0}

    assert rule.probability(known) == CALIBRATION.model.probability(known)


def test_what_cannot_be_judged_is_not_refused() -> None:
    """A signal is missing: nothing is said of the answer, for it or against it."""
    rule = RefusalRule(model=CALIBRATION.model, threshold=0.5)

    assert rule.probability({"near": 1.0}) is None
    assert [rule.refuses(likely) for likely in (None, 0.49, 0.5)] == [False, True, False]
