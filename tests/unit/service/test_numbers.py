from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.numbers import Number, numbers_of, unfounded_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 bn", 1_500_000_000),
        ("1.5bn", 1_500_000_000),
        ("1.5 billion", 1_500_000_000),
        ("1,500,000,000", 1_500_000_000),
        ("15 lakh", 1_500_000),
        ("15,00,000", 1_500_000),
        ("3 crore", 30_000_000),
        ("12k", 12_000),
        ("a dozen", 12),
        ("twelve", 12),
        ("a hundred", 100),
        ("one million", 1_000_000),
        ("two hundred", 200),
        ("eighty-seven", 87),
        ("twenty-first", 21),
        ("14th", 14),
        ("½", Decimal("0.5")),
        ("3½", Decimal("3.5")),
        ("-5", -5),
        ("−5", -5),
        ("mid-2025", 2025),
        ("G20", 20),
        ("87km", 87),
    ],
)
def test_a_number_has_one_value_however_it_is_written(text: str, value: Decimal) -> None:
    """Digits, words, scales and fractions come to the same value."""
    assert [number.value for number in numbers_of(text)] == [value]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("87 %", Number(value=Decimal(87), kind="percent", unit="", text="87 %")),
        ("87 per cent", Number(value=Decimal(87), kind="percent", unit="", text="87")),
        ("$5m", Number(value=Decimal(5_000_000), kind="money", unit="", text="$5m", currency="dollar")),
        ("EUR 5", Number(value=Decimal(5), kind="money", unit="", text="EUR 5", currency="euro")),
        ("5 US dollars", Number(value=Decimal(5), kind="money", unit="", text="5", currency="dollar")),
        ("Rs. 5", Number(value=Decimal(5), kind="money", unit="", text="Rs. 5", currency="rupee")),
        ("¥5", Number(value=Decimal(5), kind="money", unit="", text="¥5")),
        ("the fourteenth", Number(value=Decimal(14), kind="ordinal", unit="", text="fourteenth")),
        ("the 1990s", Number(value=Decimal(1990), kind="decade", unit="", text="1990s")),
        ("87 trains", Number(value=Decimal(87), kind="plain", unit="train", text="87")),
        ("one train", Number(value=Decimal(1), kind="pronoun", unit="train", text="one")),
        ("the two sides", Number(value=Decimal(2), kind="pronoun", unit="sid", text="two")),
        ("of 26, boats sank", Number(value=Decimal(26), kind="plain", unit="", text="26")),
    ],
)
def test_a_number_knows_its_kind_unit_and_currency(text: str, number: Number) -> None:
    """What stands around the digits says what they count."""
    assert numbers_of(text) == (number,)


@pytest.mark.parametrize(
    ("text", "month", "unit"),
    [
        ("On May 21 boats sank.", 5, ""),
        ("In May 21 boats sank.", 0, "boat"),
        ("On May 21 six boats sank.", 5, ""),
    ],
)
def test_a_number_behind_a_month_is_its_day_or_counts(text: str, month: int, unit: str) -> None:
    """A day, unless the month stands alone, as after `in`."""
    (number,) = (one for one in numbers_of(text) if one.value == 21)

    assert (number.month, number.unit) == (month, unit)


def test_a_year_does_not_count_a_number() -> None:
    assert [(int(one.value), one.unit) for one in numbers_of("In 2025 six boats sank.")] == [(2025, ""), (6, "boat")]


@pytest.mark.parametrize("written", ["6th Feb", "6 February", "February 6", "Feb. 6th", "6th of February", "6 Feb."])
def test_a_date_is_a_day_of_a_month_however_it_is_written(written: str) -> None:
    day, month = sorted(numbers_of(written), key=lambda number: -number.value)

    assert (int(day.value), day.month) == (6, 2)
    assert (int(month.value), str(month.kind)) == (2, "month")


@pytest.mark.parametrize("text", ["They may march on.", "May said so.", "dozens of boats", "Augustus", "seconds", ""])
def test_words_that_count_nothing_are_no_numbers(text: str) -> None:
    """`may` and `march` are verbs, and `dozens` has no value."""
    assert numbers_of(text) == ()


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("It costs 1.5 bn.", "It costs 1,500,000,000."),
        ("A dozen boats sank.", "12 boats sank."),
        ("They met on 6th Feb.", "They met on February 6, 2025."),
        ("They met in February.", "They met on 2025-02-06."),
        ("It was the 14th meeting.", "It was the fourteenth meeting."),
        ("It costs 5 million dollars.", "It costs US$5m."),
        ("It costs ¥5.", "It costs 5 yuan."),
        ("It rose by 87 %.", "It rose by 87 percent."),
        ("The wait is 3.5 hours.", "The wait is 3½ hours."),
        ("The line is 87 km long.", "The line is 87km long."),
        ("1 boat sank.", "One boat sank."),
        ("One boat sank.", "Of the two boats, one sank."),
        ("One of them sank.", "Both sank."),
        ("The two sides met.", "Both sides met."),
        ("It runs from 6 April to 12 April.", "It runs from 6 to 12 April."),
        ("Three ministers met twelve envoys.", "12 envoys met 3 ministers."),
        ("They met.", "They met 87 times."),
    ],
)
def test_a_number_in_another_form_is_stated(sentence: str, source: str) -> None:
    """The form of a number may change between source and sentence, its value may not."""
    assert unfounded_number(sentence, source) is None


@pytest.mark.parametrize(
    ("sentence", "source", "value"),
    [
        ("85 trains run.", "87 trains run.", 85),
        ("Eighty-five trains run.", "87 trains run.", 85),
        ("87 % of the trains run.", "87 trains run.", 87),
        ("It costs 87.", "It costs $87.", 87),
        ("It costs €87.", "It costs $87.", 87),
        ("It costs 87 euros.", "It costs 87 dollars.", 87),
        ("It costs 87 billion.", "It costs 87 million.", 87_000_000_000),
        ("It was -5 degrees.", "It was 5 degrees.", -5),
        ("They met on 7 February.", "They met on 6 February.", 7),
        ("They met on 2 February.", "They met on 6 February.", 2),
        ("They met on 6 March.", "They met on 6 February.", 6),
        ("They met in May.", "They met in June.", 5),
        ("They meet again by May.", "They meet again by March.", 5),
        ("A review is planned for May.", "A review is planned for November.", 5),
        ("They met in 2024.", "They met in 2025.", 2024),
        ("It was built in the 1980s.", "It was built in the 1990s.", 1980),
        ("They signed on 12 February.", "They signed on 6 February; it holds from 12 April.", 12),
        ("12 boats sank.", "12 men left on 5 boats.", 12),
        ("It rose from 15 to 15.", "It rose from 13 to 15.", 15),
        ("She won 2-2 and then 6-2.", "She won 6-2 and then 6-2.", 2),
        ("It ran from 9 May to 9 June.", "It ran from 8 May to 9 June.", 9),
        ("One boat sank.", "Two boats sank.", 1),
        ("The line is 85km long.", "The line is 87km long.", 85),
        ("The wait is 4½ hours.", "The wait is 3½ hours.", Decimal("4.5")),
    ],
)
def test_a_number_that_the_source_does_not_state_is_found(sentence: str, source: str, value: Decimal) -> None:
    """A changed value, scale, sign, currency, date or unit is a number of somebody else's."""
    found = unfounded_number(sentence, source)

    assert found is not None
    assert found.value == value


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_only_the_same_value_is_stated(said: int, stated: int) -> None:
    """For any two numbers, with and without separators: stated when equal, found when not."""
    found = unfounded_number(f"It holds {said} tonnes.", f"It holds {stated:,} tonnes.")

    assert (found is None) is (said == stated)


@given(st.text())
def test_every_text_states_its_own_numbers(text: str) -> None:
    """No text differs from itself, whatever is in it."""
    assert unfounded_number(text, text) is None
