"""Answering by quoting: the best sentences of the record, as they stand."""

import re
from collections.abc import Sequence
from typing import Final

from service.answering.decide import Scored, log_odds
from service.answering.lexical_match import is_in, keys_of, overlap
from service.answering.relevance import Asking

# How far below the best sentence's log-odds another may lie and still be quoted; docs/measurements.md, "Evidence".
_NEAR_BEST: Final = 1.2
_NEAR_BEST_OPEN: Final = 1.5  # Where the question does not ask for one thing of a kind, an answer takes more sentences.
# Questions that ask for one thing of a kind: a person, a time, a place, a number.
_ASKS_ONE: Final = re.compile(
    r"\b(?:who|whom|whose|where|how (?:much|many|long|old|often|far|tall|big|large|high|fast))\b|\bwhen\b(?! asked)"
    r"|\b(?:what|which) (?:number|percentage|share|proportion|day|date|year|month|time|century|place|city|town|country"
    r"|state|province|region|location|venue)\b"
    r"|\b(?:what|which) (?!(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|may|might)\b)"
    r"(?:\w+ ){0,2}(?:person|leaders?|president|minister|player)\b",
    re.IGNORECASE,
)
_ADDS: Final = 2.0  # For one that covers more of the question.
_ADDED_SHARE: Final = 0.2
_SAME: Final = 0.6  # Jaccard similarity of content words above which two sentences say the same.


def choose_quotes(asking: Asking, scored: Sequence[Scored], *, limit: int, sure: int = 1) -> tuple[Scored, ...]:
    """Return the sentences that answer together, in reading order within a document, the best one's document first.

    Beside the best sentence only those are quoted that are nearly as relevant, or that cover a part of the question
    that is still open; what says the same again is left out.

    Args:
        asking: The question.
        scored: Sentences, best first.
        limit: Most sentences.
        sure: How many of the first are quoted in any case, such as the two sides of a conflict.
    """
    chosen = list(scored[: min(sure, limit)])
    for one in scored[sure:]:
        if len(chosen) == limit:
            break
        if _belongs(asking, one, chosen):
            chosen.append(one)
    order = list(dict.fromkeys(one.fit.ranked.passage.document_id for one in chosen))
    return tuple(sorted(chosen, key=lambda one: (order.index(one.fit.ranked.passage.document_id), one.fit.span)))


def without_repeats(scored: Sequence[Scored], *, limit: int, sure: int = 1) -> tuple[Scored, ...]:
    """Return the best sentences, leaving out what says the same as a better one; the first `sure` stay."""
    kept = list(scored[: min(sure, limit)])
    for one in scored[sure:]:
        if len(kept) < limit and not any(overlap(one.fit.text, other.fit.text) > _SAME for other in kept):
            kept.append(one)
    return tuple(kept)


def _belongs(asking: Asking, one: Scored, chosen: Sequence[Scored]) -> bool:
    if any(overlap(one.fit.text, other.fit.text) > _SAME for other in chosen):
        return False
    behind = log_odds(chosen[0].score) - log_odds(one.score)
    if behind <= (_NEAR_BEST if _ASKS_ONE.search(asking.text) else _NEAR_BEST_OPEN):
        return True
    return behind <= _ADDS and _added(asking, one, chosen) >= _ADDED_SHARE


def _added(asking: Asking, one: Scored, chosen: Sequence[Scored]) -> float:
    """Return the weighted share of the question that only this sentence covers."""
    have = frozenset().union(*(keys_of(other.fit.text) for other in chosen))
    here = keys_of(one.fit.text)
    total = sum(asking.weights.values())
    added = sum(
        asking.weights[term.key] for term in asking.terms if is_in(term.key, here) and not is_in(term.key, have)
    )
    return added / total if total else 0.0
