"""How well sentences of the record fit a question, as a handful of numbers per sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.corpus import RankedPassage, Span
from service.answering.asked import Asked, asked_for, holds
from service.answering.lexical_match import Term, coverage, is_in, joined_keys, keys_of, terms_of
from service.answering.meaning import Meanings, nearest_word

_GENERIC_WEIGHT: Final = 0.35
# Words that say what kind of thing is asked about: an answer need not repeat them.
_GENERIC: Final = frozenset(
    key
    for word in """
        position stance view opinion role reason purpose kind type sort name number amount date year month day
        time place way thing country city person people group part word term title main major key important
        happen occur say call use include make do say state mention talk discuss article document record report
        story news according percentage percent long many become people become
    """.split()
    for key in keys_of(word)
)
_SAME_MEANING: Final = 0.75  # Cosine of single words that replace each other in sentences: "accord" and "agreement".
_OTHER_MEANING: Final = 0.40
_RELATED: Final = 0.55  # Above, a word of the text says at least something like the question's word.


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question as it is compared with sentences.

    Attributes:
        weights: How much each of its terms says, by key; rarer among the passages means more.
    """

    text: str
    terms: tuple[Term, ...]
    weights: Mapping[str, float]
    asked: Asked

    @classmethod
    def of(cls, question: str, passages: Sequence[RankedPassage]) -> "Asking":
        """Weigh a question's terms by how rare they are among the passages that were found for it."""
        terms = tuple({term.key: term for term in terms_of(question)}.values())
        found = [_surroundings(ranked) for ranked in passages]
        return cls(
            text=question,
            terms=terms,
            weights={term.key: _weight(term, found) for term in terms},
            asked=asked_for(question),
        )

    @property
    def particulars(self) -> tuple[Term, ...]:
        """The names and numbers that the question gives."""
        return tuple(term for term in self.terms if term.kind != "word")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One sentence and how it fits the question; all numbers but `cosine` are in 0..1.

    Attributes:
        words: Weighted share of the question's terms in the sentence.
        around: The same in its paragraph, heading and title.
        meaning: The same in the sentence, with credit for words of nearly the same meaning.
        cosine: Nearness of the whole sentence to the question, -1..1.
        unseen: How many plain words of the question neither it nor its surroundings hold, nor anything like them.
        holds_asked: Whether it holds what is asked for: a time, a number, a name.
        rank: 1-based rank of its passage.
    """

    ranked: RankedPassage
    span: Span
    text: str
    words: float
    around: float
    meaning: float
    cosine: float
    unseen: int
    holds_asked: bool
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a passage that may be evidence."""

    ranked: RankedPassage
    span: Span
    text: str


def fits(asking: Asking, sentences: Sequence[Sentence], meanings: Meanings) -> tuple[Fit, ...]:
    """Measure each sentence against the question, in the order given."""
    texts = [sentence.text for sentence in sentences]
    cosines = meanings.to_question(asking.text, texts)
    near = _near_words(asking, texts, meanings)
    return tuple(
        _fit(asking, sentence, cosine, near_words)
        for sentence, cosine, near_words in zip(sentences, cosines, near, strict=True)
    )


def _fit(asking: Asking, sentence: Sentence, cosine: float, near: Mapping[str, float]) -> Fit:
    keys = keys_of(sentence.text)
    around = _surroundings(sentence.ranked)
    return Fit(
        ranked=sentence.ranked,
        span=sentence.span,
        text=sentence.text,
        words=coverage(asking.terms, keys, asking.weights),
        around=coverage(asking.terms, around, asking.weights),
        meaning=_soft_coverage(asking, keys, near),
        cosine=cosine,
        unseen=_unseen(asking, around, near),
        holds_asked=holds(asking.asked, sentence.text, asking.text),
        rank=sentence.ranked.rank,
    )


def _near_words(asking: Asking, texts: Sequence[str], meanings: Meanings) -> list[dict[str, float]]:
    """Return, per text, the cosine of each plain question word with the nearest word of the text."""
    plain = [term.text.casefold() for term in asking.terms if term.kind == "word"]
    words = [list(dict.fromkeys(term.text.casefold() for term in terms_of(text))) for text in texts]
    meanings.vectors([*plain, *(word for row in words for word in row)])  # In one batch; then they are remembered.
    return [nearest_word(plain, row, meanings) for row in words]


def _unseen(asking: Asking, around: frozenset[str], near: Mapping[str, float]) -> int:
    return sum(
        term.kind == "word"
        and term.key not in _GENERIC
        and not is_in(term.key, around)
        and near.get(term.text.casefold(), 0.0) < _RELATED
        for term in asking.terms
    )


def _soft_coverage(asking: Asking, keys: frozenset[str], near: Mapping[str, float]) -> float:
    total = covered = 0.0
    for term in asking.terms:
        weight = asking.weights[term.key]
        total += weight
        if is_in(term.key, keys):
            covered += weight
        else:
            nearness = (near.get(term.text.casefold(), 0.0) - _OTHER_MEANING) / (_SAME_MEANING - _OTHER_MEANING)
            covered += weight * min(max(nearness, 0.0), 1.0)
    return covered / total if total else 0.0


def _surroundings(ranked: RankedPassage) -> frozenset[str]:
    header, passage = ranked.citable.header, ranked.passage
    return joined_keys((passage.text, passage.heading, header.title, header.publisher, header.place))


def _weight(term: Term, found: Sequence[frozenset[str]]) -> float:
    holding = sum(is_in(term.key, keys) for keys in found)
    rarity = math.log(1 + (len(found) - holding + 0.5) / (holding + 0.5)) / math.log(2 + 2 * len(found))
    generic = _GENERIC_WEIGHT if term.kind == "word" and term.key in _GENERIC else 1.0
    return term.weight * generic * max(rarity, 0.15)
