"""Merging rankings, and folding passages that carry the same words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.corpus import DocumentHeader, RankedPassage

NEAR_COPY = 0.8  # Jaccard similarity of word sets inside a family of copies; wire editors change a word or two.

_WORD = re.compile(r"\w+")
_DAY_FORMS = "{0:%d %m %Y %B %b}"


def reciprocal_rank_fusion(
    rankings: Iterable[Sequence[RankedPassage]], *, k: int = 60, limit: int
) -> tuple[RankedPassage, ...]:
    """Merge rankings by reciprocal rank (Cormack, Clarke & Büttcher, SIGIR 2009).

    Each passage scores `sum(1 / (k + rank))` over the rankings that contain it.
    Ties are broken by `passage_id` so that the result does not depend on input order.

    Args:
        rankings: One ranking per retriever, ranks starting at 1. Input scores are ignored.
        k: Damping constant. 60 is the paper's value; larger flattens the top of the list.
        limit: Number of passages to return.

    Returns:
        At most `limit` passages, ranks renumbered from 1, best first.

    Raises:
        ValueError: If `limit` is not positive.
    """
    if limit < 1:
        raise ValueError(f"limit must be positive, got {limit}")
    scores: dict[str, float] = {}
    found: dict[str, RankedPassage] = {}
    for ranking in rankings:
        for ranked in ranking:
            passage_id = ranked.passage.passage_id
            scores[passage_id] = scores.get(passage_id, 0.0) + 1 / (k + ranked.rank)
            found.setdefault(passage_id, ranked)
    best = sorted(scores, key=lambda passage_id: (-scores[passage_id], passage_id))[:limit]
    return tuple(
        replace(found[passage_id], rank=rank, score=scores[passage_id]) for rank, passage_id in enumerate(best, start=1)
    )


def fold_copies(ranking: Sequence[RankedPassage]) -> tuple[RankedPassage, ...]:
    """Fold passages that say the same into the best-ranked one, whose `copies` then name their documents.

    The same means equal words apart from case and spacing, or, between a document and its copies, nearly
    equal words with the same numbers: a copy that changed a number says something else.

    Returns:
        The passages left, ranks renumbered from 1, scores as they were.
    """
    kept: list[RankedPassage] = []
    copies: list[list[DocumentHeader]] = []
    for ranked in ranking:
        twin = next((place for place, best in enumerate(kept) if _says_the_same(best, ranked)), None)
        if twin is None:
            kept.append(ranked)
            copies.append(list(ranked.copies))
        else:
            copies[twin] += [ranked.citable.header, *ranked.copies]
    return tuple(
        replace(ranked, rank=rank, copies=_distinct(ranked, headers))
        for rank, (ranked, headers) in enumerate(zip(kept, copies, strict=True), start=1)
    )


def _distinct(ranked: RankedPassage, headers: Iterable[DocumentHeader]) -> tuple[DocumentHeader, ...]:
    own = ranked.citable.header.document_id
    return tuple({header.document_id: header for header in headers if header.document_id != own}.values())


def _says_the_same(one: RankedPassage, other: RankedPassage) -> bool:
    first, second = one.passage.text.casefold(), other.passage.text.casefold()
    if first.split() == second.split():
        return True
    if _family(one) != _family(other) or one.passage.document_id == other.passage.document_id:
        return False
    mine, theirs = _without_dateline(one), _without_dateline(other)
    if _numbers(mine) != _numbers(theirs):
        return False
    words, others = set(mine), set(theirs)
    return bool(words) and len(words & others) >= NEAR_COPY * len(words | others)


def _without_dateline(ranked: RankedPassage) -> list[str]:
    """Return a passage's words but those that only repeat its header: each agency writes a dateline of its own."""
    header = ranked.citable.header
    day = _DAY_FORMS.format(header.published) if header.published else ""
    named = " ".join(filter(None, (header.place, header.publisher, day)))
    repeated = set(_WORD.findall(named.casefold()))
    if header.published:
        repeated |= {f"{header.published.day}{ending}" for ending in ("", "st", "nd", "rd", "th")}
    return [word for word in _WORD.findall(ranked.passage.text.casefold()) if word not in repeated]


def _numbers(words: Iterable[str]) -> list[str]:
    return sorted(word for word in words if word[0].isdigit())


def _family(ranked: RankedPassage) -> str:
    header = ranked.citable.header
    return header.duplicate_of or header.document_id
