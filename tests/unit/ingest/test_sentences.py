"""Sentences as exact spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sentences import sentence_spans


def _sentences(text: str, language: str = "en") -> list[str]:
    return [span.of(text) for span in sentence_spans(text, language=language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He came. She left!", ["He came.", "She left!"]),
        ("They met on Feb. 6 in Lahore. It rained.", ["They met on Feb. 6 in Lahore.", "It rained."]),
        ("In the U.S. officials agreed. He left.", ["In the U.S. officials agreed.", "He left."]),
        ("He lives in the U.S. She does not.", ["He lives in the U.S.", "She does not."]),
        ("Platform No. 5 was closed. It reopened.", ["Platform No. 5 was closed.", "It reopened."]),
        ("Lt. Gen. Asim Khan and Brig. Gen. Wu met.", ["Lt. Gen. Asim Khan and Brig. Gen. Wu met."]),
        ("There were approx. 500 people. All stayed.", ["There were approx. 500 people.", "All stayed."]),
        ("They met at 10 a.m. Monday. It was cold.", ["They met at 10 a.m. Monday.", "It was cold."]),
        ("...The two sides met. They agreed.", ["...The two sides met.", "They agreed."]),
        ("He paused… The room was still.", ["He paused…", "The room was still."]),
        ("They waited ... and left.", ["They waited ... and left."]),
        ("Output rose 3.5 percent. Prices fell.", ["Output rose 3.5 percent.", "Prices fell."]),
        ("“Stop!” he said. Nobody moved.", ["“Stop!” he said.", "Nobody moved."]),
        ("双方同意！他说。", ["双方同意！", "他说。"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    """Abbreviations, initials, numbers, quotations and ellipses do not end a sentence by themselves."""
    assert _sentences(text) == expected


def test_hard_wraps_do_not_break_sentences_but_blank_lines_do() -> None:
    """A line end inside a paragraph is white space, an empty line is an end."""
    assert _sentences("The bridge\nis open\n \nNo tolls") == ["The bridge\nis open", "No tolls"]


def test_list_items_are_sentences_with_their_numbers() -> None:
    """Items of a list stand for themselves and keep their marks."""
    assert _sentences("Agreed:\n1. Open the road.\n2. Close the dam.\n• Later") == [
        "Agreed:",
        "1. Open the road.",
        "2. Close the dam.",
        "• Later",
    ]


def test_long_quotations_are_cut_at_their_inner_sentences() -> None:
    """A long speech between quotation marks does not come back as one sentence."""
    first = "We " + "really " * 30 + "agree."
    second = "We " + "surely " * 30 + "sign."
    assert _sentences(f"“{first} {second}” he said.") == [f"“{first}", f"{second}” he said."]


def test_positions_count_code_points_and_start_at_the_offset() -> None:
    """Emoji, astral letters and combining marks count as Python counts them."""
    text = "😀 𝔘né́ fois. Ça va."
    spans = sentence_spans(text, language="fr", offset=100)
    assert [text[span.start - 100 : span.end - 100] for span in spans] == ["😀 𝔘né́ fois.", "Ça va."]


@pytest.mark.parametrize("language", ["xx", "", "zh-Hant", "ur", "no such language"])
def test_unknown_languages_follow_english_rules(language: str) -> None:
    """A language that the splitter has no rules for is not an error."""
    assert _sentences("He met Dr. Wu. She left.", language) == ["He met Dr. Wu.", "She left."]


def test_lone_surrogates_do_not_stop_the_splitter() -> None:
    """Broken Unicode keeps its place."""
    assert _sentences("a\ud800b. C d.") == ["a\ud800b.", "C d."]


@given(st.text(alphabet=st.sampled_from(list("aB.?!…\"“” \n\t'5•-(é😀\u00a0")), max_size=80))
def test_sentences_cover_all_words_once_in_order(text: str) -> None:
    """No character but white space is left out or comes twice, and no sentence starts or ends with white space."""
    sentences = sentence_spans(text, language="en")
    covered = [at for span in sentences for at in range(span.start, span.end)]
    assert covered == sorted(set(covered))
    assert {at for at, character in enumerate(text) if not character.isspace()} <= set(covered)
    assert all(span.of(text) == span.of(text).strip() for span in sentences)
