import pytest

from service.answering.happenings import untold


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("Marwick won the race.", "A poll sees Marwick leading in the race.", ("won",)),
        ("Quarle was sentenced in May.", "Quarle was charged in May.", ("sentenced",)),
        ("Which minister stepped down?", "The minister spoke down at the quay.", ("stepped down",)),
        ("The queen will veto the date.", "The queen signed the date into law.", ("veto",)),
        ("Onse acquired the mine and sacked its board.", "Onse looked at the mine.", ("acquired", "sacked")),
    ],
)
def test_a_happening_of_which_no_source_tells_is_named(text: str, source: str, words: tuple[str, ...]) -> None:
    """In the words of the text, although all names are there."""
    assert untold(text, [source]) == words


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Marwick won the cup.", "Marwick is the new champion."),
        ("Onse acquired the mine.", "Onse announced its acquisition of the mine."),
        ("The mayor stepped down.", "The mayor's resignation was accepted."),
        ("Two men died.", "The storm claimed two lives."),
        ("The council called off the fair.", "The fair was cancelled\nby the council."),
        ("The mine closed on Monday.", "Nothing else is told."),
        ("Die Brücke ist offen.", "Die Brücke ist seit Montag offen."),
    ],
)
def test_a_happening_in_other_words_is_told(text: str, source: str) -> None:
    """Another word for it, a noun for the verb, and what is not among those that are told apart."""
    assert untold(text, [source]) == ()


def test_one_of_several_sources_is_enough() -> None:
    """A question is held against all passages that may answer it."""
    assert untold("Who won the vote?", ["A vote was held.", "Ilse Marwick is the winner."]) == ()
