"""Does a sentence negate what its source says, or say what its source negates?"""

import re
from collections.abc import Sequence
from typing import Final

from service.answering.lexical_match import is_in, keys_of, terms_of
from service.answering.word_forms import stem

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
_SCOPE_WORDS: Final = 3  # Content words behind a negation that it most likely negates.

Scope = tuple[str, ...]
"""Keys of the content words right behind a negation."""


def negation_differs(sentence: str, source: str) -> bool:
    """Tell whether a sentence negates what its source does not, the other way round, or turns a verb over."""
    here, there = _negated(sentence), _negated(source)
    inside, said = keys_of(sentence), keys_of(source)
    if _any_of_its_own(here, there, said):
        return True
    if any(scope and all(is_in(key, inside) for key in scope) and not _met(scope, here) for scope in there):
        return True
    return any(_turned(inside, said, left, right) for left, right in _OPPOSITES) or any(
        _turned(_plain(sentence), _plain(source), left, right) for left, right in _OPPOSITES
    )


def _any_of_its_own(here: Sequence[Scope], there: Sequence[Scope], said: frozenset[str]) -> bool:
    """Tell whether the sentence has a negation that none of the source's stands for; each stands for one."""
    free = list(there)
    for scope in here:
        # What is negated in other words than the source's may be any of its negations.
        in_other_words = not any(is_in(key, said) for key in scope)
        same = next((other for other in free if in_other_words or _met(scope, [other])), None)
        if same is None:
            return True
        free.remove(same)
    return False


def _met(scope: Scope, others: Sequence[Scope]) -> bool:
    return any(any(is_in(key, frozenset(other)) for key in scope) for other in others)


def _turned(inside: frozenset[str], said: frozenset[str], left: frozenset[str], right: frozenset[str]) -> bool:
    for mine, other in ((left, right), (right, left)):
        if inside & mine and not said & mine and said & other and not inside & other:
            return True
    return False


def _plain(text: str) -> frozenset[str]:
    # These are stop words, so they have no terms.
    words = ("before", "after", "above", "below")
    return frozenset(stem(word) for word in words if re.search(rf"\b{word}\b", text.lower()))


def _negated(text: str) -> list[Scope]:
    found = []
    for match in _NEGATION.finditer(text):
        behind = [term.key for term in terms_of(text) if term.start >= match.end()]
        found.append(tuple(behind[:_SCOPE_WORDS]))
    return found
