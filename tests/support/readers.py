"""Small real readers for tests that need no model."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.corpus import Passage, RankedPassage, Reading, Span
from service.answering.lexical_match import coverage, keys_of, terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsReader:
    """Reads by shared words: a text answers as far as the question's content words stand in it.

    Attributes:
        certain: Log-odds where all of them do; where none does, minus that; 0 where half of their weight does.
    """

    certain: float = 4.0

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        return tuple(self._reading(question, ranked.passage) for ranked in passages)

    def _reading(self, question: str, passage: Passage) -> Reading:
        said = tuple(self._log_odds(question, passage.words(span)) for span in passage.sentences)
        best: tuple[float, Span | None] = max(
            zip(said, passage.sentences, strict=True), key=lambda pair: pair[0], default=(-self.certain, None)
        )
        return Reading(answers=self._log_odds(question, passage.text), span=best[1], span_score=best[0], sentences=said)

    def _log_odds(self, question: str, text: str) -> float:
        return self.certain * (2 * coverage(terms_of(question), keys_of(text)) - 1)


class PointingReader:
    """Points at given words wherever they stand, and is sure of them."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self._fallback = WordsReader()

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        return tuple(
            self._reading(ranked, plain)
            for ranked, plain in zip(passages, self._fallback.read(question, passages), strict=True)
        )

    def _reading(self, ranked: RankedPassage, plain: Reading) -> Reading:
        passage = ranked.passage
        for words in self._words:
            if (place := passage.text.find(words)) >= 0:
                start = passage.span.start + place
                span = Span(start=start, end=start + len(words))
                return Reading(answers=2.0, span=span, span_score=4.0, sentences=plain.sentences)
        return plain
