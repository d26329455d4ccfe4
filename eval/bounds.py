"""What a suite demands of a run: floors and ceilings, and how far a metric may fall against a baseline.

```toml
[[bounds]]
metric = "hit@10"
at_least = 0.9
may_fall = 0.02

[[bounds]]
metric = "wrong_on_unanswerable"
slice = "kind:near_miss"
at_most = 0.1
```
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from domain.errors import ConfigurationError
from eval.metrics.registry import METRICS
from eval.metrics.uncertainty import Estimate
from eval.summary import Row, Summary

DEFAULT_SYSTEM: Final = "dateline"
_ROUNDING: Final = 1e-9  # A floor is written in decimals: 0.9 must be reached by 9 of 10.


class Bound(BaseModel):
    """One demand on one metric.

    Attributes:
        metric: Name in the registry of metrics.
        data_set: `None` for every data set of the run.
        slice: As the summary names it; `all` is the whole data set.
        at_least: The mean may not be lower.
        at_most: The mean may not be higher.
        may_fall: How much worse than the baseline the metric may get before it is a regression, in its own unit; a
            difference whose interval holds 0 is never one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    data_set: str | None = None
    system: str = DEFAULT_SYSTEM
    slice: str = "all"
    at_least: float | None = None
    at_most: float | None = None
    may_fall: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _demands_something(self) -> "Bound":
        if self.at_least is None and self.at_most is None and self.may_fall is None:
            raise ValueError(f"the bound on {self.metric!r} needs at_least, at_most or may_fall")
        metric = next((metric for metric in METRICS if metric.name == self.metric), None)
        if metric is None:
            raise ValueError(f"there is no metric {self.metric!r}; there are {', '.join(one.name for one in METRICS)}")
        if metric.unit == "ms":
            raise ValueError(f"{self.metric!r} depends on the machine, so it is shown and never bounded")
        if self.may_fall is not None and metric.better == "neither":
            raise ValueError(f"{self.metric!r} has no good direction, so it cannot get worse")
        return self

    @property
    def title(self) -> str:
        """What is demanded, on one line: `sample dateline hit@10 ≥ 0.9`."""
        demands = [
            f"{sign} {value:g}"
            for sign, value in (("≥", self.at_least), ("≤", self.at_most), ("may get worse by", self.may_fall))
            if value is not None
        ]
        where = [self.data_set or "every set", self.system, *([] if self.slice == "all" else [self.slice])]
        return f"{' '.join(where)} {self.metric} {', '.join(demands)}"


_BOUNDS: Final = TypeAdapter(tuple[Bound, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A floor or ceiling held against one data set of a run.

    Attributes:
        status: `held`; `violated`, also when the system was run and the metric has no figure; `not_run` when the run
            is of other systems or data sets.
        message: What was found.
    """

    bound: Bound
    data_set: str
    status: Literal["held", "violated", "not_run"]
    message: str


def check_bounds(summary: Summary, bounds: Sequence[Bound]) -> tuple[Check, ...]:
    """Hold the floors and ceilings against a run, one check per bound and data set.

    The mean decides, not its interval: a floor is what the team agreed to ship. A bound that only limits the fall
    against a baseline is held by any run alone.
    """
    figures = {(row.data_set, row.system, row.slice, row.metric): row for row in summary.rows}
    ran = {(tally.data_set, tally.system) for tally in summary.tallies}
    data_sets = list(dict.fromkeys(tally.data_set for tally in summary.tallies))
    checks = []
    for bound in bounds:
        for data_set in data_sets if bound.data_set is None else [bound.data_set]:
            row = figures.get((data_set, bound.system, bound.slice, bound.metric))
            checks.append(_check(bound, data_set, row, was_run=(data_set, bound.system) in ran))
    return tuple(checks)


def _check(bound: Bound, data_set: str, row: Row | None, *, was_run: bool) -> Check:
    if not was_run:
        return Check(
            bound=bound, data_set=data_set, status="not_run", message=f"{bound.system} was not run on {data_set}"
        )
    mean = None if row is None else row.estimate.mean
    if row is None or mean is None:
        absolute = bound.at_least is not None or bound.at_most is not None
        return Check(
            bound=bound,
            data_set=data_set,
            status="violated" if absolute else "held",
            message=f"{bound.metric} has no figure on {data_set} ({bound.slice})",
        )
    broken = (bound.at_least is not None and mean < bound.at_least - _ROUNDING) or (
        bound.at_most is not None and mean > bound.at_most + _ROUNDING
    )
    return Check(
        bound=bound,
        data_set=data_set,
        status="violated" if broken else "held",
        message=_found(bound, row.estimate, mean),
    )


def _found(bound: Bound, estimate: Estimate, mean: float) -> str:
    ends = "" if estimate.low is None or estimate.high is None else f" ({estimate.low:.4g} to {estimate.high:.4g})"
    demands = [
        f"{words} {value:g}"
        for words, value in (("at least", bound.at_least), ("at most", bound.at_most))
        if value is not None
    ]
    asked = f"; {' and '.join(demands)} is demanded" if demands else ""
    return f"{bound.metric} is {mean:.4g}{ends} over {estimate.n} cases{asked}"


def parse_bounds(rows: Sequence[Mapping[str, Any]], *, source: str) -> tuple[Bound, ...]:
    """Check the `bounds` table of a suite or of a run's header.

    Args:
        rows: One per bound, with the fields of `Bound`.
        source: Where the rows come from, for messages.

    Raises:
        ConfigurationError: If a row is no bound; the message says which and why.
    """
    try:
        return _BOUNDS.validate_python(rows)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise ConfigurationError(
            f"The bounds of {source} are not valid: bounds.{place}: {fault['msg']}",
            hint="A bound has metric, and at_least, at_most or may_fall; data_set, system and slice narrow it.",
        ) from error


def read_bounds(path: Path) -> tuple[Bound, ...]:
    """Read the `[[bounds]]` of a suite, given as its folder or file; none where it has none.

    Raises:
        ConfigurationError: If the file cannot be read, is not TOML, or a bound is not valid.
    """
    try:
        table = tomllib.loads((path / "suite.toml" if path.is_dir() else path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The suite {str(path)!r} cannot be read: {error}", hint="Check its path.") from error
    return parse_bounds(table.get("bounds") or (), source=repr(str(path)))


def bounds_of_run(header: Mapping[str, Any]) -> tuple[Bound, ...]:
    """Return the bounds that a run's header carries: those of its suites, each for its own data set.

    Raises:
        ConfigurationError: If one is not valid.
    """
    return parse_bounds(header.get("bounds") or (), source="the run file")
