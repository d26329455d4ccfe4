"""Is the evidence among what was found? Ranking of documents and of passages, to depth 10.

A ranking is judged where the case names its gold; a judged case for which nothing was found scores 0, and a case
without gold is not judged. All values lie in 0..1, higher is better.

*Documents.* A document is found at its best passage; its other passages do not count and take no rank, as in the usual
"best paragraph per document". Gold are the case's gold documents. Documents that a system folds into one, because they
carry the same words, are found at its rank and take none of their own.

*Passages.* A passage that repeats the words of one above it takes no rank. A passage is relevant when it holds a gold
text (see `matching.holds_gold`) that none above it held, so that finding the same evidence twice is rewarded once.
Gold without words is not judged here.

Sources: Voorhees, TREC-8 question answering track (1999) for the reciprocal rank; Järvelin & Kekäläinen, TOIS 20 (2002)
for nDCG, with binary gain and the base-2 logarithm of trec_eval; hit@k is Success@k of ir-measures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eval.cases import Case
from eval.metrics.matching import holds_gold
from eval.outcomes import Found, Outcome

DEPTH: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A ranking against its gold.

    Attributes:
        relevant: Ranks of what is relevant, from 1, at most `DEPTH`, ascending.
        wanted: How many relevant things a perfect ranking holds; at least 1.
        complete: Whether all gold is within `DEPTH`.
    """

    relevant: tuple[int, ...]
    wanted: int
    complete: bool


def by_document(case: Case, outcome: Outcome) -> Judgement | None:
    """Judge the ranking of documents; `None` without gold."""
    gold = {one.doc_id for one in case.gold}
    if not gold:
        return None
    missing, relevant = set(gold), []
    for rank, documents in enumerate(_distinct_documents(outcome.found)[:DEPTH], start=1):
        if missing & documents:
            relevant.append(rank)
            missing -= documents
    return Judgement(relevant=tuple(relevant), wanted=len(relevant) + len(missing), complete=not missing)


def by_passage(case: Case, outcome: Outcome) -> Judgement | None:
    """Judge the ranking of passages; `None` without gold that has words.

    A gold text that was not found is taken to need one passage of its own, so a perfect ranking holds the relevant
    passages found and one for each gold text that is missing.
    """
    texts = tuple(dict.fromkeys(gold.text for gold in case.gold if gold.text.strip()))
    return _judged_passages(texts, outcome.found) if texts else None


def hit(judgement: Judgement, *, k: int) -> float:
    """Return 1 if something relevant is among the first `k`, else 0."""
    return float(any(rank <= k for rank in judgement.relevant))


def reciprocal_rank(judgement: Judgement) -> float:
    """Return 1 / rank of the first relevant thing within `DEPTH`, else 0; its mean is MRR@10."""
    return 1 / judgement.relevant[0] if judgement.relevant else 0.0


def ndcg(judgement: Judgement) -> float:
    """Return the discounted gain of the first `DEPTH`, as a share of a perfect ranking's."""
    gain = math.fsum(1 / math.log2(rank + 1) for rank in judgement.relevant)
    return gain / math.fsum(1 / math.log2(rank + 1) for rank in range(1, min(judgement.wanted, DEPTH) + 1))


def all_gold(judgement: Judgement) -> float:
    """Return 1 if all gold is within `DEPTH`, else 0; 0 also where there is more gold than `DEPTH` holds."""
    return float(judgement.complete)


# All passage metrics of a case come one after the other; the texts are compared once for them.
@lru_cache(maxsize=16)
def _judged_passages(texts: tuple[str, ...], found: tuple[Found, ...]) -> Judgement:
    missing = list(texts)
    relevant = []
    for rank, passage in enumerate(_distinct(found)[:DEPTH], start=1):
        held = [text for text in missing if holds_gold(passage.text, text)]
        if held:
            relevant.append(rank)
            missing = [text for text in missing if text not in held]
    return Judgement(relevant=tuple(relevant), wanted=len(relevant) + len(missing), complete=not missing)


def _distinct_documents(found: Sequence[Found]) -> list[frozenset[str]]:
    """Return each ranked document with its copies; one that stands above, alone or as a copy, takes no rank."""
    ranking: list[frozenset[str]] = []
    seen: set[str] = set()
    for passage in found:
        if passage.doc_id not in seen:
            documents = frozenset({passage.doc_id, *passage.copies}) - seen
            ranking.append(documents)
            seen |= documents
    return ranking


def _distinct(found: Sequence[Found]) -> list[Found]:
    first: dict[str, Found] = {}
    for passage in found:
        first.setdefault(" ".join(passage.text.split()).casefold(), passage)
    return list(first.values())
