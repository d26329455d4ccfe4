"""Which sentences answer a question, and what tells whether the record answers it at all."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from domain.corpus import DocumentHeader, RankedPassage
from service.answering.lexical_match import Term, coverage, is_in, terms_of
from service.answering.relevance import Asking, Fit, surroundings

# Log-odds of being part of the answer; fitted by tools/reader/fit.py, see docs/measurements.md.
_BIAS: Final = -3.55
WEIGHTS: Final[Mapping[str, float]] = {
    "passage": 0.23,
    "behind": -0.62,
    "beside": 0.24,
    "holds_span": 1.2,
    "words": 1.28,
    "holds_asked": 0.5,
}
_ELSEWHERE: Final = 0.5  # A name that is only elsewhere in the document is half missing.
_MOST_OF_IT: Final = 0.75  # Share of a question without its figures.
_NOTHING: Final = -8.0  # Log-odds where nothing was read.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence with its relevance, 0..1: how likely it is part of the answer."""

    fit: Fit
    score: float


def score(fits: Sequence[Fit]) -> tuple[Scored, ...]:
    """Return sentences by relevance, best first; ties by rank and position."""
    scored = [Scored(fit=fit, score=_logistic(_relevance(fit))) for fit in fits]
    return tuple(sorted(scored, key=lambda one: (-one.score, one.fit.rank, one.fit.span)))


def signals(
    asking: Asking,
    passages: Sequence[RankedPassage],
    scored: Sequence[Scored],
    document_text: Callable[[DocumentHeader], str],
) -> dict[str, float]:
    """Return what tells whether the record answers the question; nothing where no sentence was found.

    By name: `near`, the greatest cosine of a passage; `passage` and `span`, the reader's best scores; `missing`, the
    share of the question's names and numbers that the best sentence's document lacks, not their number, since a long
    question names much that an answer need not repeat.

    Args:
        asking: The question.
        passages: What was found.
        scored: Their sentences, best first.
        document_text: Looks up the whole text of a document.
    """
    if not scored:
        return {}
    readings = [ranked.reading for ranked in passages if ranked.reading is not None]
    return {
        "near": max((ranked.cosine for ranked in passages if ranked.cosine is not None), default=0.0),
        "passage": max((reading.answers for reading in readings), default=_NOTHING),
        "span": max((reading.span_score for reading in readings), default=_NOTHING),
        "missing": _missing(asking, scored[0].fit, document_text),
    }


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


def _missing(asking: Asking, fit: Fit, document_text: Callable[[DocumentHeader], str]) -> float:
    """Return the share of the question's names and numbers that the document lacks, 0..1."""
    named = {term.key: term for term in asking.particulars}.values()
    around = surroundings(fit.ranked)
    missing = [term for term in named if not is_in(term.key, around)]
    if not missing:
        return 0.0
    text = document_text(fit.ranked.citable.header).casefold()
    return sum(_ELSEWHERE if _occurs(term, text) else 1.0 for term in missing) / len(named)


def _occurs(term: Term, text: str) -> bool:
    return term.key in text or term.text.casefold() in text


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
