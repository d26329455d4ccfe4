from hypothesis import given
from hypothesis import strategies as st

from retriever.pair_layout import MOST_QUESTION, MOST_TITLE, MOST_TOKENS, Pair, pair_of

CLS, SEP = 101, 102  # Of BERT's vocabulary.
LENGTHS = st.integers(0, 300)


def test_question_title_and_window_stand_in_this_order() -> None:
    """`[CLS] question [SEP] title [SEP] window [SEP]`; only the question is of segment 0."""
    assert pair_of([1, 2, 3], [4], [5, 6]) == Pair(
        ids=[CLS, 1, 2, 3, SEP, 4, SEP, 5, 6, SEP],
        segments=[0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
        window_start=7,
        window_tokens=2,
    )


def test_without_a_title_nothing_stands_for_it() -> None:
    assert pair_of([1, 2], [], [5]) == Pair(
        ids=[CLS, 1, 2, SEP, 5, SEP], segments=[0, 0, 0, 0, 1, 1], window_start=4, window_tokens=1
    )


def test_a_long_question_is_cut_at_its_end() -> None:
    question = list(range(1000, 1000 + MOST_QUESTION + 5))

    pair = pair_of(question, [4], [5, 6])

    assert pair.ids == [CLS, *question[:MOST_QUESTION], SEP, 4, SEP, 5, 6, SEP]


def test_a_long_title_is_cut_at_its_end() -> None:
    title = list(range(1000, 1000 + MOST_TITLE + 5))

    pair = pair_of([1], title, [5, 6])

    assert pair.ids == [CLS, 1, SEP, *title[:MOST_TITLE], SEP, 5, 6, SEP]


def test_a_long_window_is_cut_where_the_pair_is_full() -> None:
    """1 + 2 + 1 for the question, 1 + 1 for the title, 1 at the end: what is left is the window's."""
    window = list(range(1000, 2000))

    pair = pair_of([1, 2], [4], window)

    assert pair.window_tokens == MOST_TOKENS - 7
    assert pair.ids == [CLS, 1, 2, SEP, 4, SEP, *window[: MOST_TOKENS - 7], SEP]


@given(LENGTHS, LENGTHS, LENGTHS)
def test_a_pair_always_fits_and_says_where_its_window_is(question: int, title: int, window: int) -> None:
    """Whatever the lengths: ids and segments are as long, no longer than a pair may be, and the window is in place."""
    tokens = list(range(1000, 1000 + window))

    pair = pair_of([1] * question, [2] * title, tokens)

    assert len(pair.ids) == len(pair.segments) <= MOST_TOKENS
    inside = pair.ids[pair.window_start : pair.window_start + pair.window_tokens]
    assert inside == tokens[: pair.window_tokens]
    assert pair.window_tokens == window or len(pair.ids) == MOST_TOKENS
    assert pair.ids[pair.window_start + pair.window_tokens :] == [SEP]
