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
_LACKS_ASKED: Final = 1.2
_ABSENT: Final = 1.5
_UNKNOWN: Final = 3.5
_UNSEEN: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence with its relevance, 0..1: how likely it is part of the answer."""

    fit: Fit
    score: float


def score(fits: Sequence[Fit]) -> tuple[Scored, ...]:
    """Return sentences by relevance, best first; ties by rank and position."""
    scored = [Scored(fit=fit, score=_logistic(_relevance(fit))) for fit in fits]
    return tuple(sorted(scored, key=lambda one: (-one.score, one.fit.rank, one.fit.span)))


def answerability(asking: Asking, best: Sequence[Scored], document_text: Callable[[DocumentHeader], str]) -> float:
    """Return how likely the best sentences answer the question, 0..1.

    Names and numbers of the question that are not beside the sentence count against it; those that are nowhere in its
    document count more, since a record that never names the thing asked about does not answer.
    """
    return max((_logistic(_answer_logit(asking, one, document_text)) for one in best), default=0.0)


def log_odds(score: float) -> float:
    """Return the logit of a relevance in 0..1, the scale on which what it is made of adds up."""
    bounded = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def _answer_logit(asking: Asking, one: Scored, document_text: Callable[[DocumentHeader], str]) -> float:
    absent, unknown = _missing(asking, one.fit, document_text)
    typed = asking.asked not in {Asked.ANY, Asked.WHY}
    lacks = typed and not one.fit.holds_asked
    missing = _ABSENT * absent + _UNKNOWN * unknown + _UNSEEN * one.fit.unseen
    return _relevance(one.fit) - _LACKS_ASKED * lacks - missing


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


def _missing(asking: Asking, fit: Fit, document_text: Callable[[DocumentHeader], str]) -> tuple[int, int]:
    """Count the question's names and numbers that are only elsewhere in the document, and those that are nowhere."""
    header, passage = fit.ranked.citable.header, fit.ranked.passage
    around = joined_keys((passage.text, passage.heading, header.title, header.publisher, header.place))
    missing = [term for term in asking.particulars if not is_in(term.key, around)]
    if not missing:
        return 0, 0
    text = document_text(header).casefold()
    known = [term for term in missing if _occurs(term, text)]
    return len(known), len(missing) - len(known)


def _occurs(term: Term, text: str) -> bool:
    return term.key in text or term.text.casefold() in text


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
