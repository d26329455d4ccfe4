"""The report's figures of one data set, from the lines of the run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eval.metrics import refusals
from eval.metrics.definition import Judged
from eval.metrics.uncertainty import Estimate, Matrix, estimate
from eval.report.figures import (
    Bar,
    Bin,
    Curve,
    Point,
    latency_figure,
    reliability_figure,
    risk_coverage_figure,
    rows_figure,
)
from eval.report.wording import figure_text
from eval.run_file import ScoredLine
from eval.summary import slices_of
from eval.verdicts import verdict_of

_MOST_POINTS: Final = 200  # More cannot be seen, and would only make the page heavy.
_Z: Final = 1.959963984540054  # 97.5th percentile of the normal distribution.
_LEAST_MS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with its words; `svg` is markup, the rest is text."""

    title: str
    caption: str
    svg: str


Lines = Mapping[str, Sequence[ScoredLine]]
"""The lines of one data set by system, in the order in which systems are shown."""


def charts(lines: Lines) -> tuple[Chart, ...]:
    """Return the figures that the data allow, in the order of the page."""
    made = [_risk_coverage(lines), *_reliabilities(lines), _latency(lines), _by(lines, "kind"), _by(lines, "year")]
    return tuple(chart for chart in made if chart is not None)


def right_outcomes(lines: Sequence[ScoredLine]) -> Estimate:
    """Return the share of right outcomes: right answers, right refusals, and evidence found for systems that rank.

    Cases that failed are counted as unscored; those without anything to judge by are left out.
    """
    judged = [(line, verdict_of(line.case, line.outcome).is_good) for line in lines]
    scored = [(line, good) for line, good in judged if good is not None]
    return estimate(
        np.array([float(good) for _, good in scored], dtype=np.float64),
        [line.case.cluster or line.case.case_id for line, _ in scored],
        unscored=sum(line.outcome.status == "unscored" for line in lines),
        share=True,
    )


def comparable(lines: Lines) -> tuple[str, ...]:
    """Return the systems whose right outcomes mean the same: those that answer, or all where they only rank."""
    answering = [
        system for system, own in lines.items() if any(line.outcome.status in {"answered", "refused"} for line in own)
    ]
    return tuple(answering or lines)


def _risk_coverage(lines: Lines) -> Chart | None:
    curves = []
    for series, (system, own) in enumerate(lines.items()):
        observed = _confidences(own)
        points = refusals.risk_coverage_curve(observed)
        decided = [line for line in own if line.outcome.status in {"answered", "refused"}]
        answered = [line for line in decided if line.outcome.status == "answered"]
        works: tuple[Point, ...] = ()
        if answered:
            risk = sum(not line.case.answerable for line in answered) / len(answered)
            works = (Point(len(answered) / len(decided), risk),)
        if points or works:
            drawn = _thinned([Point(point.coverage, point.risk) for point in points])
            curves.append(Curve(name=system, series=series, points=drawn, marked=works))
    if not curves or all(line.case.answerable for own in lines.values() for line in own):
        return None
    return Chart(
        title="Risk and coverage",
        caption="What answering more would cost: the share of unanswerable cases among those answered, from the most "
        "confident downwards. Dots are where the systems work; lower and further right is better.",
        svg=risk_coverage_figure(curves),
    )


def _reliabilities(lines: Lines) -> list[Chart]:
    found = []
    for series, (system, own) in enumerate(lines.items()):
        bins = [
            Bin(confidence=one.confidence, right=one.answerable, low=low, high=high, n=one.n)
            for one in refusals.reliability(_confidences(own))
            if one.confidence is not None and one.answerable is not None
            for low, high in [_wilson(one.answerable, one.n)]
        ]
        if bins:
            found.append(
                Chart(
                    title=f"Reliability of the confidence, {system}",
                    caption="Cases by stated confidence, and the share of them that the record answers, with 95 % "
                    "intervals (Wilson). On the dotted line a confidence means what it says.",
                    svg=reliability_figure(bins, series=series),
                )
            )
    return found


def _latency(lines: Lines) -> Chart | None:
    curves, medians = [], []
    for series, (system, own) in enumerate(lines.items()):
        spent = sorted(line.outcome.timings_ms["total"] for line in own if "total" in line.outcome.timings_ms)
        if not spent:
            continue
        points = [
            Point(math.log10(max(value, _LEAST_MS)), rank / len(spent)) for rank, value in enumerate(spent, start=1)
        ]
        half, nearly = (points[max(math.ceil(share * len(spent)) - 1, 0)] for share in (0.5, 0.95))
        curves.append(Curve(name=system, series=series, points=_thinned(points), marked=(half, nearly)))
        medians.append(f"{system} {figure_text(10**half.x, 'ms')} / {figure_text(10**nearly.x, 'ms')}")
    if not curves:
        return None
    return Chart(
        title="Latency",
        caption=f"Share of cases done within a time. Median / 95th percentile: {'; '.join(medians)}. Times compare "
        "only within one run on one machine.",
        svg=latency_figure(curves),
    )


def _by(lines: Lines, family: str) -> Chart | None:
    prefix = f"{family}:"
    parts = sorted({name for own in lines.values() for line in own for name in _names(line, prefix)})
    if len(parts) <= 1:
        return None
    bars, compared = [], comparable(lines)
    for part in parts:
        for series, (system, own) in enumerate(lines.items()):
            if system not in compared:
                continue
            found = right_outcomes([line for line in own if part in _names(line, prefix)])
            if found.mean is not None:
                low = found.mean if found.low is None else found.low
                high = found.mean if found.high is None else found.high
                name = part.removeprefix(prefix).replace("_", " ")
                bars.append(
                    Bar(name=name, system=system, series=series, mean=found.mean, low=low, high=high, n=found.n)
                )
    if not bars:
        return None
    what = {"kind": "By kind of question", "year": "By year of publication"}[family]
    return Chart(
        title=what,
        caption="Share of right outcomes: right answers and right refusals; where systems only rank, evidence among "
        "the first ten. Lines are 95 % intervals.",
        svg=rows_figure(f"{what}: right outcomes.", bars),
    )


def _names(line: ScoredLine, prefix: str) -> list[str]:
    return [name for name in slices_of(line.case) if name.startswith(prefix)]


def _confidences(lines: Sequence[ScoredLine]) -> Matrix:
    """Return `(n, 2)` of `refusals.confidence`, of the cases that have one."""
    judged: list[Judged] = [(line.case, line.outcome) for line in lines if line.outcome.status != "unscored"]
    found = [pair for case, outcome in judged if (pair := refusals.confidence(case, outcome)) is not None]
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    step = max(1, len(points) // _MOST_POINTS)
    return (*points[:-1:step], *points[-1:])


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 22, 1927)."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)
