"""What a sentence says that could be said otherwise: its figures and days, and the words that answer a question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from service.answering.lexical_match import is_in, keys_of, terms_of
from service.answering.numbers import Number, numbers_of, with_plain_dates

_FIRST_YEAR, _LAST_YEAR = 1000, 2100
_MONTHS: Final = """
    January February March April May June July August September October November December
""".split()
_LONGEST_MONTH: Final = len(" of September, ")
_LEFT_OUT: Final = frozenset({"ordinal", "month", "decade", "pronoun"})

Kind = Literal["figure", "day", "words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Something that another source may give differently.

    Attributes:
        kind: `figure` for a number with what it counts, `day` for a day of a month, `words` for an answer in words.
        amount: Of a figure; 100 × month + day of a day; 0 of words.
        year: Of a day, where the text names it; else 0.
        unit: What a figure counts: `percent`, a currency, or the stem of the word behind it; may be empty.
        keys: Content words of an answer in words.
        text: As the sentence writes it.
        start: Where it begins in the sentence, with dates in plain words.
        end: Where it ends there.
    """

    kind: Kind
    amount: Decimal
    unit: str
    text: str
    year: int = 0
    keys: frozenset[str] = frozenset()
    start: int = 0
    end: int = 0

    def is_like(self, other: "Value") -> bool:
        """Tell whether both say the same kind of thing, so that one may stand in the other's place."""
        return self.kind == other.kind and (not self.unit or not other.unit or self.unit == other.unit)

    def is_same(self, other: "Value") -> bool:
        """Tell whether both say the same; of two answers in words when one holds the other's."""
        if self.kind != other.kind:
            return False
        if self.kind == "words":
            return _is_same_answer(self.keys, other.keys)
        return self.amount == other.amount and (not self.year or not other.year or self.year == other.year)


def figures_of(text: str) -> tuple[Value, ...]:
    """Return the figures and days of a sentence in order; ordinals, years and months alone are left out."""
    return tuple(_values(numbers_of(text), with_plain_dates(text)))


def answer_in_words(text: str) -> Value:
    """Return the words of a sentence that answer, as a value."""
    return Value(kind="words", amount=Decimal(0), unit="", text=" ".join(text.split()), keys=keys_of(text))


def content_beside(text: str, values: Sequence[Value]) -> frozenset[str]:
    """Return the keys of a sentence's content words that belong to none of these values."""
    inside = frozenset().union(*(keys_of(value.text) for value in values))
    return frozenset(term.key for term in terms_of(text) if term.kind != "number" and term.key not in inside)


def _values(numbers: Sequence[Number], plain: str) -> Iterator[Value]:
    for place, number in enumerate(numbers):
        if number.kind in _LEFT_OUT or _is_year(number):
            continue
        if number.month:
            yield _day(number, year=_year_behind(numbers, place, plain))
        else:
            yield _figure(number, numbers[place + 1 : place + 2], plain)


def _day(number: Number, *, year: int) -> Value:
    written = f"{number.value.normalize():f} {_MONTHS[number.month - 1]}{f' {year}' if year else ''}"
    amount = 100 * number.month + number.value
    return Value(kind="day", amount=amount, unit="", text=written, year=year, start=number.start, end=number.end)


def _figure(number: Number, following: Sequence[Number], plain: str) -> Value:
    """Return a figure; the first of "2.4 to 2.9 billion dorins" has the scale and the unit of the second."""
    amount, unit = number.value, _unit(number)
    words = " ".join(plain[number.start : number.end].split())
    for other in following:
        if not unit and not other.month and _is_range(plain[number.end : other.start]):
            written = _written(other)
            if written and amount < _FIRST_YEAR and other.value > written:
                amount *= other.value / written
            unit = _unit(other)
            words += plain[other.start : other.end].removeprefix(other.text)
    return Value(kind="figure", amount=amount, unit=unit, text=words, start=number.start, end=number.end)


def _is_same_answer(one: frozenset[str], other: frozenset[str]) -> bool:
    numbers = [frozenset(key for key in keys if key[:1].isdigit()) for keys in (one, other)]
    if all(numbers):
        return bool(frozenset.intersection(*numbers))  # "December 2015" is not "December 2005".
    fewer, more = sorted((one, other), key=len)
    return any(is_in(key, more) for key in fewer)


def _year_behind(numbers: Sequence[Number], place: int, plain: str) -> int:
    """Return the year of "6 February 2025" or "February 6, 2025"; 0 where none stands there."""
    number = numbers[place]
    following = next((one for one in numbers[place + 1 : place + 3] if one.kind != "month"), None)
    if following is None or not _is_year(following) or len(plain[number.end : following.start]) > _LONGEST_MONTH:
        return 0
    return int(following.value)


def _unit(number: Number) -> str:
    return "percent" if number.kind == "percent" else number.currency or number.unit


def _written(number: Number) -> Decimal:
    digits = number.text.replace(",", "")
    return Decimal(digits) if digits.replace(".", "", 1).isdigit() else Decimal(0)


def _is_range(between: str) -> bool:
    return between.strip().casefold() in {"to", "and", "or", "-", "–", "—"}


def _is_year(number: Number) -> bool:
    return number.kind == "plain" and not number.unit and _FIRST_YEAR <= number.value <= _LAST_YEAR
