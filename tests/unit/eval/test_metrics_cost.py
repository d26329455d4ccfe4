import numpy as np
import pytest

from eval.cases import Case
from eval.metrics.cost import completion_tokens, milliseconds, percentile, prompt_tokens
from eval.outcomes import Outcome

CASE = Case(case_id="q", question="How long?")


def test_percentiles_are_values_that_occurred() -> None:
    """Of 1 to 20, half do not exceed 10 and 95 % do not exceed 19; of one value it is that value."""
    observed, weights = np.arange(20, 0, -1.0)[:, None], np.ones((1, 20))

    assert [percentile(share)(observed, weights)[0] for share in (0.5, 0.95, 1.0)] == [10.0, 19.0, 20.0]
    assert percentile(0.95)(np.array([[7.0]]), np.ones((1, 1)))[0] == 7.0


def test_percentiles_agree_with_numpy_on_weighted_cases() -> None:
    """50 random sets, each case as often as a resample has it."""
    random = np.random.default_rng(16)
    for _ in range(50):
        observed, weights = random.random((15, 1)), random.integers(0, 4, size=(1, 15)).astype(np.float64)
        weights[0, 3] += 1
        repeated = np.repeat(observed[:, 0], weights[0].astype(int))

        for share in (0.5, 0.95):
            assert percentile(share)(observed, weights)[0] == pytest.approx(
                np.quantile(repeated, share, method="inverted_cdf")
            )


def test_stages_that_were_not_reached_take_no_time() -> None:
    """A refusal that wrote nothing is left out of the writing times instead of counting as 0 ms."""
    outcome = Outcome(status="refused", timings_ms={"total": 12.5})

    assert milliseconds(outcome, "total") == (12.5,)
    assert milliseconds(outcome, "write") is None


def test_tokens_are_counted_for_systems_that_write() -> None:
    outcome = Outcome(status="answered", prompt_tokens=300, completion_tokens=40)

    assert (prompt_tokens(CASE, outcome), completion_tokens(CASE, outcome)) == (300.0, 40.0)
    assert prompt_tokens(CASE, Outcome(status="retrieved")) is None
    assert completion_tokens(CASE, Outcome(status="retrieved")) is None
