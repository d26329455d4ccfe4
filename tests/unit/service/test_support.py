import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.meaning import Meanings
from service.answering.support import LexicalSupportChecker, union_recall
from tests.support.encoders import HashingEncoder
from tests.support.evidence import evidence

WORDS = LexicalSupportChecker()
NEAR = LexicalSupportChecker(Meanings(HashingEncoder()))


@pytest.mark.parametrize("checker", [WORDS, NEAR])
def test_more_of_the_content_is_more_support(checker: LexicalSupportChecker) -> None:
    """All of a sentence's content outweighs half of it, which outweighs none."""
    pieces = evidence("The bridge at Orrin opens in April.", "The bridge is old.", "Ferries are late.")

    whole, half, none = checker.support("The bridge at Orrin opens in April.", pieces)

    assert whole == pytest.approx(1.0)
    assert whole > half > none
    assert none < 0.1


def test_support_is_the_weighted_share_of_content() -> None:
    """`mayor`, `opened`, `market` weigh 1 each, the name Orrin 1.6; the evidence lacks the mayor: 3.6 of 4.6."""
    (support,) = WORDS.support("The mayor opened the market at Orrin.", evidence("The market at Orrin opened."))

    assert support == pytest.approx(3.6 / 4.6)


def test_the_speaker_is_part_of_what_is_said() -> None:
    """A sentence that names its speaker loses nothing when the record knows them."""
    spoken = "The road will be widened."

    known, unknown = WORDS.support(
        "The mayor: the road will be widened.", evidence(spoken, spoken, speakers=("Mayor",))
    )

    assert known == pytest.approx(1.0)
    assert unknown < known


def test_a_sentence_without_content_is_not_supported() -> None:
    """Stop words say nothing, so nothing can say it."""
    assert WORDS.support("It is what it is.", evidence("It is what it is.")) == (0.0,)


def test_no_evidence_gives_no_scores() -> None:
    assert WORDS.support("The bridge opens.", ()) == ()
    assert NEAR.support("The bridge opens.", ()) == ()


@given(st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_support_stays_between_0_and_1(sentence: str, source: str) -> None:
    """For any texts, with and without an encoder."""
    scores = [*WORDS.support(sentence, evidence(source)), *NEAR.support(sentence, evidence(source))]

    assert [score for score in scores if not 0 <= score <= 1] == []


def test_pieces_hold_content_together() -> None:
    """The share that several pieces hold is that of their words taken together; without content it is 0."""
    pieces = evidence("The bridge opens.", "The ferry stops.")

    assert union_recall("The bridge opens, the ferry stops.", pieces) == 1.0
    assert union_recall("The bridge opens, the ferry stops.", pieces[:1]) == 0.5
    assert union_recall("It is so.", pieces) == 0.0
