"""Checks that a sentence says nothing else than its evidence: numbers, names, speakers, negation, modality, happenings.

Each guard returns the typed reason for withholding a sentence, or `None`. They fail closed: what they cannot place
counts as a difference.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal

from domain.answers import Evidence
from service.answering.happenings import untold
from service.answering.lexical_match import Term, folded, is_in, joined_keys, terms_of
from service.answering.modality import modality_differs
from service.answering.negation import negation_differs
from service.answering.numbers import unfounded_number
from service.answering.speakers import speaker_differs
from service.answering.word_forms import STOP_WORDS

Reason = Literal[
    "not_supported",
    "number_not_in_source",
    "name_not_in_source",
    "speaker_not_in_source",
    "negation_differs",
    "modality_differs",
    "happening_not_in_source",
]

Guard = tuple[Reason, Callable[[str, Sequence[Evidence]], bool]]
"""The reason for which it withholds a sentence, and whether the sentence differs from its evidence in that."""

_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+|\S+@[\w-]+\.\S+", re.IGNORECASE)
_POINTER: Final = re.compile(
    r"\b(?i:he|she|it|they|we|him|her|them|us|his|hers|its|their|our|this|these|those|i|my)\b"
    r"|\b(?:[Bb]oth|[Tt]he(?: (?:two|other|same|new))?) (?:sides?|countr(?:y|ies)|nations?|parties|party|leaders?"
    r"|governments?|ministr(?:y|ies)|ministers?|presidents?|premiers?|chancellors?|compan(?:y|ies)|group|firm|bank|agency"
    r"|office|commission|council|court|assembly|parliament|team|club|city|town|capital|island|region|province|state"
    r"|man|woman|couple|singer|actor|actress|author|director|player|driver|film|show|book|song|game|app|site)\b"
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Sentence-initial words with these endings are ordinary words far more often than names.
_ORDINARY_ENDING: Final = re.compile(r"(?:tion|sion|ment|ness|ity|ing|ed|ly|ance|ence|ive|ous|al|ers|ors|ts|ks|ies)$")


def first_failing(sentence: str, evidence: Sequence[Evidence], guards: Sequence[Guard] | None = None) -> Reason | None:
    """Return why a sentence may not stand on its evidence, or `None`; a whole quote always may.

    Args:
        sentence: What was written.
        evidence: What it cites.
        guards: Those that check; all by default.
    """
    if any(sentence == " ".join(piece.text.split()) for piece in evidence):
        return None
    return next(
        (reason for reason, differs in (GUARDS if guards is None else guards) if differs(sentence, evidence)), None
    )


def _words(evidence: Sequence[Evidence]) -> str:
    return "\n".join(piece.text for piece in evidence)


def unfounded_names(sentence: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return the names of a sentence that its evidence does not give.

    What the words and their speaker name may be named. A name that only stands around them, in the passage, the title
    or the dateline, may take the place of a pronoun, or be added, but not take the place of another name.
    """
    around = joined_keys(_surroundings(evidence))
    said = joined_keys(part for piece in evidence for part in (piece.text, piece.speaker))
    written = {folded(word) for piece in evidence for word in _WORD.findall(piece.text)}
    strange = [
        term
        for term in terms_of(sentence)
        if _is_name(term, sentence) and not is_in(term.key, said) and folded(term.text) not in written
    ]
    unknown = tuple(term.text for term in strange if not is_in(term.key, around))
    if unknown or not strange:
        return unknown
    words = _words(evidence)
    told = _pointers(words) - _pointers(sentence)
    if len(_names_in(strange, sentence)) <= told or not _drops_a_name(sentence, words):
        return ()
    return tuple(term.text for term in strange)


def _pointers(text: str) -> int:
    """Return how many words stand for somebody or something that is named elsewhere."""
    return len(_POINTER.findall(text))


def _names_in(terms: Sequence[Term], sentence: str) -> list[Term]:
    """Return the first term of each name: `Asif`, `Ali` and `Zardari` in a row are one."""
    return [
        term
        for before, term in zip((None, *terms), terms, strict=False)
        if before is None or sentence[before.start + len(before.text) : term.start].strip()
    ]


def _drops_a_name(sentence: str, words: str) -> bool:
    """Tell whether a name stands in the sentence less often than in the words."""
    told = Counter(term.key for term in terms_of(sentence))
    names = [term for term in terms_of(words) if term.kind == "name"]
    stated = Counter(term.key for term in names)
    inside = frozenset(told)
    return any(told[term.key] < stated[term.key] and (told[term.key] or not is_in(term.key, inside)) for term in names)


def _unfounded_address(sentence: str, words: str) -> bool:
    """Tell whether a sentence holds a web or mail address that its evidence does not: a way out for what was read."""
    return any(match.group().rstrip(".,;:)") not in words for match in _ADDRESS.finditer(sentence))


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


# The order in which reasons are given: what a reader can check at a glance comes first.
GUARDS: Final[tuple[Guard, ...]] = (
    ("number_not_in_source", lambda text, pieces: unfounded_number(text, _words(pieces)) is not None),
    ("name_not_in_source", lambda text, pieces: bool(unfounded_names(text, pieces))),
    ("name_not_in_source", lambda text, pieces: _unfounded_address(text, _words(pieces))),
    ("speaker_not_in_source", speaker_differs),
    ("negation_differs", lambda text, pieces: negation_differs(text, _words(pieces))),
    ("modality_differs", lambda text, pieces: modality_differs(text, _words(pieces))),
    ("happening_not_in_source", lambda text, pieces: bool(untold(text, [piece.text for piece in pieces]))),
)
