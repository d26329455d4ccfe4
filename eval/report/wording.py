"""Figures as text, the same in every rendering."""

from collections.abc import Mapping
from typing import Any, Final

from eval.compare import Change, Pairing
from eval.metrics.definition import Unit
from eval.metrics.uncertainty import Difference, Estimate

NOTHING: Final = "–"
_SECOND: Final = 1000.0
_LONG: Final = 100.0


def figure_text(value: float | None, unit: Unit) -> str:
    """Return a figure with its unit: `82.6 %`, `0.740`, `101 ms`, `1.24 s`; a dash where there is none."""
    if value is None:
        return NOTHING
    match unit:
        case "share":
            return f"{100 * value:.1f} %"
        case "score":
            return f"{value:.3f}"
        case "ms":
            return _duration(value)
        case "tokens" | "count":
            return f"{value:.0f}" if abs(value) >= _LONG else f"{value:.1f}"


def interval_text(estimate: Estimate, unit: Unit) -> str:
    """Return both ends of an interval, `74.4 – 89.5`, `92.1 – 111 ms`; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = figure_text(estimate.low, unit), figure_text(estimate.high, unit)
    if unit == "share":
        low, high = low.removesuffix(" %"), high.removesuffix(" %")
    number, _, name = low.partition(" ")
    return f"{number} – {high}" if name and high.endswith(f" {name}") else f"{low} – {high}"


def counts_text(estimate: Estimate) -> str:
    """Return how many cases a figure stands on, and how many failed: `n 86, 2 unscored`."""
    return f"n {estimate.n}" + (f", {estimate.unscored} unscored" if estimate.unscored else "")


def change_text(value: float | None, unit: Unit) -> str:
    """Return a difference with its sign; of shares in percentage points."""
    if value is None:
        return NOTHING
    match unit:
        case "share":
            return f"{100 * value:+.1f} pp"
        case "score":
            return f"{value:+.3f}"
        case "ms":
            return f"{value:+.1f} ms"
        case "tokens" | "count":
            return f"{value:+.1f}"


def change_interval_text(difference: Difference, unit: Unit) -> str:
    """Return both ends of the interval of a difference, with their signs; empty where there is none."""
    ends = (difference.low, difference.high)
    return "" if None in ends else " – ".join(change_text(end, unit) for end in ends)


def direction_text(change: Change) -> str:
    """Return what a difference means, in words: `better`, `worse`, `within noise`; `moved` where neither is good."""
    if change.difference.mean is None:
        return NOTHING
    if not change.significant:
        return "within noise"
    if not change.worse_by:
        return "moved"
    return "worse" if change.worse_by > 0 else "better"


def pairing_text(pairing: Pairing) -> str:
    """Return how many cases are compared, and how many are not."""
    return (
        f"{pairing.scored} cases scored in both of {pairing.shared} shared; not compared: {pairing.only_base} only in "
        f"base, {pairing.only_new} only in new, {pairing.altered} altered"
    )


def p_value_text(p_value: float) -> str:
    """Return a p value with three decimals; those that are smaller as `< 0.001`."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004  - the last decimal shown


def checker_text(header: Mapping[str, Any]) -> str:
    """Return how often the support checker agrees with people, as the run's header says it (`checker_error`)."""
    measured = header.get("checker_error")
    if not measured:
        return (
            "Support is the verdict of the assistant's own checker, whose error on human labels was not measured for "
            "this run: read nothing into it."
        )
    agreements = "; ".join(
        f"{one['name'].replace('_', ' ')} {figure_text(one['balanced_accuracy']['mean'], 'share')} "
        f"({interval_text(_estimate(one), 'share')}) of {one['n']} claims{_learned(one['name'], measured)}"
        for one in measured["sets"]
    )
    whose = "its" if measured.get("is_current", True) else "another version's"
    return (
        f"Support is the verdict of the assistant's own checker. Held against people's labels, {whose} balanced "
        f"accuracy, where 50 % is chance, is: {agreements}."
    )


def _learned(name: str, measured: Mapping[str, Any]) -> str:
    if measured.get("crossed"):
        return " kept from it in training"
    return " that it has learned from" if name in measured.get("learned_from", ()) else ""


def _estimate(measured: Mapping[str, Any]) -> Estimate:
    ends = measured["balanced_accuracy"]
    return Estimate(mean=ends["mean"], low=ends["low"], high=ends["high"], n=measured["n"])


def _duration(milliseconds: float) -> str:
    if milliseconds >= _SECOND:
        return f"{milliseconds / _SECOND:.2f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= _LONG else f"{milliseconds:.1f} ms"
