from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from domain.ports import Matrix, Vector
from service.answering.meaning import Meanings, nearest_word
from tests.support.encoders import HashingEncoder


@dataclass(kw_only=True)
class CountingEncoder:
    """A hashing encoder that remembers what it was asked for."""

    inner: HashingEncoder = field(default_factory=HashingEncoder)
    passages: list[str] = field(default_factory=list)
    encoder_id: str = "counting"
    dimensions: int = 64

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        self.passages += texts
        return self.inner.encode_passages(texts)

    def encode_query(self, text: str) -> Vector:
        return self.inner.encode_query(text)


def test_each_text_is_encoded_once() -> None:
    """What was seen before, or twice in one call, costs nothing."""
    encoder = CountingEncoder()
    meanings = Meanings(encoder)

    first = meanings.vectors(["bridge", "ferry", "bridge"])
    second = meanings.vectors(["ferry", "port", "bridge"])

    assert encoder.passages == ["bridge", "ferry", "port"]
    np.testing.assert_array_equal(first[[1, 0]], second[[0, 2]])
    np.testing.assert_array_equal(first[0], first[2])


def test_the_oldest_are_forgotten_first() -> None:
    """Memory is bounded: at most `remembered` texts are kept; the call that overflows still gets all vectors."""
    encoder = CountingEncoder()
    meanings = Meanings(encoder, remembered=2)

    vectors = meanings.vectors(["one", "two", "three"])
    meanings.vectors(["three"])
    meanings.vectors(["one"])

    assert vectors.shape == (3, 64)
    assert encoder.passages == ["one", "two", "three", "one"]


def test_nothing_is_encoded_for_no_texts() -> None:
    encoder = CountingEncoder()
    meanings = Meanings(encoder)

    assert meanings.vectors([]).shape == (0, 64)
    assert encoder.passages == []


def test_pairs_have_the_cosine_of_their_vectors() -> None:
    """One row per first, one column per second text."""
    cosines = Meanings(HashingEncoder()).between(["bridge", "ferry"], ["ferry", "bridge", "ferry bridge"])

    assert cosines.shape == (2, 3)
    assert cosines[0, 1] == pytest.approx(1.0)
    assert cosines[1, 0] == pytest.approx(1.0)
    assert cosines[0, 2] > cosines[0, 0]


def test_the_nearest_word_decides() -> None:
    """A word that is there has cosine 1; without other words everything is far."""
    meanings = Meanings(HashingEncoder())

    near = nearest_word(["bridge", "bridge"], ["ferry", "bridge"], meanings)

    assert near == {"bridge": pytest.approx(1.0)}
    assert nearest_word(["bridge"], [], meanings) == {"bridge": 0.0}
    assert nearest_word([], ["ferry"], meanings) == {}


def test_threads_share_what_is_remembered() -> None:
    """Many threads that ask at once get the vectors that one alone gets."""
    texts = [f"bridge {number}" for number in range(40)]
    alone = Meanings(HashingEncoder()).vectors(texts)
    shared = Meanings(HashingEncoder(), remembered=20)

    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda _: shared.vectors(texts), range(16)))

    assert all(np.array_equal(vectors, alone) for vectors in found)
