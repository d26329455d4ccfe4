"""When a question means one of several, and which: "the president" of a record that knows two."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from service.answering.decide import Scored, log_odds
from service.answering.lexical_match import keys_of
from service.answering.relevance import Asking

_NOUNS: Final = (
    r"(?:vice|deputy) president|president|(?:prime|foreign|finance|defen[cs]e|interior) minister|minister|premier"
    r"|chancellor|governor|mayor|ambassador|king|queen|prince|princess|emperor|pope|sultan|chief executive"
    r"|chair(?:man|woman)|general|admiral|judge|prosecutor|spokes(?:man|woman|person)|company|airline|bank|party"
    r"|university|hospital|club|team|island|river|port|province|city"
)
# "the president of Velmark" and "the Velmari president" say which.
_UNNAMED: Final = re.compile(rf"\bthe (?P<noun>{_NOUNS})\b(?!\s+(?:of|for|in|at|who|that|which)\b)", re.IGNORECASE)
_NAME: Final = r"[A-Z][\w'’-]+(?:\s+[A-Z][\w'’-]+){0,2}"
_AS_LIKELY: Final = 1.5  # Log-odds below the best reading.
_MOST: Final = 4
_ASKED_BACK: Final = re.compile(rf"^Which (?P<noun>{_NOUNS}) do you mean: ", re.IGNORECASE)
_NEW_QUESTION: Final = re.compile(r"\?\s*$|^(?:who|whom|whose|what|which|when|where|why|how)\b", re.IGNORECASE)
_THE_ONE: Final = re.compile(
    r"^(?:i mean\s+|i meant\s+)?(?:the\s+)?(?P<which>.+?)(?P<one>\s+one)?[.!]?$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """One thing that a question may mean, and the sentence that answers it in that sense."""

    name: str
    scored: Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What an unnamed thing of a question may be.

    Attributes:
        noun: What the question calls it.
        meant: Two at least, the likeliest first.
    """

    noun: str
    meant: tuple[Meant, ...]

    @property
    def question(self) -> str:
        """What to ask back."""
        *first, last = [one.name for one in self.meant]
        return f"Which {self.noun} do you mean: {', '.join(first)} or {last}?"


def readings_of(asking: Asking, scored: Sequence[Scored]) -> Readings | None:
    """Return what a question may mean, or `None` where it says, or where the record knows only one.

    It must call something by what it is and name nothing; and passages of different documents that are about as likely
    to answer must each name another one of that kind.
    """
    unnamed = _UNNAMED.search(asking.text)
    if unnamed is None or any(term.kind != "word" for term in asking.terms):
        return None
    noun = unnamed["noun"].lower()
    meant = tuple(_meant(noun, scored))[:_MOST]
    return Readings(noun=noun, meant=meant) if len(meant) > 1 else None


def completed(reply: str, *, question: str, asked_back: str) -> str | None:
    """Return the question with what the reply says is meant, or `None` where nothing was asked back.

    Args:
        reply: What came after the question back: "Costrel", "the Velmari one", or a new question.
        question: The question that was not clear.
        asked_back: The message before the reply.
    """
    asked = _ASKED_BACK.match(asked_back)
    meant = _THE_ONE.match(reply.strip())
    if asked is None or meant is None or _NEW_QUESTION.search(reply):
        return None
    which = f"the {meant['which']} {asked['noun']}" if meant["one"] else f"the {asked['noun']} {meant['which']}"
    completed, count = re.subn(
        rf"\bthe {re.escape(asked['noun'])}\b", lambda _: which, question, count=1, flags=re.IGNORECASE
    )
    return completed if count else None


def _meant(noun: str, scored: Sequence[Scored]) -> Iterator[Meant]:
    """Yield each name of this kind with the best sentence of a passage that gives it, best first."""
    known: list[frozenset[str]] = []
    documents: set[str] = set()
    for one in scored:
        passage, reading = one.fit.ranked.passage, one.fit.ranked.reading
        if log_odds(scored[0].score) - log_odds(one.score) > _AS_LIKELY:
            return
        if passage.document_id in documents or reading is None or reading.answers < 0 or not one.fit.holds_span:
            continue
        names = _names(noun, one.fit.text) or _names(noun, passage.text)
        if len(names) != 1:
            continue  # A passage about several does not tell which it means.
        keys = keys_of(names[0])
        if not any(keys & other for other in known):
            known.append(keys)
            documents.add(passage.document_id)
            yield Meant(name=names[0], scored=one)


def _names(noun: str, text: str) -> list[str]:
    """Return the names of things of a kind: "President Costrel", "Costrel, the president", "president of Velmark"."""
    patterns = (
        rf"\b(?i:{noun})\s+(?P<name>{_NAME})",
        rf"(?P<name>{_NAME}),\s+(?:the|a)\s+(?:\w+\s+){{0,2}}(?i:{noun})\b",
        rf"\b(?i:{noun})\s+of\s+(?:the\s+)?(?P<name>{_NAME})",
    )
    found: dict[frozenset[str], str] = {}
    for pattern in patterns:
        for match in re.finditer(pattern, text):
            keys = keys_of(match["name"])
            same = next((other for other in found if keys & other), None)
            if keys and same is None:
                found[keys] = match["name"]
    return list(found.values())
