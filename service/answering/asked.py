"""What kind of answer a question asks for, and whether a sentence holds one."""

import re
from enum import StrEnum
from typing import Final

from service.answering.lexical_match import terms_of


class Asked(StrEnum):
    """The kind of thing that answers a question; `ANY` where its form does not tell."""

    WHO = "who"
    WHEN = "when"
    WHERE = "where"
    HOW_MANY = "how_many"
    HOW_MUCH = "how_much"
    WHY = "why"
    ANY = "any"


_MONTHS: Final = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_UNIT_OF_TIME: Final = r"(?:second|minute|hour|day|night|week|weekend|month|quarter|year|decade|century|centurie)s?"
_TIME: Final = re.compile(
    rf"\b{_MONTHS}\b\.?|\b(?:1[5-9]|20)\d\d(?:s|\b)|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b\d{{1,2}}:\d\d\b"
    rf"|\b\d{{1,2}}\s?[ap]\.?m\b|\b(?:spring|summer|autumn|winter)\b(?!\s[A-Z])"
    rf"|\b(?:today|yesterday|tomorrow|tonight|midnight|noon)\b|\b(?:as soon as|as early as|at a (?:\w+ ){{0,3}}date)\b"
    rf"|\b(?:last|next|this|past|previous|coming|early|late|mid|every|each|per|a|an|\d+|two|three|four|five|six|seven"
    rf"|eight|nine|ten)[\s-](?:\w+\s)?{_UNIT_OF_TIME}\b|\b(?:at|in) a mutually \w+ time\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy"
    r"|eighty|ninety|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|half|third|quarter|twice|double|both"
    r"|one|no|none|single|several)\b",
    re.IGNORECASE,
)
_MONEY: Final = re.compile(
    r"[$€£¥₹]|\b(?:dollars?|euros?|pounds?|yuan|renminbi|rupees?|yen|rubles?|roubles?|francs?|USD|EUR|GBP|RMB|PKR|cents?"
    r"|millions?|billions?|trillions?)\b",
    re.IGNORECASE,
)
_MONEY_WORD: Final = re.compile(
    r"\b(?:money|cost|costs|price|worth|pay|paid|dollars?|euros?|yuan|rupees?|loans?|lend|lent|billion|million|invest)\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(r"\b(?:in|at|near|to|from|of|across|outside|around|into)\s(?:the\s)?[A-Z]")
_REASON: Final = re.compile(
    r"\b(?:because|since|due|owing|so that|in order|as a result|after|following|over|aimed?|for|therefore|to)\b",
    re.IGNORECASE,
)
_PERSONS: Final = re.compile(
    r"\b(?:sides?|countries|nations|leaders?|officials?|ministers?|presidents?|government|ministry|company|police|people"
    r"|they|he|she)\b",
    re.IGNORECASE,
)
_FORMS: Final = (
    (Asked.HOW_MUCH, re.compile(r"\bhow much\b", re.IGNORECASE)),
    (Asked.HOW_MANY, re.compile(r"\bhow (?:many|long|old|often|far|tall|big|large|high|fast)\b", re.IGNORECASE)),
    (Asked.HOW_MANY, re.compile(r"\b(?:what|which) (?:number|percentage|share|proportion)\b", re.IGNORECASE)),
    (
        Asked.WHEN,
        re.compile(r"\bwhen\b(?! asked)|\b(?:what|which) (?:day|date|year|month|time|century)\b", re.IGNORECASE),
    ),
    (
        Asked.WHERE,
        re.compile(
            r"\bwhere\b|\b(?:what|which) (?:place|city|town|country|state|province|region|location|venue)\b",
            re.IGNORECASE,
        ),
    ),
    (Asked.WHY, re.compile(r"\bwhy\b|\bfor what reason\b|\bwhat (?:caused?|reason)\b", re.IGNORECASE)),
    (Asked.WHO, re.compile(r"\b(?:who|whom|whose)\b", re.IGNORECASE)),
    (
        Asked.WHO,
        re.compile(
            r"\b(?:what|which) (?!(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|may|might)\b)"
            r"(?:\w+ ){0,2}(?:person|leaders?|president|minister|player)\b",
            re.IGNORECASE,
        ),
    ),
)


def asked_for(question: str) -> Asked:
    """Return what kind of answer a question asks for; the first form that fits decides."""
    for asked, form in _FORMS:
        if form.search(question):
            if asked is Asked.HOW_MANY and _MONEY_WORD.search(question):
                return Asked.HOW_MUCH
            return asked
    return Asked.ANY


def holds(asked: Asked, sentence: str, question: str) -> bool:
    """Tell whether a sentence holds something of the asked kind that the question does not already name."""
    match asked:
        case Asked.WHEN:
            found = _new(_TIME, sentence, question)
        case Asked.HOW_MANY:
            found = _new(_NUMBER, sentence, question)
        case Asked.HOW_MUCH:
            found = _new(_NUMBER, sentence, question) and (
                _MONEY.search(sentence) is not None or _MONEY_WORD.search(question) is None
            )
        case Asked.WHERE:
            found = _PLACE.search(sentence) is not None
        case Asked.WHY:
            found = _REASON.search(sentence) is not None
        case Asked.WHO:
            found = _PERSONS.search(sentence) is not None or _names_another(sentence, question)
        case Asked.ANY:
            found = True
    return found


def _names_another(sentence: str, question: str) -> bool:
    asked_keys = {term.key for term in terms_of(question)}
    return any(term.kind == "name" and term.key not in asked_keys for term in terms_of(sentence))


def _new(pattern: re.Pattern[str], sentence: str, question: str) -> bool:
    known = question.casefold()
    return any(match.group().casefold() not in known for match in pattern.finditer(sentence))
