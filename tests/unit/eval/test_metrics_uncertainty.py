import numpy as np
import pytest

from eval.metrics.uncertainty import (
    Difference,
    Estimate,
    bootstrap,
    estimate,
    estimates,
    paired_difference,
    paired_statistic_difference,
)


def test_nothing_scored_has_no_figure() -> None:
    """Without a case there is no mean to invent; the failed ones are still counted."""
    nothing = Estimate(mean=None, low=None, high=None, n=0, unscored=3)

    assert estimate(np.array([]), [], unscored=3) == nothing
    assert estimate(np.array([np.nan]), ["a"], unscored=3) == nothing
    assert bootstrap(_mean, np.empty((0, 1)), [], unscored=3) == nothing


def test_one_cluster_has_a_mean_but_no_interval() -> None:
    """Two cases of one conversation say nothing about other conversations: (0.25 + 0.75) / 2 = 0.5."""
    expected = Estimate(mean=0.5, low=None, high=None, n=2)

    assert estimate(np.array([0.25, 0.75]), ["talk", "talk"]) == expected
    assert bootstrap(_mean, np.array([[0.25], [0.75]]), ["talk", "talk"]) == expected


def test_cases_that_are_not_scored_stay_out_of_the_mean() -> None:
    """(1 + 0 + 1) / 3; the NaN is neither counted nor averaged in."""
    one = estimate(np.array([1.0, np.nan, 0.0, 1.0]), list("abcd"), unscored=2)

    assert one.mean == pytest.approx(2 / 3)
    assert (one.n, one.unscored) == (3, 2)


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    """4000 cases, a quarter of them 1: standard error sqrt(.25 * .75 / 4000) = 0.00685, times 1.96 is 0.0134."""
    one = estimate(np.tile([1.0, 0.0, 0.0, 0.0], 1000), [str(case) for case in range(4000)])

    assert one.mean == 0.25
    assert one.low == pytest.approx(0.25 - 0.0134, abs=0.001)
    assert one.high == pytest.approx(0.25 + 0.0134, abs=0.001)


def test_cases_of_one_cluster_are_not_independent() -> None:
    """Ten equal cases per cluster carry as much as one: the interval is sqrt(10) times as wide as without clusters."""
    values = np.repeat(np.tile([0.0, 1.0], 50), 10)

    alone = estimate(values, [str(case) for case in range(1000)])
    together = estimate(values, [str(case // 10) for case in range(1000)])

    assert _width(together) / _width(alone) == pytest.approx(np.sqrt(10), rel=0.1)


def test_a_share_without_exceptions_is_not_certain() -> None:
    """0 of 5: Clopper-Pearson's upper end is 1 - 0.025 ** (1 / 5) = 0.5218; 5 of 5 mirrors it. A count is no share."""
    clusters = list("abcde")

    assert estimate(np.zeros(5), clusters, share=True).high == pytest.approx(0.5218, abs=1e-4)
    assert estimate(np.ones(5), clusters, share=True).low == pytest.approx(1 - 0.5218, abs=1e-4)
    assert estimate(np.zeros(5), clusters).high == 0.0


def test_columns_do_not_disturb_each_other() -> None:
    """Many metrics at once give what each gives alone, also where they apply to other cases."""
    random = np.random.default_rng(5)
    values = random.random((60, 6))
    values[random.random((60, 6)) < 0.3] = np.nan
    clusters = [f"c{case % 25}" for case in range(60)]

    together = estimates(values, clusters, shares=[True] * 6)

    assert together == tuple(estimate(values[:, column], clusters, share=True) for column in range(6))


def test_order_and_names_of_columns_do_not_change_a_digit() -> None:
    """Sums are exact, so any order of the lines gives the same floats, not only nearly the same."""
    random = np.random.default_rng(6)
    values, clusters = random.random((200, 3)) * 1000, [f"c{case % 41}" for case in range(200)]
    order = random.permutation(200)

    shuffled = estimates(values[order], [clusters[place] for place in order])

    assert shuffled == estimates(values, clusters)
    assert bootstrap(_mean, values[order], [clusters[place] for place in order]) == bootstrap(_mean, values, clusters)


def test_a_mean_and_a_figure_have_the_same_interval() -> None:
    """The mean as a statistic goes through the same resamples as the mean of `estimate`."""
    random = np.random.default_rng(7)
    values, clusters = random.random(300), [f"c{case % 70}" for case in range(300)]

    figure, mean = bootstrap(_mean, values[:, None], clusters), estimate(values, clusters)

    assert figure.mean == pytest.approx(mean.mean)
    assert (figure.low, figure.high) == pytest.approx((mean.low, mean.high))


def test_a_paired_difference_is_tested_by_flipping_signs() -> None:
    """Differences 1, 1, 1, 0: of the 8 sign patterns of the three that moved, 2 have a sum as large as 3: p = 0.25."""
    change = paired_difference(np.array([0.0, 0, 0, 1]), np.ones(4), list("abcd"))

    assert (change.mean, change.p_value, change.n) == (0.75, 0.25, 4)


def test_no_difference_has_p_1() -> None:
    values, clusters = np.array([0.0, 1, 1, 0]), list("abcd")

    assert paired_difference(values, values, clusters) == Difference(mean=0, low=0, high=0, p_value=1, n=4)
    assert paired_difference(np.array([np.nan]), np.array([1.0]), ["a"]) == Difference(
        mean=None, low=None, high=None, p_value=1, n=0
    )
    assert paired_difference(np.array([0.0]), np.array([1.0]), ["a"]) == Difference(
        mean=1, low=None, high=None, p_value=1, n=1
    )


def test_p_values_of_chance_are_uniform() -> None:
    """Of 200 comparisons without a real difference about 5 %, so 10 ± 3 * 3.1, have p below 0.05."""
    random = np.random.default_rng(8)
    clusters = [str(case) for case in range(40)]

    low = sum(paired_difference(random.random(40), random.random(40), clusters).p_value < 0.05 for _ in range(200))

    assert 1 <= low <= 19


def test_many_clusters_are_tested_by_random_signs() -> None:
    """50 of 50 improved: no random pattern reaches it, so p is 1 / 10 001; half and half is no difference."""
    clusters = [str(case) for case in range(50)]
    mixed = np.tile([1.0, -1.0], 25)

    assert paired_difference(np.zeros(50), np.ones(50), clusters).p_value == pytest.approx(1 / 10_001)
    assert paired_difference(np.zeros(50), mixed, clusters).p_value == 1.0


def test_figures_are_compared_over_the_same_resamples() -> None:
    """A shift of each case by 0.1 has no spread, however wide the values are; p is 2 * 1 / 2001."""
    base = np.random.default_rng(9).random((50, 1)) * 100

    change = paired_statistic_difference(_mean, base, base + 0.1, [str(case) for case in range(50)])

    assert (change.mean, change.low, change.high) == pytest.approx((0.1, 0.1, 0.1))
    assert change.p_value == pytest.approx(2 / 2001)


def test_undefined_figures_are_not_compared() -> None:
    nothing = paired_statistic_difference(_nothing, np.zeros((3, 1)), np.ones((3, 1)), list("abc"))
    single = paired_statistic_difference(_mean, np.zeros((1, 1)), np.ones((1, 1)), ["a"])
    empty = paired_statistic_difference(_mean, np.empty((0, 1)), np.empty((0, 1)), [])

    assert nothing == Difference(mean=None, low=None, high=None, p_value=1, n=3)
    assert single == Difference(mean=1, low=None, high=None, p_value=1, n=1)
    assert empty == Difference(mean=None, low=None, high=None, p_value=1, n=0)


def test_a_figure_that_is_mostly_undefined_has_no_interval() -> None:
    """It is defined on all cases, but only in resamples that hold the one that matters twice: about a quarter."""

    def needs_twice(observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
        told = weights @ observed[:, 0]
        return np.where((told >= 2) | (weights.max() == 1), told, np.nan)

    one = bootstrap(needs_twice, np.array([[1.0], *[[0.0]] * 9]), [str(case) for case in range(10)])

    assert one == Estimate(mean=1.0, low=None, high=None, n=10)


def _mean(observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights @ observed[:, 0] / weights.sum(axis=1))


def _nothing(observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.full(len(weights), np.nan)


def _width(one: Estimate) -> float:
    assert one.low is not None
    assert one.high is not None
    return one.high - one.low
