"""The reader: question and passage read together → does it answer, which sentences, which words."""

import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from domain.corpus import RankedPassage, Reading, Span
from domain.errors import ModelFileError
from retriever.reader_input import MOST_QUESTION, MOST_TITLE, MOST_TOKENS, Pair, pair_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

WEIGHTS: Final = "reader.onnx"
VOCABULARY: Final = "reader-tokenizer.json"
_MOST_SPAN: Final = 24  # Tokens; longer than nearly every short answer of the training data.
_NOTHING: Final = -20.0  # Logits of what has no token, e.g. a glyph of a PDF's own font; JSON has no infinity.

Scores = NDArray[np.float32]


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
    """The trained reader, int8, through onnxruntime; safe to use from several threads.

    Each core reads a pair of its own, for the same reasons as in the encoder.
    """

    def __init__(self, session: "InferenceSession", tokenizer: "Tokenizer", *, cores: int) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._workers = ThreadPoolExecutor(cores, thread_name_prefix="read")

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Load the reader that comes with Dateline, or the one in `folder`.

        Raises:
            ModelFileError: If a file is missing or cannot be used.
        """
        place = folder.expanduser() if folder else Path(str(files("retriever") / "weights"))
        try:
            from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415  - 0.3 s to import
            from tokenizers import Tokenizer  # noqa: PLC0415  - the same

            options = SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            session = InferenceSession(str(place / WEIGHTS), options, providers=["CPUExecutionProvider"])
            return cls(session, Tokenizer.from_file(str(place / VOCABULARY)), cores=os.cpu_count() or 1)
        except Exception as error:  # onnxruntime and tokenizers raise classes of their own for damaged files.
            raise ModelFileError(
                f"The reader in {str(place)!r} cannot be loaded: {error}",
                hint="Install Dateline again, or unset DATELINE_MODELS__READER.",
            ) from error

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        """Read each passage for the question, in the order given."""
        if not passages:
            return ()
        asked = self._tokens([question])[0].ids[:MOST_QUESTION]
        titles = [one.ids[:MOST_TITLE] for one in self._tokens([p.citable.header.title or "" for p in passages])]
        texts = self._tokens([ranked.passage.text for ranked in passages])
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
        for window, pair, scored in zip(windows, pairs, self._workers.map(self._scored, pairs), strict=True):
            read[window.passage].append(_Scored(window, pair, *scored))
        return tuple(_reading(*one) for one in zip(passages, texts, read, strict=True))

    def _tokens(self, texts: Iterable[str]) -> "list[Encoding]":
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return list(self._tokenizer.encode_batch(clean, add_special_tokens=False))

    def _scored(self, pair: Pair) -> tuple[Scores, float]:
        """Score one pair: its tokens, `(tokens, 3)`, and its log-odds of answering.

        Pairs are not batched: activations are quantised over a whole batch, so that what a passage scores would depend
        on what else is read.
        """
        feed: dict[str, Any] = {
            "ids": np.array([pair.ids], dtype=np.int64),
            "mask": np.ones((1, len(pair.ids)), dtype=np.int64),
            "segments": np.array([pair.segments], dtype=np.int64),
        }
        tokens, answers = self._session.run(None, feed)
        return tokens[0], float(answers[0])


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
