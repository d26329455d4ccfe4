"""When what a sentence reports happened or will: its dates and relative days, resolved by the day it was published.

"on Wednesday" of a story of Thursday, 6 February 2025, is 5 February 2025. The day of publication and the day of the
event are two things, and a citation shows both.
"""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from domain.answers import EventDate
from domain.corpus import Span
from service.answering.calendar_days import MONTH, Days, day_of, month_number, month_of, year_of

_DAYS: Final = [name.lower() for name in calendar.day_name]
_MONTH: Final = rf"(?P<month>{MONTH})"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_DAY: Final = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_WEEKDAY: Final = r"(?P<weekday>" + "|".join(_DAYS) + r")"
_PATTERNS: Final = (
    re.compile(rf"\b{_YEAR}-(?P<month>[01]\d)-(?P<day>[0-3]\d)\b"),
    re.compile(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?\b(?!\s*-)", re.IGNORECASE),
    re.compile(
        rf"\b{_MONTH}\s+{_DAY}\b(?!\s*(?:percent|per cent|%|people|million|billion))(?:,?\s+{_YEAR}\b)?", re.IGNORECASE
    ),
    re.compile(rf"\b{_MONTH}\s+{_YEAR}\b", re.IGNORECASE),
    re.compile(rf"\b(?P<relation>(?:on|last|next|this|by|until|since)\s+){_WEEKDAY}\b", re.IGNORECASE),
    re.compile(r"\b(?P<near>yesterday|today|tomorrow)\b", re.IGNORECASE),
    re.compile(r"\b(?P<which>last|next|this)\s+(?P<unit>week|month|year)\b", re.IGNORECASE),
)
_NEAR: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_STEP: Final = {"last": -1, "this": 0, "next": 1}
_AHEAD: Final = re.compile(
    r"\b(?:will|would|is to|are to|next|until|by|due|plans? to|scheduled|expected)\b", re.IGNORECASE
)
_SAID: Final = re.compile(
    r"\b(?:said|told|announced|reported|added|wrote|declared|stated|confirmed)\W+(?:\w+\W+){0,2}$", re.IGNORECASE
)
_LOOKS_BACK: Final = 60  # Characters before a weekday in which "will" makes it one to come.
_DECEMBER: Final = 12
_WEEK: Final = 7


def event_dates(text: str, *, start: int, published: date | None) -> tuple[EventDate, ...]:
    """Return the days that a sentence speaks of, in its order.

    Args:
        text: The sentence.
        start: Where it begins in its document.
        published: Day of publication; without one only dates that name their year are resolved.
    """
    found: list[EventDate] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            days = _resolved(match, text, published)
            span = Span(start=start + match.start(), end=start + match.end())
            if days is not None and not any(
                span.start < other.span.end and other.span.start < span.end for other in found
            ):
                found.append(EventDate(span=span, first=days.first, last=days.last))
    return tuple(sorted(found, key=lambda one: one.span))


def _resolved(match: re.Match[str], text: str, published: date | None) -> Days | None:
    named = match.groupdict()
    if named.get("month"):
        return _of_month(named, text, published)
    if published is None:
        return None
    if named.get("near"):
        day = published + timedelta(days=_NEAR[named["near"].lower()])
        return Days(first=day, last=day)
    if named.get("weekday"):
        return _of_weekday(named, text[: match.start()], published)
    return _PERIODS[named["unit"].lower()](published, _STEP[named["which"].lower()])


def _of_month(named: dict[str, str | None], text: str, published: date | None) -> Days | None:
    written = named["month"] or ""
    if not written[:1].isupper() and not written.isdigit():
        return None  # "They may 6 times refuse."
    month = int(written) if written.isdigit() else month_number(written)
    day, named_year = int(named.get("day") or 0), int(named.get("year") or 0)
    year = named_year or _nearest_year(month, day or 1, text, published)
    if year is None or not 1 <= month <= _DECEMBER:
        return None
    return day_of(year, month, day) if named.get("day") else month_of(year, month)


def _nearest_year(month: int, day: int, text: str, published: date | None) -> int | None:
    """Return the year that a day without one most likely has: the one nearest to the publication."""
    if published is None:
        return None
    able = []
    for year in (published.year - 1, published.year, published.year + 1):
        try:
            able.append(date(year, month, day))
        except ValueError:
            continue
    # Half a year away both are as near: what is ahead is told as such.
    ahead = bool(_AHEAD.search(text))
    return min(able, key=lambda one: (abs((one - published).days), (one > published) != ahead)).year if able else None


def _of_weekday(named: dict[str, str | None], before: str, published: date) -> Days:
    """Return the day of the week nearest to the publication: the past one, unless the words before it look ahead."""
    behind = (published.weekday() - _DAYS.index((named["weekday"] or "").lower())) % _WEEK
    relation = (named["relation"] or "").strip().lower()
    told = bool(_AHEAD.search(before[-_LOOKS_BACK:])) and not _SAID.search(before)
    if relation in {"next", "by", "until"} or (relation not in {"last", "since"} and told):
        day = published + timedelta(days=-behind % _WEEK or (_WEEK if relation == "next" else 0))
    else:
        day = published - timedelta(days=behind or (_WEEK if relation == "last" else 0))
    return Days(first=day, last=day)


def _week(published: date, step: int) -> Days:
    monday = published - timedelta(days=published.weekday()) + timedelta(weeks=step)
    return Days(first=monday, last=monday + timedelta(days=_WEEK - 1))


def _month(published: date, step: int) -> Days:
    year, month = divmod(published.year * _DECEMBER + published.month - 1 + step, _DECEMBER)
    return month_of(year, month + 1)


def _year(published: date, step: int) -> Days:
    return year_of(published.year + step)


_PERIODS: Final[dict[str, Callable[[date, int], Days]]] = {"week": _week, "month": _month, "year": _year}
