"""The support checker with the weights that come along."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ModelFileError
from retriever.pair_layout import MOST_CHECKED
from retriever.pair_model import PairModel
from retriever.support_checker import WEIGHTS, OnnxSupportChecker
from tests.support.evidence import evidence

BRIDGE = "The bridge at Orrin opens in April, the ministry said on Friday."
LONG = " and ".join(f"clause {number} of the treaty names a river and a road" for number in range(90))


@pytest.fixture(scope="module")
def checker() -> OnnxSupportChecker:
    return OnnxSupportChecker.load()


def test_what_the_words_say_is_supported_and_what_they_do_not_say_is_not(checker: OnnxSupportChecker) -> None:
    """Said again or shortened, against another month, a negation and something else."""
    (piece,) = evidence(BRIDGE)
    said = ["The bridge at Orrin opens in April.", "The Orrin bridge will open in April, according to the ministry."]
    unsaid = ["The bridge at Orrin opens in May.", "The bridge at Orrin does not open in April.", "Ferries are late."]

    assert [text for text in said if checker.support(text, [(piece,)])[0] < 0.9] == []
    assert [text for text in unsaid if checker.support(text, [(piece,)])[0] > 0.5] == []


def test_pieces_are_read_together(checker: OnnxSupportChecker) -> None:
    """Neither of two sentences says what both say."""
    first, second = evidence("The bridge at Orrin opens in April.", "The ferry at Orrin stops in June.")
    sentence = "The bridge at Orrin opens in April, and the ferry at Orrin stops in June."

    alone, other, both = checker.support(sentence, [(first,), (second,), (first, second)])

    assert both > 0.9
    assert both > max(alone, other)


def test_who_said_it_is_part_of_what_is_read(checker: OnnxSupportChecker) -> None:
    """A quote in direct speech supports what its speaker is told to have said."""
    text = "“We will widen the road to Costrel.”"
    known, unknown = evidence(text, text, speakers=("Mayor Ilse Marwick",))

    with_speaker, without = checker.support(
        "Mayor Ilse Marwick said that they will widen the road to Costrel.", [(known,), (unknown,)]
    )

    assert with_speaker > without


def test_words_longer_than_a_pair_are_read_to_their_end(checker: OnnxSupportChecker) -> None:
    """What stands last in a source without full stops supports as what stands first."""
    (piece,) = evidence(f"{LONG} and the bridge at Orrin opens in April.")
    assert len(piece.text.split()) > MOST_CHECKED

    (support,) = checker.support("The bridge at Orrin opens in April.", [(piece,)])

    assert support > 0.5


def test_nothing_to_read_gives_no_scores(checker: OnnxSupportChecker) -> None:
    assert checker.support("The bridge opens.", []) == ()


@settings(max_examples=30)
@given(st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_support_stays_between_0_and_1(checker: OnnxSupportChecker, sentence: str, source: str) -> None:
    """For any texts, also lone surrogates and glyphs without a token."""
    assert [score for score in checker.support(sentence, [evidence(source)]) if not 0 <= score <= 1] == []


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"support\.onnx"):
        OnnxSupportChecker.load(tmp_path)


def test_sums_are_not_cut_off_on_any_processor() -> None:
    """Where there is VNNI no score tells whether this is asked for; where there is not, scores differ without it."""
    options = PairModel.load(WEIGHTS)._session.get_session_options()

    assert options.get_session_config_entry("session.x64quantprecision") == "1"
