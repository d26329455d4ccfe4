"""Numbers as texts state them: values with their kind and unit, however they are spelled."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from service.answering.lexical_match import folded
from service.answering.word_forms import NUMBER_WORDS, STOP_WORDS, stem

NumberKind = Literal["plain", "percent", "money", "ordinal", "month", "decade", "pronoun"]

_SCALES: Final = {
    "hundred": Decimal(100),
    "thousand": Decimal(1_000),
    "k": Decimal(1_000),
    "million": Decimal(10) ** 6,
    "mln": Decimal(10) ** 6,
    "m": Decimal(10) ** 6,
    "billion": Decimal(10) ** 9,
    "bln": Decimal(10) ** 9,
    "bn": Decimal(10) ** 9,
    "trillion": Decimal(10) ** 12,
    "lakh": Decimal(10) ** 5,
    "crore": Decimal(10) ** 7,
}
_FRACTIONS: Final = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
_PLURAL_SCALES: Final = {f"{name}s": value for name, value in _SCALES.items() if len(name) > 3}  # noqa: PLR2004  - whole words
_CURRENCY: Final = {
    name: currency
    for currency, names in {
        "dollar": "dollar dollars usd $",
        "euro": "euro euros eur €",
        "pound": "pound pounds gbp £",
        "yuan": "yuan renminbi rmb cny",
        "rupee": "rupee rupees pkr rs ₹",
        "yen": "yen",
        "rouble": "ruble rubles rouble roubles",
    }.items()
    for name in names.split()
}
_MONTHS: Final = """
    january february march april may june july august september october november december
""".split()
_TENS: Final = frozenset(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
_WORD: Final = re.compile(
    r"(?P<sign>[-−](?=\d))?(?P<money>(?:US|HK|C|A)?[$€£¥₹]|Rs\.?|USD|EUR|GBP|RMB|CNY|PKR)?\s?"
    r"(?P<digits>\d+(?:,\d{2,3})*(?:\.\d+)?)(?P<part>[½¼¾])?"
    r"(?:(?P<ending>st|nd|rd|th|s)\b|(?P<short>k|m|bn|mln|bln)\b)?(?P<percent>\s?%)?"
    r"|(?P<fraction>[½¼¾])|(?P<word>[^\W\d_]+)",
    re.IGNORECASE,
)
# A spelled "one" is most often a pronoun or part of a name ("one-China"); "the two sides" says who, not how many.
_NOT_COUNTED: Final = frozenset({"one", "zero"})
_PAIR: Final = "two"
_SIDES: Final = frozenset(
    """
        side sides country countries nation nations party parties leader leaders government governments state
        states
    """.split()
)
_SIDE_STEMS: Final = frozenset(stem(side) for side in _SIDES)
# "14th" and "fourteenth" are the same; 87 and 87 % are not, and a source that says February has not said 2.
_SAME_KINDS: Final = frozenset({("plain", "ordinal"), ("ordinal", "plain"), ("plain", "pronoun")})
_BEFORE_A_MONTH: Final = frozenset(
    "in of for by until till since from to before after during early late mid last next this through around".split()
)
_LAST_DAY: Final = 31
_ISO_DATE: Final = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b")
_APART: Final = re.compile(r"[^\s-]")  # "On April 26, six days later": what is behind the comma is not counted by 26.
_PERCENT_WORDS: Final = frozenset({"percent", "percentage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as a text states it.

    Attributes:
        value: With its scale multiplied in: `1.2 billion` is 1200000000.
        kind: `decade` as in "the 1990s"; `pronoun` for a spelled "one" and for "the two sides", which count only beside
            what is counted.
        unit: Stem of the content word right behind it, or empty.
        currency: `dollar`, `euro`, …; empty where the text does not tell.
        month: 1 to 12 for a day of that month, else 0.
        start: Where it begins in `with_plain_dates` of the text.
        end: Where it ends there, scale and unit included.
    """

    value: Decimal
    kind: NumberKind
    unit: str
    text: str
    currency: str = ""
    month: int = 0
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    word: str
    match: re.Match[str]


def numbers_of(text: str) -> tuple[Number, ...]:
    """Return the numbers of a text in order; months count by their place in the year."""
    tokens = [_Token(word=folded(match["word"] or ""), match=match) for match in _WORD.finditer(with_plain_dates(text))]
    return tuple(_numbers(tokens))


def with_plain_dates(text: str) -> str:
    """Return a text with `2025-02-06` written as `6 February 2025`."""
    return _ISO_DATE.sub(_as_words, text)


def _as_words(iso: re.Match[str]) -> str:
    """Return `6 February 2025` for `2025-02-06`; what is no month stays."""
    month = int(iso["month"])
    return f"{iso['day']} {_MONTHS[month - 1].title()} {iso['year']}" if 1 <= month <= len(_MONTHS) else iso.group()


def unfounded_number(sentence: str, sources: str) -> Number | None:
    """Return the first number of a sentence that its sources do not state, or `None`.

    A number is stated when its value and kind occur; where the sources count its unit, they must count it so, and a
    day of one month is not a day of another. One that the sources state once does not stand for another of theirs as
    well: "from 15 to 15" is not said by "from 13 to 15".
    """
    told, stated = numbers_of(sentence), numbers_of(sources)
    strange = next((number for number in told if not _is_stated(number, stated)), None)
    return strange or _in_place_of_another(told, stated)


def _in_place_of_another(told: Sequence[Number], stated: Sequence[Number]) -> Number | None:
    """Return the first number that is told more often than it is stated, where another is told less often."""
    here, there = (Counter(one.value for one in numbers if one.kind != "pronoun") for numbers in (told, stated))
    if not there - here:
        return None
    again = here - there
    return next((number for number in told if number.kind != "pronoun" and again[number.value]), None)


def _is_stated(number: Number, stated: Sequence[Number]) -> bool:
    same = [other for other in stated if _agree(number, other)]
    counts = {other.value for other in stated if number.unit and other.unit == number.unit}
    if number.kind == "pronoun":
        return bool(same) or not counts
    if not same or (number.month and all(other.month not in {0, number.month} for other in same)):
        return False
    return number.kind != "plain" or not counts or number.value in counts


def _agree(number: Number, other: Number) -> bool:
    if number.value != other.value or (number.currency and other.currency and number.currency != other.currency):
        return False
    return number.kind == other.kind or (number.kind, other.kind) in _SAME_KINDS


def _numbers(tokens: list[_Token]) -> Iterator[Number]:
    position = 0
    while position < len(tokens):
        token = tokens[position]
        first = position
        value, kind, position = _read(tokens, position)
        if value is None:
            continue
        value, position = _scaled(value, tokens, position)
        currency = _currency(token.match["money"] or "")
        kind, named, position = _kind(kind, tokens, position)
        unit = _unit(tokens, position)
        month = 0 if kind == "month" or value > _LAST_DAY else _month_beside(tokens, first, position)
        if month and (not unit or not _counts(tokens, first)):
            unit = ""
        else:
            month = 0
        if token.word == _PAIR and unit in _SIDE_STEMS and position - first == 1:
            kind = "pronoun"
        yield Number(
            value=value,
            kind=kind,
            unit=unit,
            text=token.match.group().strip(),
            currency=currency or named,
            month=month,
            start=token.match.end() - len(token.match.group().lstrip()),
            end=tokens[position - (0 if unit else 1)].match.end(),
        )


def _read(tokens: list[_Token], position: int) -> tuple[Decimal | None, NumberKind, int]:
    token = tokens[position]
    match = token.match
    if match["digits"]:
        kind: NumberKind = "plain"
        if match["percent"]:
            kind = "percent"
        elif match["money"]:
            kind = "money"
        elif match["ending"]:
            kind = "decade" if match["ending"].lower() == "s" else "ordinal"
        value = _decimal(match["digits"])
        if value is not None and match["part"]:
            value += _FRACTIONS[match["part"]]
        if value is not None and match["sign"] and _is_negative(match):
            value = -value
        if value is not None and match["short"]:
            value *= _SCALES[match["short"].lower()]
        return value, kind, position + 1
    if match["fraction"]:
        return _FRACTIONS[match["fraction"]], "plain", position + 1
    if token.word in _MONTHS or (match["word"][:1].isupper() and _month(token.word)):
        return (
            (Decimal(_month(token.word)), "month", position + 1)
            if match["word"][:1].isupper() and _is_date(tokens, position)
            else (None, "plain", position + 1)
        )
    return _spelled(tokens, position)


def _spelled(tokens: list[_Token], position: int) -> tuple[Decimal | None, NumberKind, int]:
    word = tokens[position].word
    following = tokens[position + 1].word if position + 1 < len(tokens) else ""
    if word in _NOT_COUNTED:
        return None if following in _SCALES else Decimal(NUMBER_WORDS[word]), "pronoun", position + 1
    if word in NUMBER_WORDS:
        value = Decimal(NUMBER_WORDS[word])
        kind: NumberKind = "ordinal" if word.endswith(("th", "first", "second", "third")) else "plain"
        if word in _TENS and following in NUMBER_WORDS and Decimal(NUMBER_WORDS[following]) < 10:  # noqa: PLR2004  - a digit
            return value + Decimal(NUMBER_WORDS[following]), kind, position + 2
        return value, kind, position + 1
    scale = _SCALES.get(word) if len(word) > 3 else None  # noqa: PLR2004  - "k" and "m" only follow digits
    return scale, "plain", position if scale is not None else position + 1


def _scaled(value: Decimal, tokens: list[_Token], position: int) -> tuple[Decimal, int]:
    bare = value in _SCALES.values() and (position < len(tokens) and _SCALES.get(tokens[position].word) == value)
    if bare:  # "a million", "a hundred": the scale is the number.
        position += 1
    while position < len(tokens) and tokens[position].word in _SCALES:
        value *= _SCALES[tokens[position].word]
        position += 1
    return value, position


def _kind(kind: NumberKind, tokens: list[_Token], position: int) -> tuple[NumberKind, str, int]:
    """Return the kind that the words behind a number give it, the currency that they name, and where they end."""
    word = tokens[position].word if position < len(tokens) else ""
    following = tokens[position + 1].word if position + 1 < len(tokens) else ""
    if word in _PERCENT_WORDS:
        return "percent", "", position + 1
    if word == "per" and following == "cent":
        return "percent", "", position + 2
    if word in _CURRENCY:
        return "money", _CURRENCY[word], position + 1
    if following in _CURRENCY and word in {"us", "hong", "canadian", "australian"}:
        return "money", _CURRENCY[following], position + 2
    return kind, "", position


def _currency(written: str) -> str:
    sign = written[-1:] if written[-1:] in _CURRENCY else written.casefold().rstrip(".")
    return _CURRENCY.get(sign, "")  # "¥" is the sign of two.


def _unit(tokens: list[_Token], position: int) -> str:
    if position >= len(tokens) or _APART.search(_between(tokens, position)):
        return ""
    word = tokens[position].word
    return stem(word) if word and word not in STOP_WORDS and word not in NUMBER_WORDS and not _month(word) else ""


def _counts(tokens: list[_Token], first: int) -> bool:
    """Tell "in May 21 people" from "on May 21 people": after a month that stands alone, a number counts."""
    return tokens[max(first - 2, 0)].word in {"in", "since", "during", "by"}


def _between(tokens: list[_Token], position: int) -> str:
    """Return what stands between a token and the one before it."""
    if position == 0:
        return ""
    before, token = tokens[position - 1].match, tokens[position].match
    return token.string[before.end() : token.start()]


def _month_beside(tokens: list[_Token], first: int, position: int) -> int:
    """Return the month of "6 February", "6th of February" or "February 6"; 0 where none stands there."""
    behind = position + 1 if position < len(tokens) and tokens[position].word == "of" else position
    for token in tokens[behind : behind + 1] + tokens[max(first - 1, 0) : first]:
        if token.match["word"] and token.match["word"][0].isupper() and _month(token.word):
            return _month(token.word)
    return 0


def _month(word: str) -> int:
    for number, month in enumerate(_MONTHS, start=1):
        if word == month or (len(word) in {3, 4} and month.startswith(word)):
            return number
    return 0


def _is_date(tokens: list[_Token], position: int) -> bool:
    """Tell whether a capitalised month is a date's: `May` beside a number or as in "by May", others in any case."""
    if tokens[position].word not in {"may", "march", "mar"}:
        return True
    before, behind = tokens[max(position - 1, 0) : position], tokens[position + 1 : position + 2]
    return any(token.match["digits"] for token in before + behind) or any(t.word in _BEFORE_A_MONTH for t in before)


def _is_negative(match: re.Match[str]) -> bool:
    # "mid-2025" and "2024-25" hold hyphens; a minus sign stands at the beginning of a word.
    before = match.string[match.start() - 1 : match.start()]
    return before == "" or before.isspace()


def _decimal(digits: str) -> Decimal | None:
    try:
        return Decimal(digits.replace(",", ""))
    except InvalidOperation:
        return None
