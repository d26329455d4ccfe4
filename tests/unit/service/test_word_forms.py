import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.word_forms import NUMBER_WORDS, stem


@pytest.mark.parametrize(
    "forms",
    [
        "invite invites invited inviting invitation",
        "cooperate cooperates cooperation",
        "emphasise emphasize emphasised emphasized",
        "sign signed signing signature",
        "meet met meeting meetings",
        "agree agreed agreement agreements",
        "visit visits visited visitors",
        "ferry ferries",
        "country countries",
        "city cities",
        "deny denies denied",
        "carry carries carried",
        "plan planned planning plans",
        "woman women",
        "die died death deaths",
        "sell sold sales",
    ],
)
def test_forms_of_one_word_share_a_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "words",
    ["import export", "win lose", "begin end", "trade train", "port portrait", "minister ministry mine", "sea seal"],
)
def test_other_words_keep_other_stems(words: str) -> None:
    """Words that a reader tells apart are told apart."""
    assert len({stem(word) for word in words.split()}) == len(words.split())


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=15))
def test_a_stem_is_never_too_short_to_tell(word: str) -> None:
    """Three letters stay, whatever the ending."""
    assert len(stem(word)) >= 3


def test_number_words_count() -> None:
    """Cardinals and ordinals up to twenty, the tens, and the dozen."""
    assert [NUMBER_WORDS[word] for word in "zero one twelfth twenty twentieth ninety dozen".split()] == [
        "0",
        "1",
        "12",
        "20",
        "20",
        "90",
        "12",
    ]
