"""Question → stand-alone question and time scope, by rules that change nothing where they are not sure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from domain.answers import Question, TimeScope, Turn
from service.answering.clarify import completed
from service.answering.lexical_match import terms_of

_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<!--.*?-->", re.DOTALL)
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MONTH_NAMES: Final = """
    january february march april may june july august september october november december
""".split()
_MONTH: Final = r"(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTH_NAMES) + r")\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_DATES: Final = (
    re.compile(r"(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b"),
    re.compile(rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}\b", re.IGNORECASE),
    re.compile(rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}\b", re.IGNORECASE),
)
_AS_OF: Final = re.compile(r"[,(]?\s*\bas of\s+(?:the\s+)?", re.IGNORECASE)

_POINTS_BACK: Final = re.compile(
    r"\b(?:it|its|they|them|their|he|him|his|she|her|hers|this|that|these|those|there|then)\b", re.IGNORECASE
)
_FIRST_WORDS: Final = 40  # A pronoun further on mostly refers to something inside the question.
_ELLIPSIS: Final = re.compile(
    r"^(?:and|but|so|or|also|what about|how about|what of|and what about|why|when|where|who|how)\b", re.IGNORECASE
)
_WHAT_ABOUT: Final = re.compile(
    r"^(?:and\s+)?(?:what|how)\s+about\s+(?P<new>[^?]+)\??$|^and\s+(?:(?:on|in|about|for|with)\s+)(?P<rest>[^?]+)\??$",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(r"^(?P<head>.+\b(?:about|on|in|for|with|of|to|regarding|from)\s+)[^?]+\??$", re.IGNORECASE)
_SHORT_TERMS: Final = 2
_FRAGMENT_WORDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What is searched for.

    Attributes:
        text: A question that needs no conversation around it.
        scope: The request's scope, narrowed by a date that the question states as its own.
    """

    text: str
    scope: TimeScope


def understand(question: Question) -> Understanding:
    """Make a question stand alone and read the time scope from it.

    Raises:
        QuestionError: If the scope that the question states contradicts the request's.
    """
    text = _clean(question.text) or question.text.strip()
    text, as_of = _without_as_of(text)
    scope = question.scope
    if as_of is not None and scope.as_of is None:
        scope = replace(scope, as_of=as_of)
    return Understanding(text=_stand_alone(text, question.history), scope=scope)


def _clean(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", _TAG.sub(" ", text)).split())


def _without_as_of(text: str) -> tuple[str, date | None]:
    """Take `as of 6 February 2025` out of a question; anything less than a full date stays where it is."""
    lead = _AS_OF.search(text)
    if lead is None:
        return text, None
    for pattern in _DATES:
        match = pattern.match(text, lead.end())
        day = _date_of(match) if match is not None else None
        if match is not None and day is not None:
            rest = f"{text[: lead.start()]} {text[match.end() :].lstrip(' ,)')}"
            rest = re.sub(r"\s+([?.!,])", r"\1", " ".join(rest.split())).lstrip("?.!, ")
            return (rest, day) if terms_of(rest) else (text, day)
    return text, None


def _date_of(match: re.Match[str]) -> date | None:
    month = match["month"]
    number = int(month) if month.isdigit() else [name[:3] for name in _MONTH_NAMES].index(month[:3].lower()) + 1
    try:
        return date(int(match["year"]), number, int(match["day"]))
    except ValueError:
        return None  # As of the 31st of February: not a date, so not a scope.


def _stand_alone(text: str, history: Sequence[Turn]) -> str:
    earlier = said_before = ""
    for turn in (*history, Turn(role="user", text=text)):
        said = _clean(turn.text)
        if turn.role == "user" and said:
            earlier = completed(said, question=earlier, asked_back=said_before) or _follow(said, earlier)
        said_before = said
    return earlier or text


def _follow(text: str, earlier: str) -> str:
    """Complete a follow-up from the question before it, which already stands alone."""
    if not earlier or not _needs_context(text):
        return text
    about = _WHAT_ABOUT.match(text)
    tail = _TAIL.match(earlier)
    if about is not None and tail is not None:
        return f"{tail['head']}{(about['new'] or about['rest']).strip()}?"
    known = {term.key for term in terms_of(text)}
    missing = dict.fromkeys(term.text for term in terms_of(earlier) if term.key not in known)
    return f"{' '.join(missing)}: {text}" if missing else text


def _needs_context(text: str) -> bool:
    terms = terms_of(text)
    if any(match.start() < _FIRST_WORDS for match in _POINTS_BACK.finditer(text)):
        # "What did they say about Gaza?" names its subject; a pronoun beside a name is most often complete enough.
        return not any(term.kind == "name" for term in terms) or (_ELLIPSIS.match(text) is not None and len(terms) <= 1)
    if _WHAT_ABOUT.match(text) is not None:
        return True
    if len(text.split()) <= _FRAGMENT_WORDS:  # "any awards": part of a question.
        return _is_bare(text)
    return len(terms) <= _SHORT_TERMS and (_ELLIPSIS.match(text) is not None) and _is_bare(text)


def _is_bare(text: str) -> bool:
    return not any(term.kind == "name" for term in terms_of(text)) and len(text.split()) <= _SHORT_TERMS + 2
