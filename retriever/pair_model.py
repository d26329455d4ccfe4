"""A small model that reads two texts together: int8, through onnxruntime."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from domain.errors import ModelFileError
from retriever.giving_way import give_way
from retriever.pair_layout import Pair

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

VOCABULARY: Final = "reader-tokenizer.json"

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model makes of a pair: scores of its tokens, `(tokens, 3)`, and the log-odds of the whole."""

    tokens: Scores
    log_odds: float


class PairModel:
    """One file of weights with its vocabulary; safe to use from several threads.

    Each core reads a pair of its own, for the same reasons as in the encoder.
    """

    def __init__(self, session: "InferenceSession", tokenizer: "Tokenizer", *, cores: int) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._workers = ThreadPoolExecutor(cores, thread_name_prefix="read", initializer=give_way)

    @classmethod
    def load(cls, weights: str, folder: Path | None = None) -> Self:
        """Load a file of weights that comes with Dateline, or the one of that name in `folder`.

        Raises:
            ModelFileError: If a file is missing or cannot be used.
        """
        file = weights_file(weights, folder)
        try:
            from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415  - 0.3 s to import
            from tokenizers import Tokenizer  # noqa: PLC0415  - the same

            options = SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            # Without it, processors of AVX2 without VNNI cut off sums that are too large, and score otherwise.
            options.add_session_config_entry("session.x64quantprecision", "1")
            session = InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            return cls(session, Tokenizer.from_file(str(file.with_name(VOCABULARY))), cores=os.cpu_count() or 1)
        except Exception as error:  # onnxruntime and tokenizers raise classes of their own for damaged files.
            raise ModelFileError(
                f"The model {str(file)!r} cannot be loaded: {error}",
                hint="Install Dateline again, or unset DATELINE_MODELS__READER and DATELINE_MODELS__SUPPORT.",
            ) from error

    def tokens(self, texts: Iterable[str]) -> "list[Encoding]":
        """Return the tokens of each text, without special ones."""
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return list(self._tokenizer.encode_batch(clean, add_special_tokens=False))

    def read(self, pairs: Sequence[Pair]) -> list[Scored]:
        """Score pairs, in the order given.

        They are not batched: activations are quantised over a whole batch, so that what one scores would depend on
        what else is read.
        """
        return list(self._workers.map(self._scored, pairs))

    def _scored(self, pair: Pair) -> Scored:
        feed: dict[str, Any] = {
            "ids": np.array([pair.ids], dtype=np.int64),
            "mask": np.ones((1, len(pair.ids)), dtype=np.int64),
            "segments": np.array([pair.segments], dtype=np.int64),
        }
        tokens, log_odds = self._session.run(None, feed)
        return Scored(tokens[0], float(log_odds[0]))


def weights_file(name: str, folder: Path | None) -> Path:
    """Return where a file of weights is: in `folder`, or beside what comes with Dateline."""
    return (folder.expanduser() if folder else Path(str(files("retriever") / "weights"))) / name
