"""Copies among documents: the same text, or nearly the same with the same figures.

A near copy needs two things: an estimated Jaccard similarity of word 3-shingles of at least the given threshold, and
the same figures. Figures are the numbers (digits and words), months, weekdays and negations of the text, each as often
as it occurs. So a corrected toll (87 → 85), a moved date or an added "not" makes a different document, however alike
the rest is: an amended figure is never folded away. Dates that only repeat the day of publication, as datelines do
("BEIJING, Feb. 6 (Xinhua)"), do not count, since two agencies write them differently above the same story.
The price is that a copy whose agency added a figure of its own is kept as an original; retrieval folds equal passages
anyway.

Signatures are MinHashes (rensa, 128 permutations, fixed seed) behind a digest of the figures; candidates come from
16 bands of 8 rows, which finds a pair of similarity 0.8 with probability 0.947 and one of 0.85 with 0.994.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import rensa
from numpy.typing import NDArray

from domain.corpus import Document, DocumentHeader
from ingest.wordlists import word_set

MIN_WORDS = 20  # Shorter texts share most of their shingles by chance; they are never near copies.
_PERMUTATIONS = 128
_BANDS = 16
_BAND_BYTES = 4 * _PERMUTATIONS // _BANDS
_SEED = 20_250_206
_TAG = bytes([1, rensa.RMinHash.ALGORITHM_VERSION])  # Signatures made in another way are not comparable.
_FIGURES_BYTES = 8
_SIGNATURE_BYTES = len(_TAG) + _FIGURES_BYTES + 4 * _PERMUTATIONS
_MERGE_AT = 4096

_WORD = re.compile(r"\w+(?:[.,]\d+)*")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
_FIGURE_WORDS = word_set(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion "
    "dozen half third quarter first second fourth fifth double triple once twice "
    "monday tuesday wednesday thursday friday saturday sunday "
    "not no never none nor neither without cannot"
) | (_MONTH_NAMES - {"may"})  # "may" is mostly the verb.
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_CONTRACTED_NOT = re.compile(r"[nN]['’][tT]\b")
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTH_NAMES, key=len, reverse=True)) + r")\.?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})\b",
        rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?\b",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?\b",
    )
)


def signature_of(document: Document) -> bytes:
    """Return what near-copy search needs of a document; empty for one with fewer than 20 words."""
    words = _WORD.findall(document.text.casefold())
    if len(words) < MIN_WORDS:
        return b""
    minhash = rensa.RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    minhash.update([" ".join(shingle) for shingle in zip(words, words[1:], words[2:], strict=False)])
    published = document.header.published
    figures = figures_of(document.text, published=published) if published else _figures_among(words, document.text)
    digest = hashlib.blake2b(" ".join(figures).encode("utf-8", "replace"), digest_size=_FIGURES_BYTES).digest()
    return _TAG + digest + np.asarray(minhash.digest(), dtype="<u4").tobytes()


def figures_of(text: str, *, published: date | None) -> tuple[str, ...]:
    """Return the numbers, months, weekdays and negations of `text`, sorted, without dates equal to `published`."""
    rest = text if published is None else _without_date(text, published)
    return _figures_among(_WORD.findall(rest.casefold()), rest)


def _figures_among(words: list[str], text: str) -> tuple[str, ...]:
    figures = [
        _ORDINAL.sub(r"\1", word.replace(",", ""))
        for word in words
        if word in _FIGURE_WORDS or (not word.isalpha() and any(map(str.isdigit, word)))
    ]
    return tuple(sorted(figures + ["not"] * len(_CONTRACTED_NOT.findall(text))))


def _without_date(text: str, published: date) -> str:
    def blank_if_same(match: re.Match[str]) -> str:
        found = match.groupdict()
        month = int(found["number"]) if found.get("number") else _MONTHS.index(found["month"][:3].casefold()) + 1
        year = int(found["year"]) if found["year"] else published.year
        return " " if (year, month, int(found["day"])) == (published.year, published.month, published.day) else match[0]

    for pattern in _DATES:
        text = pattern.sub(blank_if_same, text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCopy:
    """An earlier document that a signature is a near copy of."""

    document_id: str
    similarity: float


class NearDuplicates:
    """The originals' signatures, searched by locality-sensitive hashing; in memory, about 650 bytes a document.

    Args:
        threshold: Least estimated Jaccard similarity of a copy, in 0..1.
        signatures: `(document_id, signature)` of the originals, first ingested first. The order decides which of
            several equally similar originals is named.
    """

    def __init__(self, *, threshold: float, signatures: Iterable[tuple[str, bytes]] = ()) -> None:
        self._threshold = threshold
        self._ids: list[str] = []
        self._signatures: list[bytes] = []
        self._row_of: dict[str, int] = {}
        # Two levels, so that 70,000 documents need 16 bytes instead of a dictionary entry per band: sorted arrays,
        # and a dictionary of what came since they were last merged.
        self._keys: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._rows: NDArray[np.uint32] = np.empty(0, dtype=np.uint32)
        self._recent: dict[int, list[int]] = {}
        self._recent_from = 0
        for document_id, signature in signatures:
            if _is_comparable(signature):
                self._append(document_id, signature)
        self._merge()

    def add(self, document_id: str, signature: bytes) -> None:
        """Take in an original; empty and foreign signatures are never found."""
        if not _is_comparable(signature):
            return
        row = self._append(document_id, signature)
        for key in _band_keys(signature):
            self._recent.setdefault(key, []).append(row)
        if len(self._ids) - self._recent_from >= _MERGE_AT:
            self._merge()

    def _append(self, document_id: str, signature: bytes) -> int:
        row = self._row_of[document_id] = len(self._ids)
        self._ids.append(document_id)
        self._signatures.append(signature)
        return row

    def discard(self, document_id: str) -> None:
        """Forget an original, because it has a new version."""
        row = self._row_of.pop(document_id, None)
        if row is not None:
            self._ids[row] = ""

    def nearest(self, signature: bytes, *, besides: str) -> NearCopy | None:
        """Return the most similar original other than `besides` that has the same figures, the first of equals."""
        if not _is_comparable(signature):
            return None
        best: NearCopy | None = None
        for row in sorted(self._candidates(signature)):
            known = self._signatures[row]
            if self._ids[row] in {"", besides} or _figures(known) != _figures(signature):
                continue
            similarity = _similarity(signature, known)
            if similarity >= self._threshold and (best is None or similarity > best.similarity):
                best = NearCopy(document_id=self._ids[row], similarity=similarity)
        return best

    def _candidates(self, signature: bytes) -> set[int]:
        keys = _band_keys(signature)
        found = {row for key in keys for row in self._recent.get(key, ())}
        if not len(self._keys):
            return found
        wanted = np.array(keys, dtype=np.int64)
        first = np.searchsorted(self._keys, wanted, side="left")
        last = np.searchsorted(self._keys, wanted, side="right")
        for low, high in zip(first.tolist(), last.tolist(), strict=True):
            if low < high:
                found.update(self._rows[low:high].tolist())
        return found

    def _merge(self) -> None:
        if self._recent_from == len(self._ids):
            return
        recent = self._signatures[self._recent_from :]
        keys = np.array([key for signature in recent for key in _band_keys(signature)], dtype=np.int64)
        rows = np.arange(self._recent_from, len(self._ids), dtype=np.uint32).repeat(_BANDS)
        all_keys = np.concatenate([self._keys, keys])
        all_rows = np.concatenate([self._rows, rows])
        order = np.argsort(all_keys, kind="stable")
        self._keys, self._rows = all_keys[order], all_rows[order]
        self._recent.clear()
        self._recent_from = len(self._ids)


def marked_as_copy(header: DocumentHeader, original: NearCopy, *, exact: bool) -> DocumentHeader:
    """Return the header that says of which document it is a copy."""
    return replace(
        header,
        duplicate_of=original.document_id,
        duplicate_kind="exact" if exact else "near",
        similarity=original.similarity,
    )


def _is_comparable(signature: bytes) -> bool:
    return len(signature) == _SIGNATURE_BYTES and signature.startswith(_TAG)


def _figures(signature: bytes) -> bytes:
    return signature[len(_TAG) : len(_TAG) + _FIGURES_BYTES]


def _hashes(signature: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(signature, dtype="<u4", offset=len(_TAG) + _FIGURES_BYTES)


def _similarity(one: bytes, other: bytes) -> float:
    return float(np.mean(_hashes(one) == _hashes(other)))


def _band_keys(signature: bytes) -> list[int]:
    """Return one key per band; documents with the same figures and an equal band share it."""
    # With the figures in the key, ten thousand bulletins that differ only in numbers do not land in one bucket.
    figures, hashes = _figures(signature), signature[len(_TAG) + _FIGURES_BYTES :]
    # Python's hash differs between processes; keys live in memory only, and a collision costs one comparison.
    return [hash((band, figures, hashes[band * _BAND_BYTES :][:_BAND_BYTES])) for band in range(_BANDS)]
