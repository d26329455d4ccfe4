"""Whether the evidence answers the question: a small logistic score, and what it looks at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.corpus import DocumentHeader
from service.answering.asked import Asked
from service.answering.lexical_match import Term, is_in, joined_keys
from service.answering.relevance import Asking, Fit

_BIAS: Final = -3.0
_WORDS: Final = 0.8
_AROUND: Final = 1.0
_MEANING: Final = 2.5
_COSINE: Final = 3.0
_HOLDS: Final = 0.6
_FIRST: Final = 0.4
# Fitted by tests/bench/fit_refusal.py; docs/measurements.md, "When to refuse", has the figures.
_BIAS_OF_ANSWERS: Final = -2.71
_WEIGHTS: Final = {"nearest": 4.07, "relevance": 0.18, "missing": -0.30, "lacks": -0.53}
_ELSEWHERE: Final = 0.5  # A name that is only elsewhere in the document is half missing.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence with its relevance, 0..1: how likely it is part of the answer."""

    fit: Fit
    score: float


def score(fits: Sequence[Fit]) -> tuple[Scored, ...]:
    """Return sentences by relevance, best first; ties by rank and position."""
    scored = [Scored(fit=fit, score=_logistic(_relevance(fit))) for fit in fits]
    return tuple(sorted(scored, key=lambda one: (-one.score, one.fit.rank, one.fit.span)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What tells whether the record answers.

    Attributes:
        nearest: Cosine of the sentence nearest to the question, -1..1.
        relevance: Log-odds of the best sentence's own score.
        missing: Share of the question's names and numbers that its document does not have; 0 without any. Not their
            number, since a long question names much that an answer need not repeat.
        lacks: 1 if it does not hold what is asked for: a time, a number, a name.
    """

    nearest: float
    relevance: float
    missing: float
    lacks: float


def signals(asking: Asking, scored: Sequence[Scored], document_text: Callable[[DocumentHeader], str]) -> Signals | None:
    """Compare a question with what was found for it; `None` when nothing was.

    Args:
        asking: The question.
        scored: The sentences that were measured, best first.
        document_text: Looks up the whole text of a document.
    """
    if not scored:
        return None
    best = scored[0].fit
    typed = asking.asked not in {Asked.ANY, Asked.WHY}
    return Signals(
        nearest=max(one.fit.cosine for one in scored),
        relevance=log_odds(scored[0].score),
        missing=_missing(asking, best, document_text),
        lacks=float(typed and not best.holds_asked),
    )


def answerability(found: Signals | None) -> float:
    """Return how likely the record answers the question, 0..1, where half of all questions have an answer."""
    if found is None:
        return 0.0
    return _logistic(_BIAS_OF_ANSWERS + sum(weight * getattr(found, name) for name, weight in _WEIGHTS.items()))


def log_odds(score: float) -> float:
    """Return the logit of a relevance in 0..1, the scale on which what it is made of adds up."""
    bounded = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def _relevance(fit: Fit) -> float:
    return (
        _BIAS
        + _WORDS * fit.words
        + _AROUND * fit.around
        + _MEANING * fit.meaning
        + _COSINE * fit.cosine
        + _HOLDS * fit.holds_asked
        + _FIRST / fit.rank
    )


def _missing(asking: Asking, fit: Fit, document_text: Callable[[DocumentHeader], str]) -> float:
    """Return the share of the question's names and numbers that the document does not have, 0..1."""
    named = {term.key: term for term in asking.particulars}.values()
    header, passage = fit.ranked.citable.header, fit.ranked.passage
    around = joined_keys((passage.text, passage.heading, header.title, header.publisher, header.place))
    missing = [term for term in named if not is_in(term.key, around)]
    if not missing:
        return 0.0
    text = document_text(header).casefold()
    return sum(_ELSEWHERE if _occurs(term, text) else 1.0 for term in missing) / len(named)


def _occurs(term: Term, text: str) -> bool:
    return term.key in text or term.text.casefold() in text


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
