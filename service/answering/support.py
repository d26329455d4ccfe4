"""Does this evidence support this sentence? A first checker, by shared words and nearness in meaning."""

from collections.abc import Sequence
from typing import Final

from domain.answers import Evidence
from service.answering.lexical_match import coverage, is_in, joined_keys, keys_of, terms_of
from service.answering.meaning import Meanings, nearest_word

_NEAR_WORD: Final = 0.55  # Cosine above which a single word counts as said in other words.
_PARAPHRASE_CREDIT: Final = 0.8
_FREE_NEW_WORDS: Final = 1
_PER_NEW_WORD: Final = 0.07
_RECALL_SHARE, _COSINE_SHARE, _OFFSET = 0.72, 0.38, 0.1


class LexicalSupportChecker:
    """The port `SupportChecker`: how much of a sentence's content its evidence holds.

    Words that the evidence says otherwise ("talks" for "discussions") count in part when an encoder is there. Content
    that the evidence does not hold at all costs more with each word.
    """

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings

    def support(self, sentence: str, evidence: Sequence[Evidence]) -> tuple[float, ...]:
        """Return one support score in 0..1 per piece of evidence."""
        texts = [piece.text for piece in evidence]
        if self._meanings is None:
            return tuple(_clamp(self._recall(sentence, piece)[0]) for piece in evidence)
        cosines = self._meanings.between([sentence], texts)[0] if texts else ()
        return tuple(
            self._score(sentence, piece, float(cosine)) for piece, cosine in zip(evidence, cosines, strict=True)
        )

    def _score(self, sentence: str, piece: Evidence, cosine: float) -> float:
        recall, new_words = self._recall(sentence, piece)
        penalty = _PER_NEW_WORD * max(0, new_words - _FREE_NEW_WORDS)
        return _clamp(_RECALL_SHARE * recall + _COSINE_SHARE * cosine - _OFFSET - penalty)

    def _recall(self, sentence: str, piece: Evidence) -> tuple[float, int]:
        """Return the weighted share of the sentence's content in the evidence, and how many words are not in it."""
        terms = tuple({term.key: term for term in terms_of(sentence)}.values())
        if not terms:
            return 0.0, 0
        said = joined_keys((piece.text, piece.speaker))
        missing = [term for term in terms if not is_in(term.key, said)]
        credit = self._credit([term.text for term in missing if term.kind == "word"], piece.text)
        total = sum(term.weight for term in terms)
        covered = total - sum(term.weight for term in missing) + sum(credit.values())
        return covered / total, len(missing) - len(credit)

    def _credit(self, words: Sequence[str], text: str) -> dict[str, float]:
        if self._meanings is None or not words:
            return {}
        others = list(dict.fromkeys(term.text.casefold() for term in terms_of(text)))
        near = nearest_word([word.casefold() for word in words], others, self._meanings)
        return {word: _PARAPHRASE_CREDIT for word, cosine in near.items() if cosine >= _NEAR_WORD}


def union_recall(sentence: str, evidence: Sequence[Evidence]) -> float:
    """Return the weighted share of a sentence's content words that several pieces hold together, 0..1."""
    said = joined_keys(part for piece in evidence for part in (piece.text, piece.speaker))
    return coverage(terms_of(sentence), said) if keys_of(sentence) else 0.0


def _clamp(value: float) -> float:
    return min(max(value, 0.0), 1.0)
