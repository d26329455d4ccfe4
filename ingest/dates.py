"""Calendar days as documents write them; what is ambiguous, impossible or incomplete stays unknown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
# The first that matches at the leftmost place is taken; those with a year come before those without.
_FORMS = (
    re.compile(rf"(?<!\d){_YEAR}(?P<mark>[-/.])(?P<number>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})(?!\d)"),
    re.compile(rf"(?<!\d){_DAY}[ \u00a0-]+(?:of +)?{_MONTH},?[ \u00a0-]+{_YEAR}", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} +{_DAY},? +{_YEAR}", re.IGNORECASE),
    re.compile(rf"(?<!\d)(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark){_YEAR}"),
)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<number>\d\d)(?P<day>\d\d)(?:T?\d{4,6}Z?)?")
_DAY_AND_MONTH = rf"(?:{_DAY} +{_MONTH}|{_MONTH} +{_DAY})"
DAY_AND_MONTH = re.sub(r"\?P<\w+>", "?:", _DAY_AND_MONTH)
"""Regular expression for a day without its year, `Feb. 6` or `6th February`, without groups."""

_MAX_MONTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDate:
    """A date as it was understood.

    Attributes:
        value: The day; `None` where the words do not say one.
        note: Why not, for the report; empty where there is nothing to say.
    """

    value: date | None = None
    note: str = ""


def read_date(text: str | None) -> ReadDate:
    """Return the first complete date in `text`; times and zones are left aside, the day is the one written.

    `02/03/2025` may be February or March: it stays unknown. A day that no calendar has stays unknown too.
    """
    text = (text or "").strip()[:200]
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        return _from_match(compact)
    matches = [match for form in _FORMS if (match := form.search(text)) is not None]
    return _from_match(min(matches, key=lambda match: match.start())) if matches else ReadDate()


def dates_in(text: str) -> Iterator[date]:
    """Yield the complete, unambiguous dates that `text` writes, in no particular order."""
    for form in _FORMS:
        for match in form.finditer(text):
            found = _from_match(match).value
            if found is not None:
                yield found


def _from_match(match: re.Match[str]) -> ReadDate:
    found = match.groupdict()
    if "first" in found:
        return _from_two_numbers(match[0], int(found["first"]), int(found["second"]), int(found["year"]))
    month = int(found["number"]) if "number" in found else _MONTHS.index(found["month"][:3].lower()) + 1
    return _day(match[0], int(found["year"]), month, int(found["day"]))


def _from_two_numbers(written: str, first: int, second: int, year: int) -> ReadDate:
    if first > _MAX_MONTH or first == second:
        return _day(written, year, second, first)
    if second > _MAX_MONTH:
        return _day(written, year, first, second)
    return ReadDate(note=f"date {written!r} may mean two days and stays unknown")


def _day(written: str, year: int, month: int, day: int) -> ReadDate:
    try:
        return ReadDate(value=date(year, month, day))
    except ValueError:
        return ReadDate(note=f"date {written!r} does not exist and stays unknown")
