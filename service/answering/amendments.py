"""Which figure takes the place of which, as texts say it: "raised from 2.4 to 2.9 billion", "instead of"."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from service.answering.evidence import CELL
from service.answering.numbers import with_plain_dates
from service.answering.values import Value, figures_of

_CHANGES: Final = re.compile(
    r"\b(?:rais(?:e|es|ed|ing)|ris(?:e|es|en|ing)|rose|increas\w*|lift(?:s|ed|ing)?|cut(?:s|ting)?|lower(?:s|ed|ing)?"
    r"|reduc\w*|mov(?:e|es|ed|ing)|postpon\w*|delay\w*|put off|brought forward|extend\w*|shorten\w*|chang\w*|revis\w*"
    r"|gr(?:ow|ows|own|ew|owing)|(?:fall|fell|drop|climb|swell|swoll|shr[iau]nk|declin|expand)\w*"
    r"|amend\w*|correct\w*|adjust\w*|trimm\w*|upgrad\w*|downgrad\w*|reschedul\w*|push(?:es|ed)? back)\b",
    re.IGNORECASE,
)
_INSTEAD: Final = re.compile(
    r"\b(?:instead of|rather than|in place of|and not|replac(?:es|ed|ing)|supersed(?:es|ed|ing))\b|,\s*not\b",
    re.IGNORECASE,
)
_REPLACED_BY: Final = re.compile(r"\b(?:replaced|superseded|corrected|amended) (?:by|to)\b", re.IGNORECASE)
_CORRECTS: Final = re.compile(
    r"\bcorrections?\b|\bcorrect(?:s|ed|ing)\b|\bclarifications?\b|\bin error\b|\bthe error\b|\berroneous(?:ly)?\b"
    r"|\b(?:wrongly|mistakenly|incorrectly)\b|\bmisstated\b|\bshould have (?:read|said|been)\b",
    re.IGNORECASE,
)
_EARLIER: Final = re.compile(
    r"\b(?:earlier|previous(?:ly)?|reported|had said|said that|stated|gave|wrongly|mistakenly|incorrectly|erroneously"
    r"|first|original(?:ly)?|version)\b",
    re.IGNORECASE,
)
_RIGHT: Final = re.compile(
    r"\b(?:correct|right|actual|true|proper|revised|new) (?:\w+ ){0,2}(?:is|was|are|were)\b|\bin fact\b|\bactually\b"
    r"|\bshould (?:be|have been|have read|have said|read)\b"
    r"|\b(?:number|figure|total|sum|date|day|amount)s? (?:is|was)\b",
    re.IGNORECASE,
)
_FROM: Final = re.compile(r"\bfrom\s+(?:(?:the|an?|about|around|some|nearly|originally)\s+)*$", re.IGNORECASE)
_TO: Final = re.compile(r"^[^.;]{0,40}?\bto\s+(?:(?:the|an?|about|around|some|nearly)\s+)*$", re.IGNORECASE)
_AMENDS: Final = re.compile(r"\b(?:amend|revis|correct|chang|updat)\w*", re.IGNORECASE)
_ROW_OF_A_CHANGE: Final = 3
_BETWEEN: Final = 60  # Characters between two figures of one statement, at most.


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A text says that one value takes the place of another.

    Attributes:
        was: What holds no longer, or never did.
        now: What holds in its place.
        sentence: Which sentence of the text gives what holds.
    """

    was: Value
    now: Value
    sentence: int


def amendments_in(sentences: Sequence[str], *, title: str = "") -> tuple[Amendment, ...]:
    """Return what the sentences of one passage say of values that replace others.

    Args:
        sentences: In reading order.
        title: Of the document; one that speaks of a correction makes a correction of the passage, one that speaks of a
            change makes its rows of three cells say what was and what is.
    """
    plain = [with_plain_dates(sentence) for sentence in sentences]
    values = [figures_of(sentence) for sentence in sentences]
    found = [
        Amendment(was=was, now=now, sentence=place)
        for place, sentence in enumerate(plain)
        for was, now in _within(sentence, values[place])
    ]
    found += _across(plain, values)
    if _AMENDS.search(title):
        found += _rows(plain, values)
    if any(_CORRECTS.search(text) for text in (*plain, title)):
        found += _corrections(plain, values)
    return tuple(found)


def _within(sentence: str, values: Sequence[Value]) -> Iterator[tuple[Value, Value]]:
    """Yield old and new of one sentence."""
    for first, second in pairwise(values):
        between = sentence[first.end : second.start]
        if not first.is_like(second) or first.is_same(second) or len(between) > _BETWEEN:
            continue
        changes = _FROM.search(sentence[: first.start]) and _TO.search(between) and _CHANGES.search(sentence)
        if changes or _REPLACED_BY.search(between):
            yield first, second
        elif _INSTEAD.search(between):
            yield second, first


def _across(sentences: Sequence[str], values: Sequence[Sequence[Value]]) -> Iterator[Amendment]:
    """Yield what "This figure replaces the 2.4 billion" says of the figure in the sentence before it."""
    for place in range(1, len(sentences)):
        if not values[place] or not values[place - 1]:
            continue
        was = values[place][0]
        lead = sentences[place][: was.start]
        if re.search(r"\b(?:replac(?:es|ed|ing)|supersed(?:es|ed|ing))\b", lead) and not _REPLACED_BY.search(lead):
            now = next((one for one in values[place - 1] if one.is_like(was) and not one.is_same(was)), None)
            if now is not None:
                yield Amendment(was=was, now=now, sentence=place - 1)


def _rows(sentences: Sequence[str], values: Sequence[Sequence[Value]]) -> Iterator[Amendment]:
    """Yield what rows such as "Time for drawing | five years | six years" say."""
    for place, sentence in enumerate(sentences):
        cells = sentence.split(CELL)
        if len(cells) != _ROW_OF_A_CHANGE:
            continue
        last = len(sentence) - len(cells[-1])
        first = last - len(CELL) - len(cells[1])
        was = [one for one in values[place] if first <= one.start < last]
        now = [one for one in values[place] if one.start >= last]
        if len(was) == len(now) == 1 and was[0].is_like(now[0]) and not was[0].is_same(now[0]):
            yield Amendment(was=was[0], now=now[0], sentence=place)


def _corrections(sentences: Sequence[str], values: Sequence[Sequence[Value]]) -> Iterator[Amendment]:
    """Yield what a correction says was wrong, with what it says is right in another sentence."""
    right = [place for place, sentence in enumerate(sentences) if values[place] and _RIGHT.search(sentence)]
    for place, sentence in enumerate(sentences):
        if place in right or not _EARLIER.search(sentence):
            continue
        for was in values[place]:
            for other in right:
                now = next((one for one in values[other] if one.is_like(was) and not one.is_same(was)), None)
                if now is not None and not any(was.is_same(one) for one in values[other]):
                    yield Amendment(was=was, now=now, sentence=other)
