"""The lines that a local model writes: read while they arrive, and strictly."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import MalformedReplyError
from domain.ports import DraftSentence
from prompts.registry import load_prompt
from service.answering.reply_lines import LinesForm, reply_grammar

SHOWN = ("E1", "E2")
REPLY = "E1: The bridge opens on 12 April.\nE2 E1: It cost  85 million crowns."
SENTENCES = (
    DraftSentence(text="The bridge opens on 12 April.", evidence_ids=("E1",)),
    DraftSentence(text="It cost 85 million crowns.", evidence_ids=("E2", "E1")),
)


def read(*pieces: str) -> tuple[DraftSentence, ...]:
    reader = LinesForm().reader(SHOWN)
    found = [sentence for piece in pieces for sentence in reader.feed(piece)]
    return (*found, *reader.end())


def test_each_line_is_a_sentence_bound_to_evidence() -> None:
    """Ids stand before the colon, white space is tidied."""
    assert read(REPLY) == SENTENCES


def test_a_sentence_is_given_when_its_line_ends() -> None:
    """The first one does not wait for the second."""
    reader = LinesForm().reader(SHOWN)

    first = reader.feed("E1: The bridge opens on 12 April.\nE2 E1: It")

    assert first == SENTENCES[:1]


@given(st.lists(st.integers(min_value=0, max_value=len(REPLY))))
def test_how_a_reply_is_cut_into_pieces_does_not_matter(places: list[int]) -> None:
    """Streamed in any pieces it is the same reply."""
    cuts = [0, *sorted(places), len(REPLY)]

    pieces = [REPLY[start:end] for start, end in pairwise(cuts)]

    assert read(*pieces) == SENTENCES


@pytest.mark.parametrize("reply", ["none", "none\n", " none "])
def test_none_means_no_answer(reply: str) -> None:
    """It is a valid reply without sentences."""
    assert read(reply) == ()


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("", "empty"),
        ("The bridge opens on 12 April.", "does not begin with evidence ids"),
        ("E1:", "does not begin with evidence ids"),
        ("E9: The bridge opens.", "'E9'"),
        ("E1: The bridge opens.\nnone", "does not begin with evidence ids"),
        (f"E1: {'very ' * 200}long.", "longer than 600"),
        ("\n".join(["E1: The bridge opens."] * 6), "more than 5 lines"),
    ],
)
def test_a_reply_of_another_form_is_refused_with_its_fault(reply: str, fault: str) -> None:
    """Nothing is repaired or guessed; the error carries the raw reply."""
    with pytest.raises(MalformedReplyError, match=fault) as refused:
        read(reply)

    assert refused.value.reply == reply


@given(st.text())
def test_any_text_is_read_or_refused(reply: str) -> None:
    """No reply raises anything but our error, and every id that comes through was shown."""
    try:
        sentences = read(reply)
    except MalformedReplyError:
        return
    assert all(set(sentence.evidence_ids) <= set(SHOWN) for sentence in sentences)


def test_the_grammar_allows_only_the_ids_that_are_shown() -> None:
    """Other evidence cannot be named."""
    grammar = reply_grammar(SHOWN).splitlines()

    assert 'id ::= "E1" | "E2"' in grammar


def test_every_form_the_prompt_shows_can_be_read() -> None:
    """The examples in the released prompt and the reader agree."""
    prompt = load_prompt("answer-lines").template

    assert "in the form E1: …\n" in prompt
    assert "write only: none\n" in prompt
    assert read("E1: …") == (DraftSentence(text="…", evidence_ids=("E1",)),)
