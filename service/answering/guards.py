"""Checks that a sentence says nothing else than its evidence: numbers, names, speakers, negation.

Each guard returns the typed reason for withholding a sentence, or `None`. They fail closed: what they cannot place
counts as a difference.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

from domain.answers import Evidence
from service.answering.lexical_match import Term, folded, is_in, joined_keys, keys_of, terms_of
from service.answering.numbers import unfounded_number
from service.answering.speakers import speaker_differs
from service.answering.word_forms import STOP_WORDS, stem

Reason = Literal[
    "not_supported",
    "number_not_in_source",
    "name_not_in_source",
    "speaker_not_in_source",
    "negation_differs",
]

_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|without|neither|nor|none|nobody|nothing|cannot|lack(?:s|ed)?|den(?:y|ies|ied)"
    r"|refus(?:e|es|ed|al)|reject(?:s|ed|ion)?|fail(?:s|ed)?|ruled? out|stopped short|unable|unwilling|unlikely)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_OPPOSITES: Final = tuple(
    (frozenset(stem(word) for word in first.split()), frozenset(stem(word) for word in second.split()))
    for first, second in (
        ("support supports back endorse favour favor welcome welcomed", "oppose opposes opposed condemn condemned"),
        ("accept accepted approve approved", "reject rejected refuse refused veto vetoed"),
        ("increase increased rise rose grow grew gain gained", "decrease decreased fall fell decline declined drop"),
        ("begin began start started open opened", "end ended stop stopped close closed suspend suspended cancel"),
        ("win won", "lose lost"),
        ("before", "after"),
        ("above", "below"),
        ("strengthen strengthened expand expanded", "weaken weakened reduce reduced"),
        ("agree agreed", "disagree disagreed"),
        ("arrive arrived", "leave left depart departed"),
        ("buy bought", "sell sold"),
        ("import imports", "export exports"),
    )
)
_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+|\S+@[\w-]+\.\S+", re.IGNORECASE)
_SCOPE_WORDS: Final = 3  # Content words behind a negation that it most likely negates.
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Sentence-initial words with these endings are ordinary words far more often than names.
_ORDINARY_ENDING: Final = re.compile(r"(?:tion|sion|ment|ness|ity|ing|ed|ly|ance|ence|ive|ous|al|ers|ors|ts|ks|ies)$")


def first_failing(sentence: str, evidence: Sequence[Evidence]) -> Reason | None:
    """Return why a sentence may not stand on its evidence, or `None`; a whole quote always may."""
    if any(sentence == " ".join(piece.text.split()) for piece in evidence):
        return None
    words = "\n".join(piece.text for piece in evidence)
    if unfounded_number(sentence, words) is not None:
        return "number_not_in_source"
    if unfounded_names(sentence, evidence) or _unfounded_address(sentence, words):
        return "name_not_in_source"
    if speaker_differs(sentence, evidence):
        return "speaker_not_in_source"
    if negation_differs(sentence, words):
        return "negation_differs"
    return None


def unfounded_names(sentence: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return the names of a sentence that neither its evidence nor what surrounds it holds."""
    known = joined_keys(_surroundings(evidence))
    written = {folded(word) for piece in evidence for word in _WORD.findall(piece.text)}
    return tuple(
        term.text
        for term in terms_of(sentence)
        if _is_name(term, sentence) and not is_in(term.key, known) and folded(term.text) not in written
    )


def _unfounded_address(sentence: str, words: str) -> bool:
    """Tell whether a sentence holds a web or mail address that its evidence does not: a way out for what was read."""
    return any(match.group().rstrip(".,;:)") not in words for match in _ADDRESS.finditer(sentence))


def negation_differs(sentence: str, source: str) -> bool:
    """Tell whether a sentence negates what its source does not, the other way round, or turns a verb over."""
    here, there = _negated(sentence), _negated(source)
    inside, said = keys_of(sentence), keys_of(source)
    if here is not None and there is None:
        return True
    if here is None and there:
        said_plainly = [scope for scope in there if scope and all(is_in(key, inside) for key in scope)]
        if said_plainly:
            return True
    return any(_turned(inside, said, left, right) for left, right in _OPPOSITES) or any(
        _turned(_plain(sentence), _plain(source), left, right) for left, right in _OPPOSITES
    )


def _turned(inside: frozenset[str], said: frozenset[str], left: frozenset[str], right: frozenset[str]) -> bool:
    for mine, other in ((left, right), (right, left)):
        if inside & mine and not said & mine and said & other and not inside & other:
            return True
    return False


def _plain(text: str) -> frozenset[str]:
    # These are stop words, so they have no terms.
    words = ("before", "after", "above", "below")
    return frozenset(stem(word) for word in words if re.search(rf"\b{word}\b", text.lower()))


def _negated(text: str) -> list[tuple[str, ...]] | None:
    """Return, per negation, the keys of the content words right behind it; `None` without any."""
    found = []
    for match in _NEGATION.finditer(text):
        behind = [term.key for term in terms_of(text) if term.start >= match.end()]
        found.append(tuple(behind[:_SCOPE_WORDS]))
    return found or None


def _surroundings(evidence: Sequence[Evidence]) -> list[str | None]:
    found: list[str | None] = []
    for piece in evidence:
        header, passage = piece.citable.header, piece.citable.passage
        found += [passage.text, passage.heading, header.title, header.publisher, header.place, piece.speaker]
    return found


def _is_name(term: Term, sentence: str) -> bool:
    if term.kind == "name":
        return True
    if term.kind != "word" or not term.text[0].isupper():
        return False
    # The first word of a sentence is capitalised anyway.
    following = sentence[term.start + len(term.text) :].lstrip()
    if following[:1].isupper():
        return True
    return folded(term.text) not in STOP_WORDS and not _ORDINARY_ENDING.search(term.text.casefold())
