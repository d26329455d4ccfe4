"""The support checker: a sentence and the words that it cites read together → do they support it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from domain.answers import Evidence
from retriever.pair_layout import MOST_CHECKED, MOST_SENTENCE, Pair, pair_of
from retriever.pair_model import PairModel

WEIGHTS: Final = "support.onnx"
_AROUND: Final = 3  # Special tokens of a pair.


class OnnxSupportChecker:
    """The port `SupportChecker`: a small cross-encoder of `tools.support`; safe to use from several threads."""

    def __init__(self, model: PairModel) -> None:
        self._model = model

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Load the checker that comes with Dateline, or the one in `folder`.

        Raises:
            ModelFileError: If a file is missing or cannot be used.
        """
        return cls(PairModel.load(WEIGHTS, folder))

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        """Return for each group of pieces, read together, how sure it is that they support the sentence, 0..1."""
        if not groups:
            return ()
        (said,) = self._model.tokens([sentence])
        words = self._model.tokens([" ".join(_words(piece) for piece in group) for group in groups])
        pairs = [list(_pairs(said.ids, one.ids)) for one in words]
        scored = iter(self._model.read([pair for some in pairs for pair in some]))
        return tuple(max(_probability(next(scored).log_odds) for _ in some) for some in pairs)


def _words(piece: Evidence) -> str:
    return piece.text if piece.speaker is None or piece.speaker in piece.text else f"{piece.speaker}: {piece.text}"


def _pairs(sentence: Sequence[int], words: Sequence[int]) -> Iterator[Pair]:
    """Lay out one pair, or several that overlap by half where the words are too long for one."""
    room = MOST_CHECKED - min(len(sentence), MOST_SENTENCE) - _AROUND
    for begin in range(0, max(1, len(words) - room // 2), room // 2):
        yield pair_of(sentence, (), words[begin : begin + room], most_question=MOST_SENTENCE, most=MOST_CHECKED)


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
