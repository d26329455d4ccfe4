"""Words as answering compares them: stems, names, numbers, and how well one text covers another."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from service.answering.word_forms import DEMONYM_ENDINGS, NUMBER_WORDS, STOP_WORDS, stem

Kind = Literal["word", "name", "number"]

_TOKEN = re.compile(
    r"\d+(?:[.,:]\d+)+"  # 1,200 and 3.5
    r"|[^\W\d_]{1,8}-\d+[^\W_]*"  # ML-1, Covid-19
    r"|(?:[^\W\d_]\.){2,}"  # U.N.
    r"|[^\W_]+(?:['’][^\W\d_]+)*"
)
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;]['\"”’»)]*\s|[\n“\"«(])\s*$")
_NUMERIC = re.compile(r"\d")
_NAME_PREFIX = 4  # Shorter beginnings are shared by names that have nothing to do with each other.
_WEIGHTS: Mapping[Kind, float] = {"word": 1.0, "name": 1.6, "number": 1.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word that carries content.

    Attributes:
        key: What is compared: stemmed, without case and accents; numbers as digits.
        kind: `name` for a capitalised word inside a sentence, `number` for digits and spelled numbers.
        text: As written.
        start: Position in the text.
    """

    key: str
    kind: Kind
    text: str
    start: int

    @property
    def weight(self) -> float:
        """How much is lost when this term is not found: names and numbers say more than other words."""
        return _WEIGHTS[self.kind]


@lru_cache(maxsize=4_096)
def terms_of(text: str) -> tuple[Term, ...]:
    """Return the content words of a text in order, stop words left out; repeated words are repeated."""
    found = []
    for match in _TOKEN.finditer(text):
        written = match.group()
        word = folded(written)
        if word in STOP_WORDS and not _is_acronym(written):
            continue
        found.append(Term(key=_key(word), kind=_kind(text, match), text=written, start=match.start()))
    return tuple(found)


@lru_cache(maxsize=4_096)
def keys_of(text: str) -> frozenset[str]:
    """Return the distinct keys of a text's content words."""
    return frozenset(term.key for term in terms_of(text))


def folded(word: str) -> str:
    """Return a word without case, accents, possessive ending, and the dots or hyphen of an acronym."""
    plain = unicodedata.normalize("NFKD", word).casefold().replace("’", "'")
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = plain.removesuffix("'s").removesuffix("'")
    if _NUMERIC.match(plain):
        return plain.replace(",", "")
    return plain.replace(".", "").replace("-", "")


def same_word(first: str, second: str) -> bool:
    """Tell whether two keys are the same word, or a country and its people: `china` and `chinese`."""
    if first == second:
        return True
    shared = _shared_prefix(first, second)
    return shared >= _NAME_PREFIX and {first[shared:], second[shared:]} <= DEMONYM_ENDINGS


def is_in(key: str, keys: frozenset[str]) -> bool:
    """Tell whether a key, or another form of the same name, is among `keys`."""
    return key in keys or any(same_word(key, other) for other in keys)


def coverage(terms: Sequence[Term], keys: frozenset[str], weights: Mapping[str, float] | None = None) -> float:
    """Return the weighted share of `terms` found in `keys`, 0..1; 0 without terms.

    Args:
        terms: What is looked for; a repeated term counts once.
        keys: Where it is looked for.
        weights: Weight by key, in place of the terms' own.
    """
    distinct = {term.key: term for term in terms}
    total = covered = 0.0
    for key, term in distinct.items():
        weight = term.weight if weights is None else weights.get(key, term.weight)
        total += weight
        covered += weight if is_in(key, keys) else 0.0
    return covered / total if total else 0.0


def overlap(first: str, second: str) -> float:
    """Return the Jaccard similarity of two texts' content words, 0..1."""
    left, right = keys_of(first), keys_of(second)
    return len(left & right) / len(left | right) if left | right else 0.0


def joined_keys(texts: Iterable[str | None]) -> frozenset[str]:
    """Return the keys of several texts together."""
    return frozenset().union(*(keys_of(text) for text in texts if text))


def _key(word: str) -> str:
    ordinal = _ORDINAL.fullmatch(word)
    if ordinal is not None:
        return ordinal[1]
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    return word if _NUMERIC.search(word) else stem(word)


def _kind(text: str, match: re.Match[str]) -> Kind:
    written = match.group()
    if written[0].isdigit() or folded(written) in NUMBER_WORDS:
        return "number"
    if _is_acronym(written):
        return "name"
    if written[0].isupper() and not _SENTENCE_START.search(text, max(0, match.start() - 8), match.start()):
        return "name"
    return "word"


def _is_acronym(written: str) -> bool:
    letters = [character for character in written if character.isalpha()]
    return len(letters) > 1 and all(character.isupper() for character in letters)


def _shared_prefix(first: str, second: str) -> int:
    shared = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        shared += 1
    return shared
