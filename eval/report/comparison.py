"""The HTML page of a comparison: what `dateline eval compare` tells, in the look of the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eval.compare import Change, Comparison, Flip, Pairing
from eval.report.html import render
from eval.report.page import CASES_SHOWN, GROUPS, capital
from eval.report.wording import (
    NOTHING,
    change_interval_text,
    change_text,
    direction_text,
    figure_text,
    p_value_text,
    pairing_text,
)
from eval.run_file import Run

_TONES: Final = {"better": "good", "worse": "bad", "moved": "warn"}
_FAILING_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One figure in both runs, as text.

    Attributes:
        name: The metric as suites name it.
        direction: `better`, `worse`, `within noise`, `moved`, or a dash.
        tone: `good`, `bad`, `warn` or empty, for its colour.
    """

    title: str
    name: str
    base: str
    new: str
    difference: str
    interval: str
    p_value: str
    n: int
    direction: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipList:
    """The cases of one system that went the same way; `rest` of them are not shown."""

    title: str
    tone: str
    flips: tuple[Flip, ...]
    rest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSection:
    """What the page says about one system on one data set.

    Attributes:
        groups: Title and rows, by group of metrics.
        flips: New mistakes first; without the lists that are empty.
    """

    title: str
    anchor: str
    pairing: str
    failing: str
    groups: tuple[tuple[str, tuple[ChangeRow, ...]], ...]
    flips: tuple[FlipList, ...]


def comparison_page(base: Run, new: Run, comparison: Comparison, *, names: tuple[str, str]) -> str:
    """Return a comparison as one HTML page; the same runs give the same bytes.

    Args:
        base: The run that was held against.
        new: The run in question.
        comparison: Of the two.
        names: What the page calls base and new.
    """
    return render(
        "comparison.html.j2",
        names=names,
        lede=_lede(comparison),
        facts=tuple(zip(_FACTS, _facts(base), _facts(new), strict=True)),
        regressions=comparison.regressions,
        is_bounded=bool(comparison.checks),
        broke=sum(not flip.improved for flip in comparison.flips),
        mended=sum(flip.improved for flip in comparison.flips),
        scored=sum(pairing.scored for pairing in comparison.pairings),
        sections=tuple(_section(number, pairing, comparison) for number, pairing in enumerate(comparison.pairings, 1)),
    )


_FACTS: Final = ("Started", "Commit", "Dateline", "Settings", "Data sets", "Systems", "Cases")


def _facts(run: Run) -> tuple[str, ...]:
    said = {name: run.header.get(name) for name in ("started", "commit", "dateline", "settings")}
    dirty = ", with changes that are not committed" if run.header.get("dirty") else ""
    return (
        _text(said["started"]),
        _text(said["commit"]) + dirty,
        _text(said["dateline"]),
        _text(said["settings"]),
        ", ".join(sorted({line.data_set for line in run.lines})) or NOTHING,
        ", ".join(sorted({line.system for line in run.lines})) or NOTHING,
        str(len(run.lines)),
    )


def _text(value: Any) -> str:
    return NOTHING if value is None else str(value)


def _lede(comparison: Comparison) -> str:
    judged = [one for one in comparison.changes if one.slice == "all" and one.metric.unit != "ms"]
    directions = [direction_text(change) for change in judged]
    found = ", ".join(f"{directions.count(one)} {one}" for one in ("better", "worse", "within noise"))
    return f"Of {len(directions)} figures, times left aside: {found}."


def _section(number: int, pairing: Pairing, comparison: Comparison) -> PairSection:
    key = (pairing.data_set, pairing.system)
    changes = [one for one in comparison.changes if (one.data_set, one.system, one.slice) == (*key, "all")]
    flips = [flip for flip in comparison.flips if (flip.data_set, flip.system) == key]
    return PairSection(
        title=" · ".join(key),
        anchor=f"pair-{number}",
        pairing=capital(pairing_text(pairing)),
        failing=_failing(pairing.newly_unscored),
        groups=tuple(_groups(changes)),
        flips=tuple(_flip_lists(flips)),
    )


def _failing(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > _FAILING_SHOWN else ""
    return f"Scored in base and failed in new: {len(names)} ({', '.join(names[:_FAILING_SHOWN])}{more})"


def _groups(changes: Sequence[Change]) -> Iterator[tuple[str, tuple[ChangeRow, ...]]]:
    for group, title in GROUPS.items():
        rows = tuple(_row(change) for change in changes if change.metric.group == group)
        if rows:
            yield title, rows


def _row(change: Change) -> ChangeRow:
    unit, difference, direction = change.metric.unit, change.difference, direction_text(change)
    return ChangeRow(
        title=capital(change.metric.title),
        name=change.metric.name,
        base=figure_text(change.base, unit),
        new=figure_text(change.new, unit),
        difference=change_text(difference.mean, unit),
        interval=change_interval_text(difference, unit) or NOTHING,
        p_value=p_value_text(difference.p_value),
        n=difference.n,
        direction=direction,
        tone=_TONES.get(direction, ""),
    )


def _flip_lists(flips: Sequence[Flip]) -> Iterator[FlipList]:
    for title, tone, improved in (("Went wrong", "bad", False), ("Came right", "good", True)):
        listed = tuple(flip for flip in flips if flip.improved is improved)
        if listed:
            rest = max(len(listed) - CASES_SHOWN, 0)
            yield FlipList(title=f"{title}: {len(listed)}", tone=tone, flips=listed[:CASES_SHOWN], rest=rest)
