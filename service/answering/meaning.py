"""How near texts and words are in meaning, through the record's encoder, remembered between questions."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from domain.ports import Encoder, Matrix, Vector

_REMEMBERED: Final = 20_000  # 384 float32 each: 31 MB.


class Meanings:
    """Vectors of sentences and single words; safe to use from several threads."""

    def __init__(self, encoder: Encoder, *, remembered: int = _REMEMBERED) -> None:
        self._encoder = encoder
        self._remembered = remembered
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def between(self, first: Sequence[str], second: Sequence[str]) -> Matrix:
        """Return the cosines of all pairs, `(len(first), len(second))` float32."""
        vectors = self.vectors([*first, *second])
        return np.asarray(vectors[: len(first)] @ vectors[len(first) :].T, dtype=np.float32)

    def vectors(self, texts: Sequence[str]) -> Matrix:
        """Return unit vectors, `(len(texts), d)` float32; only texts that are not remembered are encoded."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._encoder.encode_passages(missing), strict=True))
            self._remember({text: known[text] for text in missing})
        rows = [known[text] for text in texts]
        return np.stack(rows) if rows else np.empty((0, self._encoder.dimensions), dtype=np.float32)

    def _remember(self, vectors: dict[str, Vector]) -> None:
        with self._lock:
            self._vectors.update(vectors)
            _trim(self._vectors, self._remembered)


def nearest_word(words: Iterable[str], others: Sequence[str], meanings: Meanings) -> dict[str, float]:
    """Return, for each word, its cosine with the nearest of `others`; 0 when there are none."""
    asked = list(dict.fromkeys(words))
    if not asked or not others:
        return dict.fromkeys(asked, 0.0)
    return {word: float(value) for word, value in zip(asked, meanings.between(asked, others).max(axis=1), strict=True)}


def _trim(held: OrderedDict[str, Vector], limit: int) -> None:
    while len(held) > limit:
        held.popitem(last=False)
