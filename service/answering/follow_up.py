"""Follow-up → question that needs no conversation around it; one that is complete already stays as it is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from service.answering.clarify import completed
from service.answering.lexical_match import Term, terms_of

_POINTS_BACK: Final = re.compile(
    r"\b(?:it|its|they|them|their|he|him|his|she|her|hers|this|that|these|those|there|then)\b", re.IGNORECASE
)
# Whoever or wherever it is, the question does not say, even when it names somebody else.
_SOMEBODY: Final = re.compile(r"\b(?:he|him|his|she|her|hers|there)\b", re.IGNORECASE)
_FIRST_WORDS: Final = 40  # A pronoun further on mostly refers to something inside the question.
_GOES_ON: Final = re.compile(r"^(?:and|but|also)\b(?!\s+(?:if|when)\s+.+,)", re.IGNORECASE)
_WHAT_ABOUT: Final = re.compile(
    r"^(?:and\s+)?(?:what|how)\s+about\s+(?P<new>[^?]+)\??$|^and\s+(?:(?:on|in|about|for|with)\s+)(?P<rest>[^?]+)\??$",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(r"^(?P<head>.+\b(?:about|on|in|for|with|of|to|regarding|from)\s+)[^?]+\??$", re.IGNORECASE)
_FEW_TERMS: Final = 2
_FEW_WORDS: Final = 5
_MOST_NAMES: Final = 3  # That are taken from an answer.


def stand_alone(text: str, history: Sequence[tuple[str, str]]) -> str:
    """Complete a question from the conversation before it.

    Args:
        text: The question, cleaned.
        history: Role and cleaned text of each earlier message, oldest first.
    """
    earlier = answered = said_before = ""
    for role, said in (*history, ("user", text)):
        if role == "user" and said:
            asked_back = completed(said, question=earlier, asked_back=said_before)
            earlier = asked_back or _follow(said, earlier, answered)
        elif role == "assistant":
            answered = said
        said_before = said
    return earlier or text


def _follow(text: str, earlier: str, answered: str) -> str:
    """Complete a follow-up from the question before it, which already stands alone, and from what was answered."""
    if not earlier or not _needs_context(text):
        return text
    about = _WHAT_ABOUT.match(text)
    tail = _TAIL.match(earlier)
    if about is not None and tail is not None:
        return f"{tail['head']}{(about['new'] or about['rest']).strip()}?"
    known = {term.key for term in terms_of(text)}
    missing = list(_phrases((term for term in terms_of(earlier) if term.key not in known), earlier))
    if _SOMEBODY.search(text):
        named = [term for term in terms_of(answered) if term.kind == "name" and term.key not in known]
        have = {term.key for phrase in missing for term in terms_of(phrase)}
        missing[:0] = list(_phrases((term for term in named if term.key not in have), answered))[:_MOST_NAMES]
    return f"{text.rstrip(' ?')} ({', '.join(missing)})?" if missing else text


def _phrases(terms: Iterable[Term], text: str) -> Iterator[str]:
    """Yield terms as they stand in a text, those that follow each other as one; each once."""
    found: dict[str, None] = {}
    start = end = -1
    for term in terms:
        if start >= 0 and text[end : term.start].strip():
            found[text[start:end]] = None
            start = -1
        start = term.start if start < 0 else start
        end = term.start + len(term.text)
    if start >= 0:
        found[text[start:end]] = None
    yield from found


def _needs_context(text: str) -> bool:
    terms = terms_of(text)
    named = any(term.kind == "name" for term in terms)
    if _GOES_ON.match(text) or _WHAT_ABOUT.match(text):
        return True
    if any(match.start() < _FIRST_WORDS for match in _POINTS_BACK.finditer(text)):
        # "What did they say about Gaza?" names its subject; a pronoun beside a name is most often complete enough.
        return not named or any(match.start() < _FIRST_WORDS for match in _SOMEBODY.finditer(text))
    return not named and len(terms) <= _FEW_TERMS and len(text.split()) <= _FEW_WORDS
