"""What a metric is: a name, what is good, whom it applies to, and a pure function of cases and outcomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from eval.cases import Case
from eval.metrics.uncertainty import Matrix, Statistic
from eval.outcomes import Outcome, Quote

Judged = tuple[Case, Outcome]
"""A case and what one system did with it."""

Observation = tuple[float, ...]
"""What one case contributes: its value for a mean, several numbers for other figures."""

Group = Literal["ranking", "answers", "citations", "refusals", "time", "conversation", "cost"]
Unit = Literal["share", "score", "ms", "tokens", "count"]
Applies = Literal["ranking", "answering", "citing", "placing", "scoring", "confident", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of the report.

    Attributes:
        name: Unique; what a suite's bounds and the JSON name it by.
        title: A few words for a reader.
        unit: A `share` lies in 0..1 and is a mean of such; a `score` is another number without a unit.
        better: `neither` for figures that describe and cannot be won.
        applies_to: What a system must do, in any of its outcomes on the data set, to have this figure:

            - `ranking`: it names passages that it found,
            - `answering`: it answers or refuses,
            - `citing`: it quotes,
            - `placing`: it says where its quotes stand,
            - `scoring`: it says how well its quotes support their sentences,
            - `confident`: it says how likely it is right to answer,
            - `any`: nothing.
        observe: Scored cases of one system on one data set → one observation each, `None` where the metric does not
            apply to the case. Cases that failed are never passed.
        statistic: How observations become one figure; `None` for the mean of single values.
    """

    name: str
    title: str
    group: Group
    unit: Unit
    better: Literal["higher", "lower", "neither"]
    applies_to: Applies
    observe: Callable[[Sequence[Judged]], Sequence[Observation | None]]
    statistic: Statistic | None = None

    def values(self, judged: Sequence[Judged]) -> tuple[float | None, ...]:
        """Return one value per case, for lists and paired comparison.

        Raises:
            ValueError: If this figure is no mean of cases.
        """
        if self.statistic is not None:
            raise ValueError(f"{self.name!r} has no value per case, it is a figure of all of them")
        return tuple(None if one is None else one[0] for one in self.observe(judged))

    def observations(self, judged: Sequence[Judged]) -> Matrix:
        """Return `(n, k) float64`, a row of NaN where the metric does not apply; `(n, 1)` where it applies nowhere."""
        rows = self.observe(judged)
        width = next((len(row) for row in rows if row is not None), 1)
        nothing = (float("nan"),) * width
        return np.array([nothing if row is None else row for row in rows], dtype=np.float64).reshape(len(rows), width)


def each(value: Callable[[Case, Outcome], float | None]) -> Callable[[Sequence[Judged]], Sequence[Observation | None]]:
    """Observe each case on its own."""

    def observe(judged: Sequence[Judged]) -> Sequence[Observation | None]:
        found = (value(case, outcome) for case, outcome in judged)
        return [None if one is None else (one,) for one in found]

    return observe


def each_pair(
    pair: Callable[[Case, Outcome], tuple[float, float] | None],
) -> Callable[[Sequence[Judged]], Sequence[Observation | None]]:
    """Observe two numbers of each case on its own."""

    def observe(judged: Sequence[Judged]) -> Sequence[Observation | None]:
        return [pair(case, outcome) for case, outcome in judged]

    return observe


def applies(needs: Applies, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether a system that did this has a figure."""
    return any(_SHOWS[needs](outcome) for outcome in outcomes)


def _quotes(outcome: Outcome) -> Iterator[Quote]:
    return (quote for sentence in outcome.sentences for quote in sentence.quotes)


_SHOWS: Final[Mapping[Applies, Callable[[Outcome], bool]]] = {
    "any": lambda _: True,
    "ranking": lambda outcome: bool(outcome.found),
    "answering": lambda outcome: outcome.status in {"answered", "refused"},
    "confident": lambda outcome: outcome.confidence is not None,
    "citing": lambda outcome: any(True for _ in _quotes(outcome)),
    "placing": lambda outcome: any(quote.verbatim is not None for quote in _quotes(outcome)),
    "scoring": lambda outcome: any(quote.support is not None for quote in _quotes(outcome)),
}
