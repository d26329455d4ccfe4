"""Which sentences answer a question, and what tells whether the record answers it at all."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from domain.corpus import RankedPassage
from service.answering.happenings import untold
from service.answering.lexical_match import coverage, is_in, terms_of
from service.answering.relevance import Asking, Fit, surroundings

# Log-odds of being part of the answer; fitted by tools/reader/fit.py, see docs/measurements.md.
_BIAS: Final = -3.55
WEIGHTS: Final[Mapping[str, float]] = {
    "passage": 0.23,
    "behind": -0.62,
    "beside": 0.24,
    "holds_span": 1.2,
    "words": 1.28,
}
_MOST_OF_IT: Final = 0.75  # Share of a question without its figures.
_TOLD_BEFORE: Final = re.compile(r"(?<=[.;!])\s+")
_TELLING: Final = 4  # Best passages, one of which tells of what a question asks about.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence with its relevance, 0..1: how likely it is part of the answer."""

    fit: Fit
    score: float


def score(fits: Sequence[Fit]) -> tuple[Scored, ...]:
    """Return sentences by relevance, best first; ties by rank and position."""
    scored = [Scored(fit=fit, score=_logistic(_relevance(fit))) for fit in fits]
    return tuple(sorted(scored, key=lambda one: (-one.score, one.fit.rank, one.fit.span)))


def signals(passages: Sequence[RankedPassage], scored: Sequence[Scored]) -> dict[str, float]:
    """Return what tells whether the record answers the question; nothing where no sentence was found.

    By name: `near`, the greatest cosine of a passage; `span`, the reader's best score of words that answer; `passage`,
    the log-odds of the passage that the best sentence stands in. Where nothing was read only the first is known.

    Args:
        passages: What was found.
        scored: Their sentences, best first.
    """
    if not scored:
        return {}
    spans = [ranked.reading.span_score for ranked in passages if ranked.reading is not None]
    near = {"near": max((ranked.cosine for ranked in passages if ranked.cosine is not None), default=0.0)}
    return near | {"span": max(spans), "passage": scored[0].fit.passage} if spans else near


def takes_for_granted(asking: Asking, best: Scored) -> bool:
    """Tell whether the question takes a figure for granted of which the best sentence gives another.

    It does when the sentence and what stands around it say most of the question but a figure, and the sentence has
    another figure of the same thing: 85 million for 90 million. A number in a series ("the 14th meeting") is no figure.
    """
    said = surroundings(best.fit.ranked)
    others = [term for term in asking.terms if term.kind != "number"]
    if coverage(others, said, asking.weights) < _MOST_OF_IT:
        return False
    if not all(is_in(term.key, said) for term in others if term.kind == "name"):
        return False
    given = _figures(best.fit.text)
    return any(
        thing in given and value not in given[thing] for thing, value in _pairs(asking.text) if value not in said
    )


def untold_of(asking: Asking, passages: Sequence[RankedPassage], scored: Sequence[Scored]) -> tuple[str, ...]:
    """Return the words of a question that ask about a happening of which the record, as far as found, does not tell.

    What the last sentence of a question says is asked; what stands before it is told by the one who asks.
    """
    told = (*passages[:_TELLING], *(one.fit.ranked for one in scored[:1]))
    sources = [
        text for ranked in told for text in (ranked.passage.text, ranked.passage.heading, ranked.citable.header.title)
    ]
    asked = _TOLD_BEFORE.split(asking.text.strip())[-1]
    return untold(asked, [text for text in sources if text])


def _figures(text: str) -> dict[str, set[str]]:
    """Return the figures of a text by what they count."""
    found: dict[str, set[str]] = {}
    for thing, value in _pairs(text):
        found.setdefault(thing, set()).add(value)
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield each figure that is followed by what it counts: that and the figure, as keys."""
    for figure, counted in pairwise(terms_of(text)):
        if (
            figure.kind == "number"
            and figure.text.replace(",", "").replace(".", "").isdigit()
            and counted.kind == "word"
        ):
            yield counted.key, figure.key


def log_odds(score: float) -> float:
    """Return the logit of a relevance in 0..1, the scale on which what it is made of adds up."""
    bounded = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def _relevance(fit: Fit) -> float:
    return _BIAS + math.fsum(weight * getattr(fit, name) for name, weight in WEIGHTS.items())


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
