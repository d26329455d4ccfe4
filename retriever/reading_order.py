"""The order of passages that were read: how near they were found, what the reader makes of them, how new they are."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from domain.corpus import RankedPassage, Reading

FEATURES: Final = ("fused", "answers", "recency")
# Fitted by tools/reader/fit.py, but for recency: the fit gives 1.9 for the sake of one set of changing facts, and 0.9
# is better on news (docs/measurements.md, "The reader").
WEIGHTS: Final = (4.54, 0.5, 1.4)
_AS_OF: Final = 3.0  # Recency's weight where a day is asked about; what held then is in the newest reports before it.
_HALF_LIFE_AS_OF_DAYS: Final = 90
_HALF_LIFE_DAYS: Final = 365  # Of those tried (180, 365, 730) the one that was never worse than no recency.
_STATED_TIME: Final = re.compile(
    r"\b(?:1[5-9]\d\d|20\d\d)\b|\b(?:January|February|March|April|June|July|August|September|October|November|December)\b"
)


def in_reading_order(
    question: str, ranking: Sequence[RankedPassage], readings: Sequence[Reading], *, as_of: date | None = None
) -> tuple[RankedPassage, ...]:
    """Return the passages with their readings, the most relevant first, ranks from 1.

    The score becomes a log-odds that compares passages of one question; equal ones stay in the order in which they
    came.

    Args:
        question: Stand-alone.
        ranking: Passages as they were fused.
        readings: Of each.
        as_of: The day that is asked about, if one is.
    """
    rows = features(question, ranking, readings, as_of=as_of)
    weights = WEIGHTS if as_of is None else (*WEIGHTS[:-1], _AS_OF)
    read = [
        replace(ranked, score=math.fsum(map(math.prod, zip(weights, row, strict=True))), reading=reading)
        for ranked, reading, row in zip(ranking, readings, rows, strict=True)
    ]
    read.sort(key=lambda ranked: -ranked.score)
    return tuple(replace(ranked, rank=rank) for rank, ranked in enumerate(read, start=1))


def features(
    question: str, ranking: Sequence[RankedPassage], readings: Sequence[Reading], *, as_of: date | None = None
) -> tuple[tuple[float, ...], ...]:
    """Return what the order goes by, for each passage, as named in `FEATURES`; the ranking has its fused scores."""
    newness = _recency(question, [ranked.citable.header.published for ranked in ranking], as_of)
    return tuple(
        (ranked.score, reading.answers, new) for ranked, reading, new in zip(ranking, readings, newness, strict=True)
    )


def _recency(question: str, published: Sequence[date | None], as_of: date | None) -> list[float]:
    """Return 1 for the newest, halved with each year before it, 0 without a date; all 0 if the question names a time.

    Of reports that fit alike the newest is most likely meant; one that does not say when it is from is not taken to
    be new. Where a day is asked about, time counts from that day and passes faster.
    """
    newest = as_of or max((day for day in published if day is not None), default=None)
    half_life = _HALF_LIFE_DAYS if as_of is None else _HALF_LIFE_AS_OF_DAYS
    if newest is None or _STATED_TIME.search(question):
        return [0.0] * len(published)
    return [0.0 if day is None else 0.5 ** ((newest - day).days / half_life) for day in published]
