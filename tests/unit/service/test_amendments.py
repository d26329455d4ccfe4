"""Which figure takes the place of which, as texts say it."""

import pytest

from service.answering.amendments import amendments_in


@pytest.mark.parametrize(
    ("sentences", "was", "now", "place"),
    [
        (["The sum rises from 2.4 to 2.9 billion dorins."], "2.4 billion dorins", "2.9 billion dorins", 0),
        (["The commission moved polling day from 19 May to 2 June."], "19 May", "2 June", 0),
        (["She offered 60 million dorins for the wall instead of 35 million."], "35 million", "60 million dorins", 0),
        (["Our team has grown from 35 to 58 helpers."], "35 helpers", "58 helpers", 0),
        (["The fee is 30 crowns, not 20."], "20", "30 crowns", 0),
        (["The 12 seats were replaced by 14 seats."], "12 seats", "14 seats", 0),
        (
            ["The line is raised to 2.9 billion dorins.", "This figure replaces the 2.4 billion dorins of May."],
            "2.4 billion dorins",
            "2.9 billion dorins",
            0,
        ),
        (
            [
                "CORRECTION: An earlier story said that 340 families had been moved.",
                "The correct figure is 430 families.",
            ],
            "340 families",
            "430 families",
            1,
        ),
        (
            ["We wrongly reported that 83 ships were listed.", "The prosecutor says that the number is 38."],
            "83 ships",
            "38",
            1,
        ),
    ],
)
def test_an_amendment_names_what_held_and_what_holds(sentences: list[str], was: str, now: str, place: int) -> None:
    """And the sentence that says what holds."""
    found = amendments_in(sentences)

    assert [(one.was.text, one.now.text, one.sentence) for one in found] == [(was, now, place)]


def test_a_title_may_say_that_it_is_a_correction() -> None:
    """Then the passage needs no word for it."""
    sentences = ["On 22 April we reported 340 families.", "The number is 430."]

    assert amendments_in(sentences) == ()
    assert [one.now.text for one in amendments_in(sentences, title="Correction: the flood")] == ["430"]


@pytest.mark.parametrize(
    "sentence",
    [
        "The summit runs from 20 to 21 June.",  # A range: nothing changes.
        "It rose from 5 percent to 30 dollars.",  # Of different kinds.
        "The fund was raised from 90 to 90 million pells.",  # The same.
        "The mayor moved 340 families to 12 schools.",
    ],
)
def test_other_pairs_of_figures_are_no_amendment(sentence: str) -> None:
    """Two figures in one sentence are not enough."""
    assert amendments_in([sentence]) == ()


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("Time for drawing | five years | six years", [("five years", "six years")]),
        ("Projects submitted | eight | eleven", [("eight", "eleven")]),
        ("Members of the board | six | six, as before", []),
        ("First instalment | third quarter of 2024 | third quarter of 2024", []),
        ("Time for drawing | five years", []),
        ("Revenue | 12 million | 14 million | 15 million", []),
    ],
)
def test_a_row_of_what_was_changed_says_what_was_and_what_is(row: str, found: list[tuple[str, str]]) -> None:
    """Where the title speaks of a change; in any other table the columns may mean anything."""
    changed = amendments_in([row], title="Fact sheet: the amended credit line")

    assert [(one.was.text, one.now.text) for one in changed] == found
    assert amendments_in([row], title="Fact sheet") == ()
