"""What a sentence says that could be said otherwise."""

from decimal import Decimal

import pytest

from service.answering.values import answer_in_words, content_beside, figures_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("430 families were moved.", [("figure", Decimal(430), "famil", "430 families")]),
        ("It costs 1.2 billion dollars.", [("figure", Decimal(1_200_000_000), "dollar", "1.2 billion dollars")]),
        ("Turnout was 61 percent.", [("figure", Decimal(61), "percent", "61 percent")]),
        ("The poll is on 2 June.", [("day", Decimal(602), "", "2 June")]),
        ("The poll is on 2024-06-02.", [("day", Decimal(602), "", "2 June 2024")]),
        ("The poll is on June 2, 2024.", [("day", Decimal(602), "", "2 June 2024")]),
        ("The canal was built in 1974, in its second year, in May.", []),
    ],
)
def test_figures_and_days_are_values(text: str, values: list[tuple[str, Decimal, str, str]]) -> None:
    """With what they count; years, ordinals and months alone are none."""
    assert [(value.kind, value.amount, value.unit, value.text) for value in figures_of(text)] == values


def test_the_first_of_two_figures_has_the_scale_and_unit_of_the_second() -> None:
    """From 2.4 to 2.9 billion dorins says 2.4 billion dorins."""
    first, second = figures_of("The sum rises from 2.4 to 2.9 billion dorins.")

    assert (first.amount, first.text) == (Decimal(2_400_000_000), "2.4 billion dorins")
    assert first.is_like(second)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2 June", "June 2", True),
        ("2 June 2024", "2 June", True),
        ("2 June 2024", "2 June 2019", False),
        ("430 families", "430 people", True),  # The amount is the same; whether it counts the same is another question.
        ("1.5 billion euros", "1,500 million euros", True),
    ],
)
def test_days_and_figures_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """A year that only one names is no difference."""
    assert figures_of(one)[0].is_same(figures_of(other)[0]) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("James Cameron", "Cameron", True),
        ("James Cameron", "Joss Whedon", False),
        ("December 2015", "December 2005", False),
        ("December 2015", "2015", True),
    ],
)
def test_answers_in_words_are_the_same_when_one_holds_the_other(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """Numbers among them must agree."""
    assert answer_in_words(one).is_same(answer_in_words(other)) is same


def test_what_is_counted_tells_figures_apart() -> None:
    """Families are no ships; a bare number may be either."""
    families, ships, bare = (figures_of(text)[0] for text in ("430 families", "83 ships", "It is 38."))

    assert not families.is_like(ships)
    assert families.is_like(bare)


def test_content_is_what_is_said_beside_the_values() -> None:
    """Without numbers, and without the unit that belongs to them."""
    text = "The fund starts with 90 million pells."

    assert content_beside(text, figures_of(text)) == {"fund", "start"}
