"""Small real encoders for tests that need no model."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.ports import Matrix, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingEncoder:
    """Bag of hashed words: texts that share words are near each other; deterministic, no model."""

    dimensions: int = 64
    encoder_id: str = "hashing-64"

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, text: str) -> Vector:
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for word in re.findall(r"\w+", text.casefold()):
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "little") % self.dimensions] += 1.0 if digest[4] % 2 else -1.0
        vector[0] += 1e-3  # Keeps the norm above zero for texts without words.
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
