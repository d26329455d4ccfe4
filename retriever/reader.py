"""The reader: question and passage read together → does it answer, which sentences, which words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from domain.corpus import RankedPassage, Reading, Span
from retriever.pair_layout import MOST_QUESTION, MOST_TITLE, MOST_TOKENS, Pair, pair_of
from retriever.pair_model import PairModel, Scores

if TYPE_CHECKING:
    from tokenizers import Encoding

WEIGHTS: Final = "reader.onnx"
_MOST_SPAN: Final = 24  # Tokens; longer than nearly every short answer of the training data.
_NOTHING: Final = -20.0  # Logits of what has no token, e.g. a glyph of a PDF's own font; JSON has no infinity.


@dataclass(frozen=True, slots=True)
class _Window:
    """A run of sentences of one passage as tokens: `tokens[first:last]` of the passage's encoding."""

    passage: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Scored:
    """A window with the model's scores of its pair's tokens, `(tokens, 3)`, and its log-odds of answering."""

    window: _Window
    pair: Pair
    tokens: Scores
    answers: float


class OnnxReader:
    """The trained reader; safe to use from several threads."""

    def __init__(self, model: PairModel) -> None:
        self._model = model

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Load the reader that comes with Dateline, or the one in `folder`.

        Raises:
            ModelFileError: If a file is missing or cannot be used.
        """
        return cls(PairModel.load(WEIGHTS, folder))

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        """Read each passage for the question, in the order given."""
        if not passages:
            return ()
        asked = self._model.tokens([question])[0].ids[:MOST_QUESTION]
        titles = [one.ids[:MOST_TITLE] for one in self._model.tokens([p.citable.header.title or "" for p in passages])]
        texts = self._model.tokens([ranked.passage.text for ranked in passages])
        windows = [
            window
            for number, ranked in enumerate(passages)
            for window in _windows(number, ranked, texts[number], MOST_TOKENS - len(asked) - len(titles[number]) - 4)
        ]
        pairs = [
            pair_of(asked, titles[window.passage], texts[window.passage].ids[window.first : window.last])
            for window in windows
        ]
        read: list[list[_Scored]] = [[] for _ in passages]
        for window, pair, scored in zip(windows, pairs, self._model.read(pairs), strict=True):
            read[window.passage].append(_Scored(window, pair, scored.tokens, scored.log_odds))
        return tuple(_reading(*one) for one in zip(passages, texts, read, strict=True))


def _windows(number: int, ranked: RankedPassage, text: "Encoding", room: int) -> list[_Window]:
    """Cut a passage into runs of whole sentences that fit; a sentence that is longer is cut by the pair itself."""
    starts = [span.start - ranked.passage.span.start for span in ranked.passage.sentences] or [0]
    offsets = text.offsets
    firsts = [next((t for t, (_, end) in enumerate(offsets) if end > start), len(offsets)) for start in starts]
    windows: list[_Window] = []
    first = 0
    for place, begin in enumerate(firsts):
        end = firsts[place + 1] if place + 1 < len(firsts) else len(offsets)
        if end - first > room and begin > first:
            windows.append(_Window(number, first, begin))
            first = begin
    windows.append(_Window(number, first, len(offsets)))
    return windows


def _reading(ranked: RankedPassage, text: "Encoding", read: Sequence[_Scored]) -> Reading:
    start = ranked.passage.span.start
    best: tuple[float, Span | None] = (-math.inf, None)
    evidence: dict[Span, float] = {}
    for one in read:
        offsets = text.offsets[one.window.first : one.window.first + one.pair.window_tokens]
        inside = one.tokens[one.pair.window_start : one.pair.window_start + one.pair.window_tokens]
        score, first, last = _best_span(inside, one.tokens[0])
        if first is not None and score > best[0]:
            best = (score, Span(start=start + offsets[first][0], end=start + offsets[last][1]))
        for span in ranked.passage.sentences:
            held = [
                token
                for token, (low, high) in enumerate(offsets)
                if low < span.end - start and high > span.start - start
            ]
            if held:
                evidence[span] = max(evidence.get(span, -math.inf), float(inside[held, 2].mean()))
    return Reading(
        answers=max(one.answers for one in read),
        span=best[1],
        span_score=_NOTHING if best[1] is None else best[0],
        sentences=tuple(evidence.get(span, _NOTHING) for span in ranked.passage.sentences),
    )


def _best_span(inside: Scores, nothing: Scores) -> tuple[float, int | None, int]:
    """Return how much more the best span scores than having no answer, and its first and last token."""
    if not len(inside):
        return -math.inf, None, 0
    sums = inside[:, None, 0] + inside[None, :, 1]
    allowed = np.triu(np.ones_like(sums, dtype=bool)) & ~np.triu(np.ones_like(sums, dtype=bool), _MOST_SPAN)
    place = int(np.where(allowed, sums, -np.inf).argmax())
    first, last = divmod(place, len(inside))
    return float(sums[first, last] - nothing[0] - nothing[1]), first, last
