"""Runs of days, and months as texts name them."""

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Final

_MONTHS: Final = tuple(name[:3].lower() for name in calendar.month_name[1:])
MONTH: Final = r"(?:" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in calendar.month_name[1:]) + r"|Sept)\.?"
"""A pattern of a month's name, in full or short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A run of days, both ends in it."""

    first: date
    last: date


def month_number(name: str) -> int:
    """Return 1 to 12 for a name that `MONTH` matches."""
    return _MONTHS.index(name[:3].lower()) + 1


def month_of(year: int, month: int) -> Days:
    """Return all days of a month, 1 to 12."""
    return Days(first=date(year, month, 1), last=date(year, month, calendar.monthrange(year, month)[1]))


def year_of(year: int) -> Days:
    """Return all days of a year."""
    return Days(first=date(year, 1, 1), last=date(year, 12, 31))


def day_of(year: int, month: int, day: int) -> Days | None:
    """Return one day, or `None` for one that does not exist."""
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return Days(first=found, last=found)
