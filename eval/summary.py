"""Run → every figure of the report, the same bytes wherever and in whichever order it is computed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eval.cases import Case
from eval.metrics.definition import Judged, Metric, applies
from eval.metrics.registry import METRICS
from eval.metrics.uncertainty import Estimate, Matrix, Statistic, bootstrap, estimates
from eval.outcomes import Outcome
from eval.run_file import Run, ScoredLine

__all__ = ["METRICS", "RULES", "Metric", "Row", "Summary", "Tally", "slices_of", "summarise", "whole"]

DIGITS: Final = 6  # Decimals in the JSON: finer than any interval, coarser than any rounding in between.

RULES: Final[Mapping[str, Outcome]] = {
    "always-answer": Outcome(status="answered", confidence=1.0),
    "always-refuse": Outcome(status="refused", confidence=0.0),
}
"""Two systems that read nothing. A figure on which one of them does well says nothing about the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        slice: `all`, or one part of the cases: `kind:…`, `year:…`, `answerable:yes`, `turn:later`; see `slices_of`.
        metric: The name of one of `METRICS`.
    """

    data_set: str
    system: str
    slice: str
    metric: str
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a system did with a data set, in cases; every line of the run file is counted in one of them."""

    data_set: str
    system: str
    answered: int
    refused: int
    retrieved: int
    unscored: int

    @property
    def cases(self) -> int:
        """All lines."""
        return self.answered + self.refused + self.retrieved + self.unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All figures of a run, in a fixed order: data set, system (rules last), slice, metric as in `METRICS`."""

    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, figures rounded to `DIGITS` decimals."""
        return {
            "tallies": [
                {
                    "data_set": tally.data_set,
                    "system": tally.system,
                    "cases": tally.cases,
                    "answered": tally.answered,
                    "refused": tally.refused,
                    "retrieved": tally.retrieved,
                    "unscored": tally.unscored,
                }
                for tally in self.tallies
            ],
            "rows": [
                {
                    "data_set": row.data_set,
                    "system": row.system,
                    "slice": row.slice,
                    "metric": row.metric,
                    "mean": _rounded(row.estimate.mean),
                    "low": _rounded(row.estimate.low),
                    "high": _rounded(row.estimate.high),
                    "n": row.estimate.n,
                    "unscored": row.estimate.unscored,
                }
                for row in self.rows
            ],
        }

    def to_json(self) -> str:
        """Return the summary as one JSON text, byte for byte the same for the same lines."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=True) + "\n"


def summarise(run: Run) -> Summary:
    """Return every figure of a run.

    A figure without a scored case is left out, unless every case of its slice failed: then it stands with `n` 0 and
    their count.
    """
    rows: list[Row] = []
    tallies: list[Tally] = []
    for data_set in sorted({line.data_set for line in run.lines}):
        lines = sorted((line for line in run.lines if line.data_set == data_set), key=lambda line: line.key)
        shown = _telling_slices(line.case for line in lines)
        systems = sorted({line.system for line in lines})
        for system in systems:
            own = [line for line in lines if line.system == system]
            tallies.append(_tally(data_set, system, own))
            rows += _figures(own, shown, METRICS)
        for rule in _rules(data_set, lines):
            rows += _figures(rule, shown, _REFUSALS)
    return Summary(rows=tuple(rows), tallies=tuple(tallies))


def whole(lines: Sequence[ScoredLine], metrics: Sequence[Metric]) -> list[Row]:
    """Return some figures of one system on one data set over all its cases: those of `summarise`, in far less time."""
    return _figures(sorted(lines, key=lambda line: line.key), ("all",), metrics) if lines else []


def slices_of(case: Case) -> tuple[str, ...]:
    """Return the parts of the report that a case is counted in."""
    return (
        "all",
        f"kind:{case.kind}",
        f"answerable:{'yes' if case.answerable else 'no'}",
        f"turn:{'later' if case.history else 'first'}",
        *([f"year:{case.year}"] if case.year is not None else []),
    )


_REFUSALS: Final = tuple(metric for metric in METRICS if metric.group == "refusals")


def _telling_slices(cases: Iterable[Case]) -> tuple[str, ...]:
    """Return the slices in order; a family of which there is only one slice that holds all cases says nothing new."""
    listed = [slices_of(case) for case in cases]
    counts: dict[str, int] = {}
    for name in (name for names in listed for name in names):
        counts[name] = counts.get(name, 0) + 1
    telling = {name for name, count in counts.items() if count < len(listed)}
    return ("all", *sorted(telling))


def _figures(lines: Sequence[ScoredLine], shown: Sequence[str], metrics: Sequence[Metric]) -> list[Row]:
    """Return the rows of one system on one data set."""
    scored = [line for line in lines if line.outcome.status != "unscored"]
    judged: list[Judged] = [(line.case, line.outcome) for line in scored]
    outcomes = [outcome for _, outcome in judged]
    observed = {metric.name: metric.observations(judged) for metric in metrics if applies(metric.applies_to, outcomes)}
    fitting = [metric for metric in metrics if metric.name in observed and not np.isnan(observed[metric.name]).all()]
    means = [metric for metric in fitting if metric.statistic is None]
    values = np.hstack([np.empty((len(judged), 0)), *(observed[metric.name] for metric in means)])
    shares = [metric.unit == "share" for metric in means]
    member_of = [set(slices_of(line.case)) for line in scored]
    rows: list[Row] = []
    for name in shown:
        inside = np.array([place for place, names in enumerate(member_of) if name in names], dtype=np.intp)
        clusters = [_cluster(scored[place].case) for place in inside]
        failed = sum(name in slices_of(line.case) for line in lines if line.outcome.status == "unscored")
        found = dict(
            zip(
                (metric.name for metric in means),
                estimates(values[inside], clusters, unscored=failed, shares=shares),
                strict=True,
            )
        )
        for metric in fitting:
            if metric.statistic is not None and name in _slices_with(metric, shown):
                found[metric.name] = _figure(metric.statistic, observed[metric.name][inside], clusters, failed)
        rows += [
            Row(
                data_set=lines[0].data_set,
                system=lines[0].system,
                slice=name,
                metric=metric.name,
                estimate=found[metric.name],
            )
            for metric in fitting
            if name in _slices_with(metric, shown) and (found[metric.name].n or (failed and not len(inside)))
        ]
    return rows


def _slices_with(metric: Metric, shown: Sequence[str]) -> Sequence[str]:
    # What a stage costs hardly hangs on the kind of question, and percentiles are slow to resample.
    return shown[:1] if metric.group == "cost" else shown


def _figure(statistic: Statistic, observations: Matrix, clusters: Sequence[str], failed: int) -> Estimate:
    kept = np.flatnonzero(~np.isnan(observations[:, 0])).tolist()
    return bootstrap(statistic, observations[kept], [clusters[place] for place in kept], unscored=failed)


def _rules(data_set: str, lines: Sequence[ScoredLine]) -> list[list[ScoredLine]]:
    """Return what the rules do with the cases that any system answered or refused; nothing for retrieval alone."""
    cases = {line.case.case_id: line.case for line in lines if line.outcome.status in {"answered", "refused"}}
    if not cases:
        return []
    return [
        [
            ScoredLine(data_set=data_set, system=rule, case=case, outcome=outcome)
            for case in sorted(cases.values(), key=lambda case: case.case_id)
        ]
        for rule, outcome in RULES.items()
    ]


def _tally(data_set: str, system: str, lines: Sequence[ScoredLine]) -> Tally:
    statuses = [line.outcome.status for line in lines]
    return Tally(
        data_set=data_set,
        system=system,
        answered=statuses.count("answered"),
        refused=statuses.count("refused"),
        retrieved=statuses.count("retrieved"),
        unscored=statuses.count("unscored"),
    )


def _cluster(case: Case) -> str:
    return case.cluster or case.case_id


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, DIGITS) + 0.0  # No minus zero.
