"""A run or a comparison as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from eval.bounds import Check
from eval.compare import Change, Comparison
from eval.metrics.definition import Unit
from eval.metrics.uncertainty import Estimate
from eval.mutations import FALSE
from eval.report.wording import (
    NOTHING,
    change_interval_text,
    change_text,
    counts_text,
    direction_text,
    figure_text,
    interval_text,
    p_value_text,
    pairing_text,
)
from eval.summary import METRICS, RULES, Summary
from service.calibration import Calibration, Interval

_COLUMNS: Final = 4  # Systems in one table; more do not fit on a line.
_FLIPS: Final = 20


def run_tables(summary: Summary, *, part: str = "all") -> Iterator[Table]:
    """Yield the figures of each data set: a row per metric, a column per system, the rules last.

    Args:
        summary: Of the run.
        part: The slice that is shown.
    """
    for data_set in dict.fromkeys(row.data_set for row in summary.rows):
        rows = [row for row in summary.rows if row.data_set == data_set and row.slice == part]
        figures = {(row.system, row.metric): row.estimate for row in rows}
        named = list(dict.fromkeys(row.system for row in rows))
        systems = [*(name for name in named if name not in RULES), *(name for name in named if name in RULES)]
        for first in range(0, len(systems), _COLUMNS):
            yield _run_table(data_set, part, systems[first : first + _COLUMNS], figures)


def checks_table(checks: Sequence[Check]) -> Table:
    """Return one row per bound of the suite."""
    table = Table("bound", "result", "found", title="Bounds", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for check in checks:
        style = {"held": "green", "violated": "bold red", "not_run": "dim"}[check.status]
        table.add_row(Text(check.bound.title), Text(check.status.replace("_", " "), style=style), Text(check.message))
    return table


def comparison_tables(comparison: Comparison, *, part: str = "all") -> Iterator[Table | Text]:
    """Yield what moved, the cases that flipped, and the regressions."""
    for pairing in comparison.pairings:
        changes = [
            change
            for change in comparison.changes
            if (change.data_set, change.system, change.slice) == (pairing.data_set, pairing.system, part)
        ]
        yield Text(f"{pairing.data_set} · {pairing.system}: {pairing_text(pairing)}")
        yield _change_table(changes)
    yield from _flips(comparison)
    if comparison.regressions:
        table = Table(
            "data set", "system", "slice", "metric", "why", title="Regressions", box=None, padding=(0, 2, 0, 0)
        )
        table.title_justify = "left"
        for one in comparison.regressions:
            table.add_row(*map(Text, (one.data_set, one.system, one.slice, one.metric, one.reason)), style="red")
        yield table


def _run_table(data_set: str, part: str, systems: Sequence[str], figures: Mapping[tuple[str, str], Estimate]) -> Table:
    title = data_set if part == "all" else f"{data_set}, {part}"
    table = Table("metric", title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for system in systems:
        table.add_column(system, style="dim italic" if system in RULES else "")
    for metric in METRICS:
        found = [figures.get((system, metric.name)) for system in systems]
        if any(one is not None for one in found):
            cells = [NOTHING if one is None else _cell_text(one, metric.unit) for one in found]
            table.add_row(metric.name, *map(Text, cells))
    return table


def _cell_text(found: Estimate, unit: Unit) -> str:
    interval = interval_text(found, unit)
    return f"{figure_text(found.mean, unit)}{f' ({interval})' if interval else ''}  {counts_text(found)}"


def _change_table(changes: Sequence[Change]) -> Table:
    table = Table("metric", "base", "new", "difference", "95 % interval", "p", "n", box=None, padding=(0, 2, 0, 0))
    for change in changes:
        unit, difference = change.metric.unit, change.difference
        style = {"better": "green", "worse": "red"}.get(direction_text(change), "")
        table.add_row(
            change.metric.name,
            figure_text(change.base, unit),
            figure_text(change.new, unit),
            change_text(difference.mean, unit),
            change_interval_text(difference, unit),
            p_value_text(difference.p_value),
            str(difference.n),
            style=style,
        )
    return table


def _flips(comparison: Comparison) -> Iterator[Table]:
    if not comparison.flips:
        return
    broke = sum(not flip.improved for flip in comparison.flips)
    title = f"Flipped cases: {broke} went wrong, {len(comparison.flips) - broke} came right"
    table = Table("case", "base", "new", "question", title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for flip in comparison.flips[:_FLIPS]:
        style = "green" if flip.improved else "red"
        named = f"{flip.data_set} {flip.system} {flip.case_id}"
        table.add_row(*map(Text, (named, flip.base.value, flip.new.value, flip.question)), style=style)
    if len(comparison.flips) > _FLIPS:
        table.caption = f"{len(comparison.flips) - _FLIPS} more in the JSON"
    yield table


def calibration_lines(calibration: Calibration) -> Iterator[str]:
    """Yield what was learned, and from what, in a few lines."""
    rows = list(_calibration_rows(calibration))
    width = max(len(name) for name, _ in rows) + 2
    yield from (f"{name + ':':<{width}}{text}" for name, text in rows)


def _calibration_rows(calibration: Calibration) -> Iterator[tuple[str, str]]:
    shown: list[tuple[str, Interval | None, Unit]] = [
        ("threshold", calibration.threshold, "score"),
        ("wrong among the answered", calibration.risk, "share"),
        ("the same on cases left out", calibration.held_out_risk, "share"),
        ("answered", calibration.coverage, "share"),
    ]
    for name, one, unit in shown:
        if one is None:
            continue
        ends = Estimate(mean=one.value, low=one.low, high=one.high, n=calibration.provenance.n)
        yield name, f"{figure_text(one.value, unit)} ({interval_text(ends, unit)})"
    left_out = f", {calibration.provenance.unscored} could not be used" if calibration.provenance.unscored else ""
    yield "target", calibration.target
    yield "learned from", f"{calibration.provenance.n} cases{left_out}"
    weights = ", ".join(f"{name} {weight:+.3g}" for name, weight in calibration.model.weights.items())
    yield "log-odds", f"{calibration.model.bias:+.3g}, {weights}"
    if calibration.auroc:
        yield "auroc", _areas_text(calibration.auroc)
    for name, areas in calibration.auroc_without.items():
        yield f"auroc without {name}", _areas_text(areas)
    for name, there in calibration.travelled.items():
        area = "" if there.auroc is None else f", auroc {there.auroc:.3f}"
        answered = f"answered {figure_text(there.coverage, 'share')}, wrong of these {figure_text(there.risk, 'share')}"
        yield f"learned without {name}", f"{answered}{area}"


def mutations_table(wrong: Mapping[str, Estimate]) -> Table:
    """Return a row per kind of change: the share that went wrong."""
    table = Table("change", "wrong", "of", "which is", title="Changed sentences", title_justify="left", box=None)
    for kind, figure in wrong.items():
        told = "false, but shown" if kind in FALSE else "true, but withheld"
        table.add_row(kind, _cell_text(figure, "share"), str(figure.n), told)
    return table


def ablation_table(whole: Mapping[str, Estimate], off: Mapping[str, Mapping[str, Estimate]]) -> Table:
    """Return the same shares, with a column for each check that is off, by the reason for which it withholds."""
    table = Table("change", "all checks", *off, title="Each check off in turn", title_justify="left", box=None)
    for kind, figure in whole.items():
        table.add_row(kind, _share(figure), *(_share(shares[kind]) for shares in off.values()))
    return table


def _share(figure: Estimate) -> str:
    return figure_text(figure.mean, "share")


def _areas_text(areas: Mapping[str, float]) -> str:
    return ", ".join(f"{data_set} {area:.3f}" for data_set, area in areas.items())
