"""How well sentences of the record fit a question, as a handful of numbers per sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.corpus import RankedPassage, Span
from service.answering.lexical_match import Term, coverage, is_in, joined_keys, keys_of, terms_of

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question as it is compared with sentences.

    Attributes:
        weights: How much each of its terms says, by key; rarer among the passages means more.
    """

    text: str
    terms: tuple[Term, ...]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, question: str, passages: Sequence[RankedPassage]) -> "Asking":
        """Weigh a question's terms by how rare they are among the passages that were found for it."""
        terms = tuple({term.key: term for term in terms_of(question)}.values())
        found = [surroundings(ranked) for ranked in passages]
        return cls(
            text=question,
            terms=terms,
            weights={term.key: _weight(term, found) for term in terms},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One sentence and how it fits the question; shares are in 0..1.

    Attributes:
        words: Weighted share of the question's terms in the sentence.
        passage: Log-odds of its passage.
        behind: By how much these are less than those of the best passage.
        beside: By how much the reader takes it to answer more than the other sentences of its passage do on average.
        holds_span: Whether the words stand in it that the reader takes for the answer.
    """

    ranked: RankedPassage
    span: Span
    text: str
    words: float
    passage: float
    behind: float
    beside: float
    holds_span: bool

    @property
    def rank(self) -> int:
        """1-based rank of its passage."""
        return self.ranked.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a passage that may be evidence."""

    ranked: RankedPassage
    span: Span
    text: str


def fit(asking: Asking, sentence: Sentence, *, best: float) -> Fit:
    """Measure a sentence against the question; `best` is the score of the best passage."""
    ranked, reading = sentence.ranked, sentence.ranked.reading
    return Fit(
        ranked=ranked,
        span=sentence.span,
        text=sentence.text,
        words=coverage(asking.terms, keys_of(sentence.text), asking.weights),
        passage=ranked.score,
        behind=best - ranked.score,
        beside=_beside(ranked, sentence.span),
        holds_span=reading is not None and reading.span is not None and sentence.span.contains(reading.span),
    )


def _beside(ranked: RankedPassage, span: Span) -> float:
    if ranked.reading is None:
        return 0.0
    scores = ranked.reading.sentences
    return scores[ranked.passage.sentences.index(span)] - math.fsum(scores) / len(scores)


def surroundings(ranked: RankedPassage) -> frozenset[str]:
    """Return the keys of a passage's words, and of what stands above it: heading, title, publisher, place."""
    header, passage = ranked.citable.header, ranked.passage
    return joined_keys((passage.text, passage.heading, header.title, header.publisher, header.place))


def _weight(term: Term, found: Sequence[frozenset[str]]) -> float:
    holding = sum(is_in(term.key, keys) for keys in found)
    rarity = math.log(1 + (len(found) - holding + 0.5) / (holding + 0.5)) / math.log(2 + 2 * len(found))
    generic = _GENERIC_WEIGHT if term.kind == "word" and term.key in _GENERIC else 1.0
    return term.weight * generic * max(rarity, 0.15)
