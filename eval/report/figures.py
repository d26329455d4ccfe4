"""The report's figures: data in, one SVG element out; colours come from the page's style sheet.

Series are told apart by colour and by dash, so that the figures survive print in grey. Every coordinate has one
decimal: the same data give the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

_WIDTH: Final = 540.0
_HEIGHT: Final = 300.0
_LEFT: Final = 56.0
_TOP: Final = 14.0
_BOTTOM: Final = 44.0
_LEGEND: Final = 138.0
_MARGIN: Final = 22.0
_SERIES: Final = 8  # As many colours as the style sheet has; the ninth series looks like the first.
_ROW: Final = 17.0


class Point(NamedTuple):
    """A place in the data's own units."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One series of a line chart, in the order in which it is drawn.

    Attributes:
        series: Which colour and dash it has, from 0; a system has the same in all figures.
        marked: Points drawn as dots, such as where a system works.
    """

    name: str
    series: int
    points: tuple[Point, ...]
    marked: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value with its interval in a chart of rows; all in 0..1.

    Attributes:
        name: Of the row; bars that follow each other with the same name share a row label.
        system: Whose value it is.
        series: Its colour, as in the other figures.
        n: Cases behind it, printed beside it.
    """

    name: str
    system: str
    series: int
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Cases of about the same confidence, and the share of them that is right with its interval; all in 0..1."""

    confidence: float
    right: float
    low: float
    high: float
    n: int


def risk_coverage_figure(curves: Sequence[Curve]) -> str:
    """Draw the share of unanswerable cases among the answered; dots are where the systems work.

    Args:
        curves: Points `(coverage, risk)`, both 0..1, by rising coverage.
    """
    top = max([0.1, *(point.y for curve in curves for point in (*curve.points, *curve.marked))])
    area = _Area(x=(0.0, 1.0), y=(0.0, _ceiling(top)))
    return _svg(
        _HEIGHT,
        "Risk and coverage",
        "Unanswerable cases among the answered, by share of cases answered: "
        + _listed(
            f"{curve.name} {_percent(point.y)} at {_percent(point.x)}" for curve in curves for point in curve.marked
        ),
        [
            *_grid(area, [(tick, _percent(tick)) for tick in _fifths(1.0)], _y_percents(area)),
            *_axis_names(area, "share of cases answered", "unanswerable among them"),
            *_lines(area, curves),
            *_legend([(curve.name, curve.series) for curve in curves]),
        ],
    )


def reliability_figure(bins: Sequence[Bin], *, series: int = 0) -> str:
    """Draw the share of right outcomes against stated confidence; on the diagonal a confidence means what it says.

    Args:
        bins: By rising confidence; a dot's area grows with its cases.
        series: Colour of the system.
    """
    area = _Area(x=(0.0, 1.0), y=(0.0, 1.0), right=_WIDTH - _MARGIN)
    colour = f"s{series % _SERIES}"
    most = max((one.n for one in bins), default=1)
    diagonal = f'<line class="ideal" {_line(area.at(0, 0), area.at(1, 1))}/>'
    dots: list[str] = []
    for one in bins:
        x, y = area.at(one.confidence, one.right)
        ends = area.at(one.confidence, one.low), area.at(one.confidence, one.high)
        dots.append(f'<line class="whisker {colour}" {_line(*ends)}/>')
        dots.append(
            f'<circle class="dot {colour}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(3 + 6 * (one.n / most) ** 0.5)}">'
            f"<title>{one.n} cases, confidence {_percent(one.confidence)}, right {_percent(one.right)}</title></circle>"
        )
    line = _polyline(area, [Point(one.confidence, one.right) for one in bins], f"series {colour}")
    return _svg(
        _HEIGHT,
        "Reliability of the confidence",
        "Share of answerable cases by stated confidence: "
        + _listed(f"{_percent(one.right)} at {_percent(one.confidence)} ({one.n} cases)" for one in bins),
        [
            *_grid(area, [(tick, _percent(tick)) for tick in _fifths(1.0)], _y_percents(area)),
            *_axis_names(area, "stated confidence", "right to answer"),
            diagonal,
            line,
            *dots,
        ],
    )


def latency_figure(curves: Sequence[Curve]) -> str:
    """Draw how many cases were done within how many milliseconds, on a logarithmic axis.

    Args:
        curves: Points `(log10 of milliseconds, share of cases 0..1)`, rising; marked are medians and 95th percentiles.
    """
    xs = [point.x for curve in curves for point in curve.points]
    low, high = _decade_floor(min(xs, default=0.0)), _decade_ceiling(max(xs, default=1.0))
    area = _Area(x=(low, max(high, low + 1)), y=(0.0, 1.0))
    ticks = [(float(power), _duration(10.0**power)) for power in range(int(area.x[0]), int(area.x[1]) + 1)]
    return _svg(
        _HEIGHT,
        "Latency",
        "Share of cases done within a time: "
        + _listed(f"{curve.name} {_percent(p.y)} in {_duration(10.0**p.x)}" for curve in curves for p in curve.marked),
        [
            *_grid(area, ticks, _y_percents(area)),
            *_axis_names(area, "whole answer, logarithmic", "cases done"),
            *_lines(area, curves),
            *_legend([(curve.name, curve.series) for curve in curves]),
        ],
    )


def rows_figure(title: str, bars: Sequence[Bar]) -> str:
    """Draw one row per bar: a dot for the mean, a line for its interval, n at its end.

    Args:
        title: What the values are; for readers of the figure without sight.
        bars: From top to bottom.
    """
    systems = list(dict.fromkeys((bar.system, bar.series) for bar in bars))
    gaps = sum(bar.name != before.name for before, bar in pairwise(bars))
    inner = _ROW * max(len(bars), len(systems)) + 8 * gaps + 8
    area = _Area(x=(0.0, 1.0), y=(0.0, 1.0), left=138.0, right=_WIDTH - _LEGEND - 44, height=inner + _TOP + _BOTTOM)
    parts = [*_grid(area, [(tick, _percent(tick)) for tick in _fifths(1.0)], [])]
    y, before = _TOP + 4 + _ROW / 2, None
    for bar in bars:
        if before is not None and bar.name != before:
            y += 8
        if bar.name != before:
            place = f'x="{_n(area.left - 8)}" y="{_n(y + 4)}"'
            parts.append(f'<text class="label" {place} text-anchor="end">{_name(bar.name, 21)}</text>')
        parts += _row(area, bar, y)
        y, before = y + _ROW, bar.name
    said = _listed(f"{bar.name}, {bar.system}: {_percent(bar.mean)} of {bar.n}" for bar in bars)
    return _svg(area.height, title, f"{title} {said}", [*parts, *_legend(systems)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """Where the data are drawn, and how they come there."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = _LEFT
    right: float = _WIDTH - _LEGEND
    height: float = _HEIGHT

    @property
    def bottom(self) -> float:
        return self.height - _BOTTOM

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - _TOP)


def _svg(height: float, title: str, said: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 {_n(_WIDTH)} {_n(height)}" role="img" '
        f"aria-label={quoteattr(_printable(said))}><title>{escape(_printable(title))}</title>{''.join(parts)}</svg>"
    )


def _grid(area: _Area, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]]) -> Iterator[str]:
    for tick, label in ys:
        x, y = area.at(area.x[0], tick)
        yield f'<line class="grid" {_line((x, y), (area.right, y))}/>'
        yield f'<text class="tick" x="{_n(x - 7)}" y="{_n(y + 4)}" text-anchor="end">{label}</text>'
    for tick, label in xs:
        x, _ = area.at(tick, area.y[0])
        yield f'<line class="grid" {_line((x, _TOP), (x, area.bottom))}/>'
        yield f'<text class="tick" x="{_n(x)}" y="{_n(area.bottom + 16)}" text-anchor="middle">{label}</text>'
    yield f'<line class="axis" {_line((area.left, area.bottom), (area.right, area.bottom))}/>'


def _axis_names(area: _Area, x: str, y: str) -> Iterator[str]:
    middle = (area.left + area.right) / 2
    yield f'<text class="label" x="{_n(middle)}" y="{_n(area.height - 8)}" text-anchor="middle">{escape(x)}</text>'
    up = (_TOP + area.bottom) / 2
    yield (
        f'<text class="label" x="12" y="{_n(up)}" text-anchor="middle" transform="rotate(-90 12 {_n(up)})">'
        f"{escape(y)}</text>"
    )


def _lines(area: _Area, curves: Sequence[Curve]) -> Iterator[str]:
    for curve in curves:
        series = f"s{curve.series % _SERIES}"
        yield _polyline(area, curve.points, f"series {series}")
        for point in curve.marked:
            x, y = area.at(*point)
            yield f'<circle class="dot {series}" cx="{_n(x)}" cy="{_n(y)}" r="4"/>'


def _polyline(area: _Area, points: Sequence[Point], classes: str) -> str:
    placed = dict.fromkeys(",".join(map(_n, area.at(*point))) for point in points)  # Repeats only cost bytes.
    return f'<polyline class="{classes}" points="{" ".join(placed)}"/>'


def _row(area: _Area, bar: Bar, y: float) -> Iterator[str]:
    (x, _), (low, _), (high, _) = area.at(bar.mean, 0), area.at(bar.low, 0), area.at(bar.high, 0)
    colour = f"s{bar.series % _SERIES}"
    yield f'<line class="whisker {colour}" {_line((low, y), (high, y))}/>'
    yield (
        f'<circle class="dot {colour}" cx="{_n(x)}" cy="{_n(y)}" r="4.5"><title>{escape(_printable(bar.system))}: '
        f"{_percent(bar.mean)} ({_percent(bar.low)} to {_percent(bar.high)}), n {bar.n}</title></circle>"
    )
    yield f'<text class="tick" x="{_n(area.right + 6)}" y="{_n(y + 4)}">n {bar.n}</text>'


def _legend(names: Sequence[tuple[str, int]]) -> Iterator[str]:
    for place, (name, series) in enumerate(names):
        y = _TOP + 10 + place * _ROW
        x = _WIDTH - _LEGEND + 14
        yield f'<line class="series s{series % _SERIES}" {_line((x, y - 4), (x + 20, y - 4))}/>'
        yield f'<text class="label" x="{_n(x + 26)}" y="{_n(y)}">{_name(name, 16)}</text>'


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    return f'x1="{_n(start[0])}" y1="{_n(start[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}"'


def _y_percents(area: _Area) -> list[tuple[float, str]]:
    return [(tick, _percent(tick)) for tick in _fifths(area.y[1])]


def _fifths(top: float) -> list[float]:
    return [top * step / 5 for step in range(6)]


def _ceiling(top: float) -> float:
    """Return the least of 10 %, 25 %, 50 %, 75 % and 100 % that holds `top`: ticks stay whole numbers."""
    return next(bound for bound in (0.1, 0.25, 0.5, 0.75, 1.0) if top <= bound or bound == 1.0)


def _decade_floor(power: float) -> float:
    return float(int(power // 1))


def _decade_ceiling(power: float) -> float:
    return float(-int(-power // 1))


def _duration(milliseconds: float) -> str:
    if milliseconds >= 1000:  # noqa: PLR2004  - a second
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _listed(parts: Iterator[str]) -> str:
    return "; ".join(parts) or "nothing to draw"


def _name(name: str, limit: int) -> str:
    printable = _printable(name)
    return escape(printable if len(printable) <= limit else printable[: limit - 1] + "…")


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(
        character
        for character in text
        if character >= " " and not "\ud800" <= character <= "\udfff" and character not in "\ufffe\uffff"
    )
