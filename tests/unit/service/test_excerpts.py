"""Which part of a text is shown for a place, and how reading goes on."""

import pytest

from service.api.excerpts import AROUND, LONGEST, Excerpt, excerpt
from service.api.problems import Problem

LONG = "".join(chr(0x4E00 + place % 5000) for place in range(2 * LONGEST + 5))


def test_a_short_text_comes_whole() -> None:
    """Without a place there is no quote, and nothing to read on."""
    assert excerpt("Boats.", start=0, end=None) == Excerpt(start=0, end=6, text="Boats.", quote=None, next_start=None)


def test_reading_on_gives_the_whole_text_once() -> None:
    """The parts follow each other without gap or overlap, none longer than is allowed."""
    parts, start = [], 0
    while True:
        shown = excerpt(LONG, start=start, end=None)
        parts.append(shown.text)
        if shown.next_start is None:
            break
        start = shown.next_start

    assert [len(part) for part in parts] == [LONGEST, LONGEST, 5]
    assert "".join(parts) == LONG


def test_a_place_comes_with_what_stands_around_it() -> None:
    """The quote is exact, and the text reaches equally far on both sides."""
    shown = excerpt(LONG, start=5_000, end=5_010)

    assert shown == Excerpt(
        start=5_000 - AROUND,
        end=5_010 + AROUND,
        text=LONG[5_000 - AROUND : 5_010 + AROUND],
        quote=LONG[5_000:5_010],
        next_start=5_010 + AROUND,
    )


def test_a_place_at_either_end_of_the_text_is_not_padded() -> None:
    """What stands around it ends where the text does."""
    first, last = excerpt(LONG, start=0, end=1), excerpt(LONG, start=len(LONG) - 1, end=len(LONG))

    assert (first.start, first.end, first.quote) == (0, 1 + AROUND, LONG[0])
    assert (last.start, last.end, last.quote, last.next_start) == (
        len(LONG) - 1 - AROUND,
        len(LONG),
        LONG[-1],
        None,
    )


def test_a_place_that_is_too_long_is_cut_and_can_be_read_on() -> None:
    """The quote is as much of it as is shown."""
    shown = excerpt(LONG, start=3_000, end=2 * LONGEST)

    assert (len(shown.text), shown.quote, shown.next_start) == (
        LONGEST,
        LONG[3_000 : 3_000 - AROUND + LONGEST],
        3_000 - AROUND + LONGEST,
    )


@pytest.mark.parametrize(("start", "end", "param"), [(6, None, "start"), (9, 12, "start"), (2, 7, "end")])
def test_a_place_outside_the_text_is_named(start: int, end: int | None, param: str) -> None:
    """Nobody takes other words for the ones that were meant."""
    with pytest.raises(Problem) as raised:
        excerpt("Boats.", start=start, end=end)

    assert (raised.value.param, raised.value.detail) == (param, f"{param}: the text has 6 characters.")
