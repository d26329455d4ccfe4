"""Did a change help? Two runs, paired case by case, held against the bounds of the suite."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from eval.bounds import Bound, Check, check_bounds
from eval.metrics.definition import Judged, Metric, applies
from eval.metrics.registry import METRICS
from eval.metrics.uncertainty import Difference, paired_difference, paired_statistic_difference
from eval.run_file import Run, ScoredLine
from eval.summary import DIGITS, slices_of, summarise
from eval.verdicts import SEVERITY, Verdict, verdict_of

_SHOWN: Final = 5  # Names of failing cases in a message.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which cases of one system on one data set can be compared.

    Attributes:
        shared: Cases of both runs with the same content.
        scored: Of them, those that both runs scored; only they are compared.
        only_base: Cases that only the base run has.
        only_new: Cases that only the new run has.
        altered: Cases of one name whose content differs; they are not compared.
        newly_unscored: Names of the cases that the base scored and that failed in the new run.
    """

    data_set: str
    system: str
    shared: int
    scored: int
    only_base: int
    only_new: int
    altered: int
    newly_unscored: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both runs, over the cases that both scored.

    Attributes:
        base: The figure in the base run; new is `base` plus the difference's mean.
        worse_by: How far it moved in the bad direction, in the metric's unit; negative for an improvement, `None` for
            metrics without a good direction and undefined differences.
        significant: Whether the 95 % interval of the difference excludes 0.
    """

    data_set: str
    system: str
    slice: str
    metric: Metric
    base: float | None
    new: float | None
    difference: Difference

    @property
    def worse_by(self) -> float | None:
        """See above."""
        if self.difference.mean is None or self.metric.better == "neither":
            return None
        return self.difference.mean if self.metric.better == "lower" else -self.difference.mean

    @property
    def significant(self) -> bool:
        """See above."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A case whose outcome went from right to wrong, or the other way."""

    data_set: str
    system: str
    case_id: str
    question: str
    base: Verdict
    new: Verdict

    @property
    def improved(self) -> bool:
        """Whether the new outcome is the better one."""
        return SEVERITY[self.new] > SEVERITY[self.base]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A bound that the new run breaks.

    Attributes:
        reason: What is broken, with the figures.
    """

    data_set: str
    system: str
    metric: str
    slice: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that `compare` says; regressions decide its exit code."""

    pairings: tuple[Pairing, ...]
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    checks: tuple[Check, ...]
    regressions: tuple[Regression, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, figures rounded."""
        return {
            "regressions": [
                {
                    "data_set": one.data_set,
                    "system": one.system,
                    "slice": one.slice,
                    "metric": one.metric,
                    "reason": one.reason,
                }
                for one in self.regressions
            ],
            "pairings": [_pairing_json(pairing) for pairing in self.pairings],
            "changes": [_change_json(change) for change in self.changes],
            "flips": [
                {
                    "data_set": flip.data_set,
                    "system": flip.system,
                    "case_id": flip.case_id,
                    "question": flip.question,
                    "base": flip.base.value,
                    "new": flip.new.value,
                    "improved": flip.improved,
                }
                for flip in self.flips
            ],
        }


def compare(base: Run, new: Run, bounds: Sequence[Bound], *, slices: Container[str] | None = None) -> Comparison:
    """Compare two runs on the cases that both have.

    A regression is a figure whose difference excludes 0 in the bad direction and that fell by more than its bound's
    `may_fall`; or a floor or ceiling that the new run breaks, see `check_bounds`; or a case that the base scored and
    that fails in the new run, where a bound names its system. Times are compared and never a regression.

    Args:
        base: The run to hold against.
        new: The run in question.
        bounds: What the suite demands of it.
        slices: Those that are compared, besides those of the bounds; all of them, which takes longer, by default.
    """
    bounded = {bound.slice for bound in bounds}
    pairs = {key: _paired(*lines) for key, lines in _by_system(base, new).items()}
    changes = tuple(
        change
        for shared in pairs.values()
        for change in _changes(shared, lambda name: slices is None or name in slices or name in bounded)
    )
    pairings = tuple(_pairing(key, *lines) for key, lines in _by_system(base, new).items())
    checks = check_bounds(summarise(new), bounds)
    return Comparison(
        pairings=pairings,
        changes=changes,
        flips=tuple(flip for shared in pairs.values() for flip in _flips(shared)),
        checks=checks,
        regressions=(
            *_failing(pairings, bounds),
            *_falls(changes, bounds),
            *(_violation(check) for check in checks if check.status == "violated"),
        ),
    )


def renamed(run: Run, system: str, *, to: str) -> Run:
    """Return only one system's lines, under another name: so that two systems of a run can be compared."""
    return Run(header=run.header, lines=tuple(replace(line, system=to) for line in run.lines if line.system == system))


_Pair = tuple[ScoredLine, ScoredLine]
_Lines = dict[str, ScoredLine]


def _by_system(base: Run, new: Run) -> dict[tuple[str, str], tuple[_Lines, _Lines]]:
    """Return the lines by case of each data set and system that is in both runs, in order of their names."""
    sides: list[dict[tuple[str, str], _Lines]] = [{}, {}]
    for side, run in zip(sides, (base, new), strict=True):
        for line in sorted(run.lines, key=lambda line: line.key):
            side.setdefault((line.data_set, line.system), {})[line.case.case_id] = line
    return {key: (sides[0][key], sides[1][key]) for key in sorted(sides[0].keys() & sides[1].keys())}


def _paired(base: _Lines, new: _Lines) -> list[_Pair]:
    both = [(base[name], new[name]) for name in base if name in new]
    return [
        (before, after)
        for before, after in both
        if before.case == after.case and "unscored" not in {before.outcome.status, after.outcome.status}
    ]


def _pairing(key: tuple[str, str], base: _Lines, new: _Lines) -> Pairing:
    common = base.keys() & new.keys()
    same = {name for name in common if base[name].case == new[name].case}
    failing = [name for name in sorted(same) if new[name].outcome.status == "unscored"]
    return Pairing(
        data_set=key[0],
        system=key[1],
        shared=len(same),
        scored=len(_paired(base, new)),
        only_base=len(base.keys() - common),
        only_new=len(new.keys() - common),
        altered=len(common) - len(same),
        newly_unscored=tuple(name for name in failing if base[name].outcome.status != "unscored"),
    )


def _changes(pairs: Sequence[_Pair], is_compared: Callable[[str], bool]) -> Iterator[Change]:
    if not pairs:
        return
    base: list[Judged] = [(line.case, line.outcome) for line, _ in pairs]
    new: list[Judged] = [(line.case, line.outcome) for _, line in pairs]
    members = [set(slices_of(case)) for case, _ in base]
    names = {name for names in members for name in names}
    telling = ["all", *sorted(name for name in names if sum(name in own for own in members) < len(pairs))]
    for metric in METRICS:
        if not all(applies(metric.applies_to, [outcome for _, outcome in side]) for side in (base, new)):
            continue
        before, after = metric.observations(base), metric.observations(new)
        kept = ~(np.isnan(before).any(axis=1) | np.isnan(after).any(axis=1))
        for name in filter(is_compared, telling):
            inside = [place for place in np.flatnonzero(kept) if name in members[place]]
            if inside:
                clusters = [base[place][0].cluster or base[place][0].case_id for place in inside]
                yield _change(pairs[0][0], name, metric, before[inside], after[inside], clusters)


def _change(
    line: ScoredLine,
    name: str,
    metric: Metric,
    base: "np.ndarray[Any, np.dtype[np.float64]]",
    new: "np.ndarray[Any, np.dtype[np.float64]]",
    clusters: Sequence[str],
) -> Change:
    if metric.statistic is None:
        figures = float(base[:, 0].mean()), float(new[:, 0].mean())
        difference = paired_difference(base[:, 0], new[:, 0], clusters)
    else:
        once = np.ones((1, len(base)))
        figures = float(metric.statistic(base, once)[0]), float(metric.statistic(new, once)[0])
        difference = paired_statistic_difference(metric.statistic, base, new, clusters)
    return Change(
        data_set=line.data_set,
        system=line.system,
        slice=name,
        metric=metric,
        base=_defined(figures[0]),
        new=_defined(figures[1]),
        difference=difference,
    )


def _flips(pairs: Sequence[_Pair]) -> list[Flip]:
    """Return the flips, the new mistakes first and the worst of them at the top."""
    flips = []
    for before, after in pairs:
        was, now = verdict_of(before.case, before.outcome), verdict_of(after.case, after.outcome)
        if was.is_good is not None and now.is_good is not None and was.is_good != now.is_good:
            flips.append(
                Flip(
                    data_set=after.data_set,
                    system=after.system,
                    case_id=after.case.case_id,
                    question=after.case.question,
                    base=was,
                    new=now,
                )
            )
    return sorted(flips, key=lambda flip: (flip.improved, SEVERITY[flip.new], flip.case_id))


def _failing(pairings: Sequence[Pairing], bounds: Sequence[Bound]) -> Iterator[Regression]:
    gated = {bound.system for bound in bounds}
    for pairing in pairings:
        if pairing.system in gated and pairing.newly_unscored:
            shown = ", ".join(pairing.newly_unscored[:_SHOWN]) + (", …" if len(pairing.newly_unscored) > _SHOWN else "")
            yield Regression(
                data_set=pairing.data_set,
                system=pairing.system,
                metric="unscored",
                slice="all",
                reason=f"{len(pairing.newly_unscored)} cases that were scored fail now: {shown}",
            )


def _falls(changes: Sequence[Change], bounds: Sequence[Bound]) -> Iterator[Regression]:
    for bound in bounds:
        for change in changes:
            worse = change.worse_by
            if bound.may_fall is None or worse is None or not _is_bounded(change, bound):
                continue
            # A tolerance of a share is written in decimals: 0.02 must not be exceeded by a rounding error.
            if change.significant and worse > bound.may_fall + _ROUNDING:
                yield Regression(
                    data_set=change.data_set,
                    system=change.system,
                    metric=change.metric.name,
                    slice=change.slice,
                    reason=(
                        f"worse by {worse:.4g} (95 % interval of the difference {change.difference.low:.4g} to "
                        f"{change.difference.high:.4g}, p {change.difference.p_value:.3g}); "
                        f"{bound.may_fall:g} is allowed"
                    ),
                )


def _is_bounded(change: Change, bound: Bound) -> bool:
    return (
        change.metric.name == bound.metric
        and change.system == bound.system
        and change.slice == bound.slice
        and bound.data_set in {None, change.data_set}
    )


def _violation(check: Check) -> Regression:
    return Regression(
        data_set=check.data_set,
        system=check.bound.system,
        metric=check.bound.metric,
        slice=check.bound.slice,
        reason=check.message,
    )


def _defined(figure: float) -> float | None:
    return None if np.isnan(figure) else figure


def _pairing_json(pairing: Pairing) -> dict[str, Any]:
    return {
        "data_set": pairing.data_set,
        "system": pairing.system,
        "shared": pairing.shared,
        "scored": pairing.scored,
        "only_base": pairing.only_base,
        "only_new": pairing.only_new,
        "altered": pairing.altered,
        "newly_unscored": list(pairing.newly_unscored),
    }


def _change_json(change: Change) -> dict[str, Any]:
    difference = change.difference
    figures: Mapping[str, float | None] = {
        "base": change.base,
        "new": change.new,
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
    }
    return {
        "data_set": change.data_set,
        "system": change.system,
        "slice": change.slice,
        "metric": change.metric.name,
        **{name: None if figure is None else round(figure, DIGITS) + 0.0 for name, figure in figures.items()},
        "n": difference.n,
    }
