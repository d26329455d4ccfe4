"""Merging rankings, and folding passages that carry the same words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.corpus import DocumentHeader, RankedPassage

NEAR_COPY = 0.8  # Jaccard similarity of word sets inside a family of copies; wire editors change a word or two.

_WORD = re.compile(r"\w+")
_DAY_FORMS = "{0:%d %m %Y %B %b}"


def score_fusion(
    dense: Sequence[RankedPassage], lexical: Sequence[RankedPassage], *, word_weight: float, limit: int
) -> tuple[RankedPassage, ...]:
    """Merge a dense and a lexical ranking by their scores (Bruch, Gai & Ingber, TOIS 42, 2023).

    A passage scores its cosine plus `word_weight` times its BM25. One that a ranking does not hold is taken to be as
    near as the furthest one that it does hold, and to share no word.
    Ties are broken by `passage_id` so that the result does not depend on input order.

    Args:
        dense: Scored by cosine, -1..1, best first.
        lexical: Scored by BM25, 0 or more, best first.
        word_weight: What a unit of BM25 adds to a cosine.
        limit: Number of passages to return.

    Returns:
        At most `limit` passages, ranks renumbered from 1, best first.

    Raises:
        ValueError: If `limit` is not positive.
    """
    if limit < 1:
        raise ValueError(f"limit must be positive, got {limit}")
    found = {ranked.passage.passage_id: ranked for ranked in (*lexical, *dense)}
    cosines = {ranked.passage.passage_id: ranked.score for ranked in dense}
    words = {ranked.passage.passage_id: ranked.score for ranked in lexical}
    furthest = min(cosines.values(), default=0.0)
    scores = {key: cosines.get(key, furthest) + word_weight * words.get(key, 0.0) for key in found}
    best = sorted(scores, key=lambda key: (-scores[key], key))[:limit]
    return tuple(
        replace(found[key], rank=rank, score=scores[key], cosine=cosines.get(key))
        for rank, key in enumerate(best, start=1)
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
