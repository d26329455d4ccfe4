"""When what a sentence reports happened, by the day it was published."""

from datetime import date

import pytest

from service.answering.event_dates import event_dates

THURSDAY = date(2025, 2, 6)


def days(text: str, published: date | None = THURSDAY) -> list[str]:
    """The days of a sentence as text, `first..last` where they are several."""
    found = event_dates(text, start=0, published=published)
    return [str(one.first) if one.first == one.last else f"{one.first}..{one.last}" for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The talks were held on Wednesday.", ["2025-02-05"]),
        ("The minister said on Thursday that it would close.", ["2025-02-06"]),
        ("It would close, the minister said on Monday.", ["2025-02-03"]),
        ("They will meet on Monday.", ["2025-02-10"]),
        ("He must go by Friday.", ["2025-02-07"]),
        ("It burned down last Thursday.", ["2025-01-30"]),
        ("It opened yesterday and closes tomorrow.", ["2025-02-05", "2025-02-07"]),
        ("Prices rose last month.", ["2025-01-01..2025-01-31"]),
        ("The ban ends next week.", ["2025-02-10..2025-02-16"]),
        ("It will be built next year.", ["2026-01-01..2026-12-31"]),
    ],
)
def test_relative_days_count_from_the_day_of_publication(text: str, found: list[str]) -> None:
    """Past ones, unless the words before them look ahead."""
    assert days(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It was signed on 6th Feb, 2025.", ["2025-02-06"]),
        ("It was signed on 2025-02-06.", ["2025-02-06"]),
        ("It was signed on the 6th of February 2025.", ["2025-02-06"]),
        ("The fire of May 2023 is forgotten.", ["2023-05-01..2023-05-31"]),
        ("On 28 December the bridge closed.", ["2024-12-28"]),
        ("The vote is on June 2.", ["2025-06-02"]),
    ],
)
def test_a_day_without_a_year_has_the_nearest_one(text: str, found: list[str]) -> None:
    """December read in February was the last one."""
    assert days(text) == found


@pytest.mark.parametrize(
    "text", ["They may 6 times refuse.", "On 31 June it closes.", "In May 21 people came.", "A Wednesday like others."]
)
def test_what_is_no_day_is_left_alone(text: str) -> None:
    """Verbs, days that no month has, counted things, and days that nothing relates to."""
    assert days(text) == []


def test_without_a_day_of_publication_only_whole_dates_are_resolved() -> None:
    """Nothing tells what yesterday is."""
    assert days("Yesterday, on Monday and on 2 June, it rained; on 6 February 2025 it did not.", None) == ["2025-02-06"]


def test_the_words_that_say_when_have_their_place_in_the_document() -> None:
    """Spans are in document coordinates."""
    (found,) = event_dates("It opened yesterday.", start=100, published=THURSDAY)

    assert (found.span.start, found.span.end) == (110, 119)
