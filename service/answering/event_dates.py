"""When what a sentence reports happened or will: its dates and relative days, resolved by the day it was published.

"on Wednesday" of a story of Thursday, 6 February 2025, is 5 February 2025. The day of publication and the day of the
event are two things, and a citation shows both.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.answers import EventDate
from domain.corpus import Span

_MONTHS: Final = [name.lower() for name in calendar.month_name[1:]]
_DAYS: Final = [name.lower() for name in calendar.day_name]
_MONTH: Final = (
    r"(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in _MONTHS) + r"|sept)\.?"  # noqa: PLR2004  - May
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    first: date
    last: date


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


def _resolved(match: re.Match[str], text: str, published: date | None) -> _Days | None:
    named = match.groupdict()
    if named.get("month"):
        return _of_month(named, text, published)
    if published is None:
        return None
    if named.get("near"):
        day = published + timedelta(days=_NEAR[named["near"].lower()])
        return _Days(first=day, last=day)
    if named.get("weekday"):
        return _of_weekday(named, text[: match.start()], published)
    return _PERIODS[named["unit"].lower()](published, _STEP[named["which"].lower()])


def _of_month(named: dict[str, str | None], text: str, published: date | None) -> _Days | None:
    written = named["month"] or ""
    if not written[:1].isupper() and not written.isdigit():
        return None  # "They may 6 times refuse."
    month = int(written) if written.isdigit() else [name[:3] for name in _MONTHS].index(written[:3].lower()) + 1
    day, named_year = int(named.get("day") or 0), int(named.get("year") or 0)
    year = named_year or _nearest_year(month, day or 1, text, published)
    if year is None or not 1 <= month <= _DECEMBER:
        return None
    last = calendar.monthrange(year, month)[1]
    if not named.get("day"):
        return _Days(first=date(year, month, 1), last=date(year, month, last))
    return _Days(first=date(year, month, day), last=date(year, month, day)) if 1 <= day <= last else None


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


def _of_weekday(named: dict[str, str | None], before: str, published: date) -> _Days:
    """Return the day of the week nearest to the publication: the past one, unless the words before it look ahead."""
    behind = (published.weekday() - _DAYS.index((named["weekday"] or "").lower())) % _WEEK
    relation = (named["relation"] or "").strip().lower()
    told = bool(_AHEAD.search(before[-_LOOKS_BACK:])) and not _SAID.search(before)
    if relation in {"next", "by", "until"} or (relation not in {"last", "since"} and told):
        day = published + timedelta(days=-behind % _WEEK or (_WEEK if relation == "next" else 0))
    else:
        day = published - timedelta(days=behind or (_WEEK if relation == "last" else 0))
    return _Days(first=day, last=day)


def _week(published: date, step: int) -> _Days:
    monday = published - timedelta(days=published.weekday()) + timedelta(weeks=step)
    return _Days(first=monday, last=monday + timedelta(days=_WEEK - 1))


def _month(published: date, step: int) -> _Days:
    months = published.year * _DECEMBER + published.month - 1 + step
    year, month = divmod(months, _DECEMBER)
    return _Days(first=date(year, month + 1, 1), last=date(year, month + 1, calendar.monthrange(year, month + 1)[1]))


def _year(published: date, step: int) -> _Days:
    return _Days(first=date(published.year + step, 1, 1), last=date(published.year + step, 12, 31))


_PERIODS: Final[dict[str, Callable[[date, int], _Days]]] = {"week": _week, "month": _month, "year": _year}
