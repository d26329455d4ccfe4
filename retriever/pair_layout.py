"""How two texts are laid out for the small models that read them together.

The reader reads `[CLS] question [SEP] title [SEP] window [SEP]`, the support checker
`[CLS] sentence [SEP] words [SEP]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST_QUESTION: Final = 48  # Tokens; a longer question is cut at its end.
MOST_TITLE: Final = 16
MOST_TOKENS: Final = 208  # Of a pair.
MOST_SENTENCE: Final = 128  # Of the support checker: of the sentence, and of a pair.
MOST_CHECKED: Final = 448
_START: Final = 101  # [CLS] and [SEP] of BERT's vocabulary, which the weights belong to.
_END: Final = 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Token ids of one question with one window.

    Attributes:
        segments: 0 for the question, 1 for the rest; as long as `ids`.
        window_start: Position of the window's first token.
        window_tokens: How many of the window's tokens there was room for.
    """

    ids: list[int]
    segments: list[int]
    window_start: int
    window_tokens: int


def pair_of(
    question: Sequence[int],
    title: Sequence[int],
    window: Sequence[int],
    *,
    most_question: int = MOST_QUESTION,
    most: int = MOST_TOKENS,
) -> Pair:
    """Lay out token ids without special tokens; a window that is too long is cut at its end."""
    asked = [_START, *question[:most_question], _END]
    above = [*title[:MOST_TITLE], _END] if title else []
    room = most - len(asked) - len(above) - 1
    kept = list(window[:room])
    return Pair(
        ids=[*asked, *above, *kept, _END],
        segments=[0] * len(asked) + [1] * (len(above) + len(kept) + 1),
        window_start=len(asked) + len(above),
        window_tokens=len(kept),
    )
