"""When a found passage or a quote holds the words of a gold text."""

import re
from functools import lru_cache
from typing import Final

SAME_WORDS: Final = 0.6  # Share of the shorter text's word triples that the other text must hold.
_LEAST_WORDS: Final = 3  # A shorter text ("Read more") inside a gold text shows nothing.
_WORD: Final = re.compile(r"[^\W_]+")


def holds_gold(text: str, gold: str) -> bool:
    """Tell whether a text holds a gold text, or enough of it.

    It does when one contains the other, case and white space aside, or when they share 60 % of the word triples of the
    shorter one. So neither small nor large passages gain by their size, and a passage cut in the middle of a gold text
    counts if most of it is gold or most of the gold is in it. The document does not matter: a wire copy holds the same
    words.

    Args:
        text: A passage or a quote; one of fewer than three words must be the gold text itself.
        gold: Empty matches nothing.
    """
    mine, wanted = _folded(text), _folded(gold)
    if not mine or not wanted:
        return False
    if wanted in mine:
        return True
    triples = word_triples(mine)
    if not triples:
        return False
    if mine in wanted:
        return True
    others = word_triples(wanted)
    return bool(others) and len(triples & others) >= SAME_WORDS * min(len(triples), len(others))


@lru_cache(maxsize=2048)
def word_triples(text: str) -> frozenset[tuple[str, ...]]:
    """Return each run of three words once; empty for fewer than three words."""
    words = _WORD.findall(text.lower())
    return frozenset(zip(words, words[1:], words[2:], strict=False)) if len(words) >= _LEAST_WORDS else frozenset()


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return " ".join(text.split()).lower()
