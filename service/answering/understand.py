"""Question → stand-alone question and time scope, by rules that change nothing where they are not sure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.answers import Question, TimeScope, Turn
from service.answering.clarify import completed
from service.answering.lexical_match import terms_of
from service.answering.time_scope import merged, with_time_scope

_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<!--.*?-->", re.DOTALL)
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
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
    text, said = with_time_scope(text)
    return Understanding(text=_stand_alone(text, question.history), scope=merged(question.scope, said))


def _clean(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", _TAG.sub(" ", text)).split())


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
    return len(terms) <= _SHORT_TERMS and (_ELLIPSIS.match(text) is not None) and _is_bare(text)


def _is_bare(text: str) -> bool:
    return not any(term.kind == "name" for term in terms_of(text)) and len(text.split()) <= _SHORT_TERMS + 2
