"""How sure a figure is: cluster bootstrap intervals, and paired differences with a p value.

Everything here gives the same digits on every machine: the resamples come from a fixed seed, clusters are taken in the
order of their names, and sums are made of whole multiples of a power of two, so that their order does not matter.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEED: Final = 20_240_301
RESAMPLES: Final = 2_000
SIGN_FLIPS: Final = 10_000
LEVEL: Final = 0.95

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Counts = NDArray[np.uint16]

Statistic = Callable[[Matrix, Matrix], Vector]
"""Figures of weighted cases.

Takes observations `(n, k) float64`, one row per case, and weights `(b, n) float64` of whole numbers: how often each
case is in each of `b` resamples. Returns `(b,) float64`, NaN where the figure is undefined.
"""

_EXACT_BITS: Final = 52  # Whole numbers below 2 ** 53 are exact in float64.
_CHUNK_CELLS: Final = 250_000  # Resample weights held as float64 at once: 2 MB, what a core's cache holds.
_MOST_ENUMERATED: Final = 13  # 2 ** 13 sign patterns are fewer than SIGN_FLIPS: all of them are tried.
_LEAST_DEFINED: Final = 0.5  # Share of resamples in which a figure must be defined to have an interval.


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure over `n` scored cases with a 95 % interval.

    Attributes:
        mean: The figure; `None` without a scored case, or where it is undefined (AUROC of one class).
        low: Lower end; `None` when one cluster or none was scored: there is nothing to tell its spread from.
        high: Upper end, likewise.
        n: Cases that the figure is made of.
        unscored: Cases of the same slice that failed; not in `n`, not in the figure.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """New minus base over the `n` cases that both scored.

    Attributes:
        mean: `None` without a common case, or where a figure is undefined.
        low: Lower end of the 95 % interval; `None` with fewer than two clusters.
        high: Upper end, likewise.
        p_value: Two-sided, of "there is no difference"; 1 with fewer than two clusters.
    """

    mean: float | None
    low: float | None
    high: float | None
    p_value: float
    n: int


def estimate(values: Vector, clusters: Sequence[str], *, unscored: int = 0, share: bool = False) -> Estimate:
    """Return the mean of one column of values; see `estimates`."""
    (one,) = estimates(np.asarray(values, dtype=np.float64)[:, None], clusters, unscored=unscored, shares=(share,))
    return one


def estimates(
    values: Matrix, clusters: Sequence[str], *, unscored: int = 0, shares: Sequence[bool] = ()
) -> tuple[Estimate, ...]:
    """Return means with percentile intervals of a cluster bootstrap (Davison & Hinkley 1997, section 3.8).

    Whole clusters are drawn with replacement, as many as there are, and the mean is taken over the cases in them.

    A bootstrap of equal values has no width, which would claim certainty from five cases. For a share in 0..1 that is
    0 or 1 in every case the interval is the exact one of Clopper and Pearson (1934) over the clusters instead.

    Args:
        values: `(n, m) float64`, one row per case and one column per metric; NaN where a metric does not apply.
        clusters: One name per row; rows with the same name are not independent.
        unscored: Put into each estimate.
        shares: Per column, whether it lies in 0..1; empty for none.

    Returns:
        One estimate per column.
    """
    names, members = _members(clusters)
    scored = ~np.isnan(values)
    found: list[Estimate] = [Estimate(mean=None, low=None, high=None, n=0, unscored=unscored)] * values.shape[1]
    # Columns that are scored in the same clusters share their resamples.
    groups: dict[bytes, list[int]] = {}
    cases = _per_cluster(scored.astype(np.float64), members, len(names))
    for column in range(values.shape[1]):
        groups.setdefault((cases[:, column] > 0).tobytes(), []).append(column)
    for columns in groups.values():
        kept = cases[:, columns[0]] > 0
        if not kept.any():
            continue
        filled = np.where(scored[:, columns], values[:, columns], 0.0)
        whole, scale = _whole(filled, members, len(names))
        sums = _per_cluster(whole, members, len(names))[kept]
        counts = cases[kept][:, columns]
        means = sums.sum(axis=0) / counts.sum(axis=0) / scale
        low, high = _mean_intervals(sums, counts, scale)
        for position, column in enumerate(columns):
            inside = values[scored[:, column], column]
            ends = (float(low[position]), float(high[position])) if kept.sum() > 1 else (None, None)
            if kept.sum() > 1 and shares and shares[column]:
                ends = _saturated(inside, int(kept.sum())) or ends
            found[column] = Estimate(
                mean=float(means[position]), low=ends[0], high=ends[1], n=len(inside), unscored=unscored
            )
    return tuple(found)


def bootstrap(statistic: Statistic, observations: Matrix, clusters: Sequence[str], *, unscored: int = 0) -> Estimate:
    """Return a figure that is no mean of cases (an area, a percentile) with its cluster bootstrap interval.

    Args:
        statistic: The figure of weighted cases.
        observations: `(n, k) float64` without NaN.
        clusters: One name per row.
        unscored: Put into the estimate.
    """
    n = len(observations)
    if n == 0:
        return Estimate(mean=None, low=None, high=None, n=0, unscored=unscored)
    observations, members, count = _in_order(observations, clusters)
    mean = _defined(statistic(observations, np.ones((1, n)))[0])
    low, high = None, None
    if mean is not None and count > 1:
        low, high = _interval(_replicates(statistic, observations, members, count))
    return Estimate(mean=mean, low=low, high=high, n=n, unscored=unscored)


def paired_difference(base: Vector, new: Vector, clusters: Sequence[str]) -> Difference:
    """Return the mean of new minus base, per case, with interval and p value.

    The p value is that of a sign-flip permutation (Fisher 1935; Good 2005, chapter 3): without a difference, each
    cluster's difference is as likely to have the other sign. Up to 13 clusters all patterns are tried, otherwise
    10 000 random ones, with the observed one counted in.

    Args:
        base: `(n,) float64`; NaN where the case was not scored.
        new: `(n,) float64`, the same cases in the same order.
        clusters: One name per case.
    """
    change = np.asarray(new, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    kept = ~np.isnan(change)
    change, names = change[kept], [name for name, keep in zip(clusters, kept, strict=True) if keep]
    if not len(change):
        return Difference(mean=None, low=None, high=None, p_value=1.0, n=0)
    one = estimate(change, names)
    order, members = _members(names)
    whole, _ = _whole(change[:, None], members, len(order))
    sums = _per_cluster(whole, members, len(order))[:, 0]
    return Difference(mean=one.mean, low=one.low, high=one.high, p_value=_sign_flip(sums), n=one.n)


def paired_statistic_difference(statistic: Statistic, base: Matrix, new: Matrix, clusters: Sequence[str]) -> Difference:
    """Return the difference of a figure that is no mean, new minus base, over the same resamples of both.

    The p value is twice the smaller share of resamples on one side of no difference (Efron & Tibshirani 1993,
    section 15.4), the observed one counted in.

    Args:
        statistic: The figure of weighted cases.
        base: `(n, k) float64` without NaN.
        new: `(n, k) float64`, the same cases in the same order.
        clusters: One name per case.
    """
    n, width = len(base), base.shape[1]
    if n == 0:
        return Difference(mean=None, low=None, high=None, p_value=1.0, n=0)

    def difference(both: Matrix, weights: Matrix) -> Vector:
        return statistic(both[:, width:], weights) - statistic(both[:, :width], weights)

    both, members, count = _in_order(np.hstack([base, new]), clusters)
    mean = _defined(difference(both, np.ones((1, n)))[0])
    if mean is None or count == 1:
        return Difference(mean=mean, low=None, high=None, p_value=1.0, n=n)
    replicates = _replicates(difference, both, members, count)
    low, high = _interval(replicates)
    known = replicates[~np.isnan(replicates)]
    below, above = int((known <= 0).sum()), int((known >= 0).sum())
    p_value = min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1))
    return Difference(mean=mean, low=low, high=high, p_value=p_value, n=n)


@lru_cache(maxsize=4)
def _draws(clusters: int) -> Counts:
    """Return how often each cluster is in each resample, `(RESAMPLES, clusters) uint16`; rows sum to `clusters`."""
    random = np.random.default_rng([SEED, clusters])
    counts = np.empty((RESAMPLES, clusters), dtype=np.uint16)
    for rows in _chunks(clusters):
        size = rows.stop - rows.start
        drawn = random.integers(clusters, size=(size, clusters)) + clusters * np.arange(size)[:, None]
        counts[rows] = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
    counts.flags.writeable = False
    return counts


def _mean_intervals(sums: Matrix, counts: Matrix, scale: Vector) -> tuple[Vector, Vector]:
    """Return both ends per column from whole sums and counts per cluster, `(clusters, m)` each."""
    clusters, width = sums.shape
    both, draws = np.hstack([sums, counts]), _draws(clusters)
    means = np.empty((RESAMPLES, width))
    for rows in _chunks(clusters):
        drawn = draws[rows].astype(np.float64) @ both
        means[rows] = drawn[:, :width] / drawn[:, width:] / scale
    ordered = np.sort(means, axis=0)
    low, high = _ends(RESAMPLES)
    return ordered[low], ordered[high]


def _replicates(statistic: Statistic, observations: Matrix, members: NDArray[np.intp], clusters: int) -> Vector:
    found, draws = np.empty(RESAMPLES), _draws(clusters)
    for rows in _chunks(len(observations)):
        found[rows] = statistic(observations, draws[rows][:, members].astype(np.float64))
    return found


def _chunks(width: int) -> list[slice]:
    rows = max(1, _CHUNK_CELLS // width)
    return [slice(first, min(first + rows, RESAMPLES)) for first in range(0, RESAMPLES, rows)]


def _interval(replicates: Vector) -> tuple[float | None, float | None]:
    known = np.sort(replicates[~np.isnan(replicates)])
    if len(known) < _LEAST_DEFINED * len(replicates):
        return None, None
    low, high = _ends(len(known))
    return float(known[low]), float(known[high])


def _ends(count: int) -> tuple[int, int]:
    """Return the places of both ends among sorted replicates; no interpolation, so that an end is one of them."""
    tail = (1 - LEVEL) / 2
    return math.ceil(round(tail * count, 9)) - 1, math.ceil(round((1 - tail) * count, 9)) - 1


def _saturated(values: Vector, clusters: int) -> tuple[float, float] | None:
    """Return the exact interval of a share that is 0 or 1 everywhere; `None` for any other values."""
    tail = ((1 - LEVEL) / 2) ** (1 / clusters)
    if not values.any():
        return 0.0, 1 - tail
    return (tail, 1.0) if (values == 1).all() else None


def _sign_flip(sums: Vector) -> float:
    observed, moved = abs(sums.sum()), sums[sums != 0]  # A cluster without a difference has no sign to flip.
    if len(moved) <= _MOST_ENUMERATED:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float(np.mean(np.abs((2.0 * patterns - 1) @ moved) >= observed))
    random = np.random.default_rng([SEED, len(moved)])
    at_least, rows = 1, max(1, _CHUNK_CELLS // len(moved))
    for first in range(0, SIGN_FLIPS, rows):
        signs = 2.0 * random.integers(2, size=(min(rows, SIGN_FLIPS - first), len(moved)), dtype=np.uint8) - 1
        at_least += int((np.abs(signs @ moved) >= observed).sum())
    return at_least / (SIGN_FLIPS + 1)


def _members(clusters: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the clusters' names in order, and per row the place of its cluster among them."""
    names = sorted(set(clusters))
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[name] for name in clusters], dtype=np.intp)


def _in_order(observations: Matrix, clusters: Sequence[str]) -> tuple[Matrix, NDArray[np.intp], int]:
    # A statistic may add floats up; the order of its rows must not depend on the order of the run file.
    names, members = _members(clusters)
    order = np.lexsort((*observations.T[::-1], members))
    return observations[order], members[order], len(names)


def _per_cluster(values: Matrix, members: NDArray[np.intp], clusters: int) -> Matrix:
    sums = np.zeros((clusters, values.shape[1]))
    np.add.at(sums, members, values)
    return sums


def _whole(values: Matrix, members: NDArray[np.intp], clusters: int) -> tuple[Matrix, Vector]:
    """Return the values as whole multiples of a power of two per column, and that scale.

    It is the largest for which no resample's sum leaves the numbers that float64 adds without rounding.
    """
    most = clusters * _per_cluster(np.abs(values), members, clusters).max(axis=0)
    scale = 2.0 ** (_EXACT_BITS - np.ceil(np.log2(np.maximum(most, 1e-9))))
    return np.round(values * scale), scale


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
