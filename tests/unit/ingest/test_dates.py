"""Days as documents write them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dates import ReadDate, dates_in, read_date

_DAY = date(2025, 2, 6)


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-06",
        "2025/02/06",
        "2025-02-06T23:30:00-05:00",
        "20250206",
        "20250206T120000Z",
        "6th Feb, 2025",
        "6 February 2025",
        "6th of February 2025",
        "February 6, 2025",
        "Feb. 6, 2025",
        "FEB 6 2025",
        "Thu, 06 Feb 2025 10:00:00 +0000",
        "Thursday, 6 February 2025, 10 a.m.",
        "06-Feb-2025",
    ],
)
def test_complete_dates_are_understood(text: str) -> None:
    """As agencies, mail, feeds and people write them."""
    assert read_date(text) == ReadDate(value=_DAY)


@pytest.mark.parametrize(("text", "day"), [("25/02/2025", 25), ("02/25/2025", 25), ("02.02.2025", 2)])
def test_numbers_that_leave_no_doubt_are_understood(text: str, day: int) -> None:
    """No month has the number 25, and the second of February is that either way."""
    assert read_date(text).value == date(2025, 2, day)


@pytest.mark.parametrize("text", ["02/03/2025", "2.3.2025", "02-03-2025"])
def test_numbers_that_may_mean_two_days_stay_unknown(text: str) -> None:
    """Which of the two would be a guess."""
    assert read_date(text) == ReadDate(note=f"date {text!r} may mean two days and stays unknown")


@pytest.mark.parametrize("text", ["2025-02-31", "31 February 2025", "2023-13-01", "29.02.2023", "0000-01-01"])
def test_days_that_no_calendar_has_stay_unknown(text: str) -> None:
    """The report says so."""
    assert read_date(text) == ReadDate(note=f"date {text!r} does not exist and stays unknown")


@pytest.mark.parametrize(
    "text", ["", None, "6 February", "February 2025", "2025", "soon", "Feb. 6", "120-02-06", "6 May 20255"]
)
def test_incomplete_dates_say_nothing(text: str | None) -> None:
    """A year is not made up."""
    assert read_date(text) == ReadDate()


def test_the_first_date_counts() -> None:
    """A header's first date is its own."""
    assert read_date("6 February 2025, corrected 2025-02-08").value == _DAY


def test_all_dates_of_a_text_are_found() -> None:
    """In any form, without those that are unclear."""
    assert set(dates_in("From 2025-02-06 to 7 May 2025, not 02/03/2025.")) == {_DAY, date(2025, 5, 7)}


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_is_read_as_it_is_written(day: date) -> None:
    """No day of the calendar is read as another."""
    for written in (day.isoformat(), f"{day:%d %B %Y}", f"{day:%B %d, %Y}", f"{day:%a, %d %b %Y} 00:00:00 +0000"):
        assert read_date(written).value == day
