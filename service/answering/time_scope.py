"""Which days of publication a question asks for in its own words: "as of May 2024", "published before 6 February 2025".

Most dates in questions are days of events, and a later report may tell of them: only words that speak of knowing or of
publishing limit what may answer.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from domain.answers import TimeScope
from service.answering.calendar_days import MONTH, Days, day_of, month_number, month_of, year_of
from service.answering.lexical_match import terms_of

_PERIOD: Final = (
    rf"(?:the\s+)?(?:(?:19|20)\d\d-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH},?\s+(?:19|20)\d\d"
    rf"|{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d|{MONTH}\s+(?:19|20)\d\d|(?:19|20)\d\d)(?![\d-])"
)
_PUBLISHED: Final = (
    r"(?:(?:according to|in)\s+(?:the\s+)?(?:reports?|documents?|articles?|stories|statements?|news|coverage)\s+)?"
    r"(?:that (?:were|was)\s+)?published"
)
_AS_OF: Final = re.compile(rf"[,(]?\s*\bas\s+(?:of|at)\s+(?P<first>{_PERIOD})", re.IGNORECASE)
_RANGE: Final = re.compile(
    rf"[,(]?\s*\b{_PUBLISHED}\s+(?:between|from)\s+(?P<first>{_PERIOD})\s+(?:and|to|until)\s+(?P<last>{_PERIOD})",
    re.IGNORECASE,
)
_BOUND: Final = re.compile(
    rf"[,(]?\s*\b{_PUBLISHED}\s+(?P<how>before|until|up to|by|after|since|from|in|on|during)\s+(?P<first>{_PERIOD})",
    re.IGNORECASE,
)
_DAY: Final = timedelta(days=1)


def with_time_scope(text: str) -> tuple[str, TimeScope]:
    """Return a question without the words that say what may answer, and what they say.

    A question of nothing else keeps its words. What is no date ("as of today", the 31st of February) stays where it is.
    """
    for pattern in (_AS_OF, _RANGE, _BOUND):
        match = pattern.search(text)
        scope = _scope(match) if match is not None else None
        if match is not None and scope is not None:
            rest = f"{text[: match.start()]} {text[match.end() :].lstrip(' ,)')}"
            rest = re.sub(r"\s+([?.!,])", r"\1", " ".join(rest.split())).lstrip("?.!, ")
            return (rest if terms_of(rest) else text), scope
    return text, TimeScope()


def merged(asked: TimeScope, said: TimeScope) -> TimeScope:
    """Return the request's scope with what the question says where the request says nothing.

    Raises:
        QuestionError: If no day is in both.
    """
    return TimeScope(
        as_of=asked.as_of or said.as_of,
        published_from=asked.published_from or said.published_from,
        published_to=asked.published_to or said.published_to,
        publisher=asked.publisher,
    )


def _scope(match: re.Match[str]) -> TimeScope | None:
    named = match.groupdict()
    first = _days_of(named["first"])
    last = _days_of(named["last"]) if named.get("last") else first
    if first is None or last is None or last.last < first.first:
        return None
    if named.get("last"):
        return TimeScope(published_from=first.first, published_to=last.last)
    how = (named.get("how") or "").lower()
    return _BOUNDED.get(how, _during)(first) if how else TimeScope(as_of=first.last)


def _during(days: Days) -> TimeScope:
    return TimeScope(published_from=days.first, published_to=days.last)


def _until(days: Days) -> TimeScope:
    return TimeScope(published_to=days.last)


def _since(days: Days) -> TimeScope:
    return TimeScope(published_from=days.first)


_BOUNDED: Final[dict[str, Callable[[Days], TimeScope]]] = {
    "before": lambda days: TimeScope(published_to=days.first - _DAY),
    "after": lambda days: TimeScope(published_from=days.last + _DAY),
    "until": _until,
    "up to": _until,
    "by": _until,
    "since": _since,
    "from": _since,
}


def _days_of(written: str) -> Days | None:
    """Return the days of a date, a month or a year; `None` for one that does not exist."""
    iso = re.search(r"((?:19|20)\d\d)-(\d\d)-(\d\d)", written)
    if iso is not None:
        return day_of(int(iso[1]), int(iso[2]), int(iso[3]))
    year = int(re.findall(r"(?:19|20)\d\d", written)[-1])
    named = re.search(rf"\b{MONTH}", written, re.IGNORECASE)
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", written)
    if named is None:
        return year_of(year)
    month = month_number(named[0])
    return month_of(year, month) if day is None else day_of(year, month, int(day[1]))
