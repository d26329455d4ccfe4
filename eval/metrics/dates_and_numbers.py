"""The numbers and the parts of dates that a sentence states, by value; independent of the assistant's guards."""

import re
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH: Final = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY: Final = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
# The longer forms stand first: each stretch of text is read once.
_DATES: Final = tuple(
    re.compile(rf"(?<![\w.,-]){pattern}(?![\w-])")
    for pattern in (
        r"(?P<year>(?:19|20)\d\d)-(?P<number>0[1-9]|1[0-2])-(?P<day>[0-2]\d|3[01])",
        rf"{_MONTH}\s+{_DAY}(?:\s*,)?\s+{_YEAR}",
        rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY}",
        rf"{_DAY}\s+(?:of\s+)?{_MONTH}",
        rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}",
        # Alone, "May" and "March" are more often a verb than a month.
        r"(?P<month>January|February|April|June|July|August|September|October|November|December)",
        _YEAR,
    )
)
_WEEKDAY: Final = re.compile(r"\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b")
_WORDS: Final = {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty".split(),
        start=1,
    )
}
# "5m" is 5, as "5 million" is; "13a" is a name.
_NUMBER: Final = re.compile(
    r"(?<![\w.])((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?:st|nd|rd|th|k|m|mn|bn|tn|km|kg|cm|mm)?(?!\w)"
)
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)


def numbers(text: str) -> frozenset[float]:
    """Return the numbers in a text by value, those of dates aside; words up to twenty count except `one`.

    "One of them" counts nothing, and so does "one" anywhere.
    """
    _, rest = _read_dates(text)
    figures = {float(match[1].replace(",", "")) for match in _NUMBER.finditer(rest)}
    words = {float(_WORDS[match.group().lower()]) for match in _NUMBER_WORD.finditer(rest)}
    return frozenset(figures | (words - {1.0}))


def date_parts(text: str) -> frozenset[str]:
    """Return the parts of the dates in a text: `2024`, `month 3`, `day 3-4`, `weekday Mon`."""
    parts, rest = _read_dates(text)
    return frozenset(parts | {f"weekday {match[1]}" for match in _WEEKDAY.finditer(rest)})


def _read_dates(text: str) -> tuple[set[str], str]:
    """Return the parts of all dates, and the text with those dates blanked out."""
    parts: set[str] = set()
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts |= _parts(match.groupdict())
        text = pattern.sub(" ; ", text)
    return parts, text


def _parts(named: dict[str, str | None]) -> set[str]:
    found = set()
    if named.get("year"):
        found.add(f"{named['year']}")
    month = _MONTHS[named["month"].lower()] if named.get("month") else int(named.get("number") or 0)  # type: ignore[union-attr]
    if month:
        found.add(f"month {month}")
        if named.get("day"):
            found.add(f"day {month}-{int(named['day'])}")  # type: ignore[arg-type]
    return found
