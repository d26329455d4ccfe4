"""The HTML page: one file, no script, nothing loaded from elsewhere; the same run file gives the same bytes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup

from eval.bounds import DEFAULT_SYSTEM, Check
from eval.metrics.definition import Metric, Unit
from eval.metrics.uncertainty import Estimate
from eval.report.case_list import CaseList, case_list
from eval.report.charts import Chart, charts, comparable, right_outcomes
from eval.report.html import render
from eval.report.wording import NOTHING, checker_text, counts_text, figure_text, interval_text
from eval.run_file import Run, ScoredLine
from eval.summary import METRICS, RULES, Row, Summary

CASES_SHOWN: Final = 300  # Per system; a page of more is too heavy to scroll.
_LEAST_SHOWN: Final = 25  # Per system and data set, however many sets there are.
_HEADLINES: Final = {
    "ndcg@10": "nDCG@10",
    "contains": "Holds the answer",
    "gold_covered": "Gold sentences covered",
    "verbatim": "Quotes verbatim",
    "citation_recall": "Sentences citing gold",
    "coverage": "Answered",
    "wrong_answers": "Wrongly answered",
    "wrong_refusals": "Wrongly refused",
    "auroc": "AUROC",
    "first_words_ms_p50": "First words, median",
    "total_ms_p50": "Whole answer, median",
}
"""Metrics of the table that is read first, with room for few words; all others are one click away."""

CARDS: Final = ("contains", "verbatim", "citation_recall", "wrong_answers", "total_ms_p50")
"""Metrics in large type, beside the right outcomes."""

GROUPS: Final = {
    "ranking": "Finding the evidence",
    "answers": "Answers",
    "citations": "Citations",
    "refusals": "Answering or refusing",
    "time": "Time",
    "conversation": "Conversation",
    "cost": "Cost",
}
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of a table, as text.

    Attributes:
        best: Whether no system of the table has a better one.
        matched_by_rule: Whether a rule that reads nothing does as well.
    """

    figure: str
    interval: str
    counts: str
    best: bool = False
    matched_by_rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of cells under its name; `rule` for the systems that read nothing."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table: the titles of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure in large type."""

    name: str
    figure: str
    interval: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetSection:
    """What the page says about one data set.

    Attributes:
        anchor: Its id on the page; letters, digits and dashes.
        tallies: Per system: name, cases, answered, refused, ranked, unscored.
        groups: All figures, by group of metrics; one column per system.
        charts: Figures with their words; the markup is ours, see `figures`.
    """

    name: str
    anchor: str
    tallies: tuple[tuple[str, ...], ...]
    headline: PageTable
    has_daggers: bool
    groups: tuple[tuple[str, PageTable], ...]
    charts: tuple[tuple[Chart, Markup], ...]
    cases: tuple[CaseList, ...]


def page(run: Run, summary: Summary, *, checks: Sequence[Check] = ()) -> str:
    """Return the report of a run as one HTML page.

    Args:
        run: All that the page is made of.
        summary: Its figures.
        checks: The suite's bounds, as held against the run.
    """
    lines = by_data_set(run.lines)
    limit = max(CASES_SHOWN // max(len(lines), 1), _LEAST_SHOWN)
    sections = tuple(_section(name, own, summary, limit=limit) for name, own in lines.items())
    return render(
        "page.html.j2",
        run_id=str(run.header.get("run_id", "")),
        lede=_lede(run),
        cards=_cards(lines, summary),
        sections=sections,
        checks=checks,
        checker=checker_text(run.header),
        provenance=_provenance(run.header),
    )


def by_data_set(lines: Sequence[ScoredLine]) -> dict[str, dict[str, list[ScoredLine]]]:
    """Return the lines by data set and system, ours first, in order of names: that of the file does not matter."""
    found: dict[str, dict[str, list[ScoredLine]]] = {}
    for line in sorted(lines, key=lambda line: (line.data_set, not _is_ours(line.system), line.key)):
        found.setdefault(line.data_set, {}).setdefault(line.system, []).append(line)
    return found


def _is_ours(system: str) -> bool:
    return system.partition(":")[0] == DEFAULT_SYSTEM


def _lede(run: Run) -> str:
    systems = sorted({line.system for line in run.lines})
    sets = sorted({line.data_set for line in run.lines})
    cases = {(line.data_set, line.case.case_id) for line in run.lines}
    unscored = sum(line.outcome.status == "unscored" for line in run.lines)
    failed = f"; {unscored} failed and are counted as unscored" if unscored else ""
    return (
        f"{_counted(len(cases), 'case')} of {_counted(len(sets), 'data set')}, put to "
        f"{_counted(len(systems), 'system')}{failed}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def headline_cards(data_set: str, system: str, lines: Sequence[ScoredLine], rows: Iterable[Row]) -> tuple[Card, ...]:
    """Return what is said first about one system on one data set; figures that it does not have are left out.

    Args:
        data_set: Whose name `lines` and `rows` carry.
        system: Likewise.
        lines: What the system did with the data set.
        rows: Figures, also of others, with at least those of `CARDS`.
    """
    of_this = (data_set, system, "all")
    figures = {row.metric: row.estimate for row in rows if (row.data_set, row.system, row.slice) == of_this}
    shown = [(metric, figures.get(metric.name, _NONE)) for metric in METRICS if metric.name in CARDS]
    return (
        _outcomes_card("Right outcomes", system, lines),
        *(
            Card(
                name=_HEADLINES[metric.name],
                figure=figure_text(found.mean, metric.unit),
                interval=interval_text(found, metric.unit),
                note=counts_text(found),
            )
            for metric, found in shown
            if found.mean is not None
        ),
    )


def _cards(lines: Mapping[str, Mapping[str, Sequence[ScoredLine]]], summary: Summary) -> tuple[Card, ...]:
    first = {data_set: next(iter(own.items())) for data_set, own in lines.items()}
    if len(first) > 1:
        return tuple(_outcomes_card(data_set, *own) for data_set, own in first.items())
    return tuple(card for data_set, own in first.items() for card in headline_cards(data_set, *own, summary.rows))


def _outcomes_card(name: str, system: str, lines: Sequence[ScoredLine]) -> Card:
    found = right_outcomes(lines)
    return Card(
        name=name,
        figure=figure_text(found.mean, "share"),
        interval=interval_text(found, "share"),
        note=f"{system}, {counts_text(found)}",
    )


_NONE: Final = Estimate(mean=None, low=None, high=None, n=0)


def _section(name: str, lines: Mapping[str, Sequence[ScoredLine]], summary: Summary, *, limit: int) -> DataSetSection:
    figures = {
        (row.system, row.metric): row.estimate for row in summary.rows if row.data_set == name and row.slice == "all"
    }
    systems = list(lines)
    rules = [rule for rule in RULES if any(system == rule for system, _ in figures)]
    shown = [metric for metric in METRICS if any((system, metric.name) in figures for system in systems)]
    headline = _headline(lines, rules, [metric for metric in shown if metric.name in _HEADLINES], figures)
    return DataSetSection(
        name=name,
        anchor=_anchor(name),
        tallies=tuple(
            (tally.system, *map(str, (tally.cases, tally.answered, tally.refused, tally.retrieved, tally.unscored)))
            for tally in summary.tallies
            if tally.data_set == name
        ),
        headline=headline,
        has_daggers=any(cell.matched_by_rule for row in headline.rows for cell in row.cells),
        groups=tuple(_groups(shown, [*systems, *rules], figures)),
        charts=tuple((chart, Markup(chart.svg)) for chart in charts(lines)),  # noqa: S704  - escaped where it is made
        cases=tuple(case_list(system, own, limit=limit) for system, own in lines.items()),
    )


_Figures = Mapping[tuple[str, str], Estimate]


def _headline(
    lines: Mapping[str, Sequence[ScoredLine]], rules: Sequence[str], metrics: Sequence[Metric], figures: _Figures
) -> PageTable:
    by_system = {system: right_outcomes(lines[system]) for system in comparable(lines)} | _rules_outcomes(lines, rules)
    most = max((found.mean for found in by_system.values() if found.mean is not None), default=None)
    rows = []
    for system in [*lines, *rules]:
        found = by_system.get(system, _NONE)
        best = len(lines) > 1 and found.mean is not None and found.mean == most
        outcome = replace(_cell(found, "share", best=best), counts=_n_text(found))
        cells = (_with_marks(metric, system, list(lines), rules, figures) for metric in metrics)
        failed = sum(line.outcome.status == "unscored" for line in lines.get(system, ()))
        unscored = Cell(figure=str(failed), interval="", counts="")
        rows.append(TableRow(name=system, title="", cells=(outcome, *cells, unscored), rule=system in rules))
    columns = ("Right outcomes", *(_HEADLINES[metric.name] for metric in metrics), "Unscored")
    return PageTable(columns=columns, rows=tuple(rows))


def _rules_outcomes(lines: Mapping[str, Sequence[ScoredLine]], rules: Sequence[str]) -> dict[str, Estimate]:
    cases = {line.case.case_id: line for own in lines.values() for line in own}
    return {
        rule: right_outcomes(
            [
                ScoredLine(data_set=line.data_set, system=rule, case=line.case, outcome=RULES[rule])
                for line in cases.values()
            ]
        )
        for rule in rules
    }


def _with_marks(metric: Metric, system: str, systems: Sequence[str], rules: Sequence[str], figures: _Figures) -> Cell:
    found = figures.get((system, metric.name), _NONE)
    others = [figures[one, metric.name].mean for one in systems if (one, metric.name) in figures]
    ruled = [figures[rule, metric.name].mean for rule in rules if (rule, metric.name) in figures]
    cell = _cell(
        found,
        metric.unit,
        best=system in systems and len(others) > 1 and _beaten_by(found.mean, others, metric) is False,
        matched_by_rule=system in systems and any(_at_least_as_good(one, found.mean, metric) for one in ruled),
    )
    return replace(cell, counts=_n_text(found))


def _n_text(found: Estimate) -> str:
    """Return the cases behind a figure; in the first table the failures have a column of their own."""
    return "" if found.mean is None else f"n {found.n}"


def _beaten_by(mean: float | None, others: Sequence[float | None], metric: Metric) -> bool | None:
    if mean is None or metric.better == "neither":
        return None
    sign = 1 if metric.better == "higher" else -1
    return any(one is not None and sign * one > sign * mean + _TOLERANCE for one in others)


def _at_least_as_good(rule: float | None, mean: float | None, metric: Metric) -> bool:
    if rule is None or mean is None or metric.better == "neither":
        return False
    sign = 1 if metric.better == "higher" else -1
    return sign * rule >= sign * mean - _TOLERANCE


def _groups(metrics: Sequence[Metric], systems: Sequence[str], figures: _Figures) -> Iterator[tuple[str, PageTable]]:
    for group, title in GROUPS.items():
        rows = tuple(
            TableRow(
                name=capital(metric.title),
                title=metric.name,
                cells=tuple(_cell(figures.get((system, metric.name), _NONE), metric.unit) for system in systems),
            )
            for metric in metrics
            if metric.group == group
        )
        if rows:
            yield title, PageTable(columns=tuple(systems), rows=rows)


def _cell(found: Estimate, unit: Unit, *, best: bool = False, matched_by_rule: bool = False) -> Cell:
    is_empty = found.mean is None and not found.unscored
    return Cell(
        figure=NOTHING if is_empty else figure_text(found.mean, unit),
        interval=interval_text(found, unit),
        counts="" if is_empty else counts_text(found),
        best=best,
        matched_by_rule=matched_by_rule,
    )


def _provenance(header: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what the header says, flattened, in its own order; long digests whole, since they are there to compare."""
    left_out = {"kind", "format", "bounds", "checker_error"}  # The last two have their own places on the page.
    return tuple(pair for key, value in header.items() if key not in left_out for pair in _flat(key, value))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, below in value.items():
                yield from _flat(f"{name} · {key}", below)
        case list() if any(isinstance(one, dict | list) for one in value):
            for number, below in enumerate(value, start=1):
                label = below.get("name", number) if isinstance(below, dict) else number
                yield from _flat(f"{name} · {label}", below)
        case list():
            yield name.replace("_", " "), ", ".join(map(str, value))
        case None:
            yield name.replace("_", " "), NOTHING
        case _:
            yield name.replace("_", " "), str(value)


def _anchor(name: str) -> str:
    return "set-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def capital(text: str) -> str:
    """Return a text with its first letter as a capital; the others as they are."""
    return text[:1].upper() + text[1:]
