"""Time that is left to whoever asked: it runs out, or ends at once when they go."""

import math

from domain.patience import Patience


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_runs_out() -> None:
    """Never less than nothing is left."""
    clock = Clock()
    patience = Patience(2.0, clock=clock)

    clock.now += 1.5
    assert (patience.left_s, patience.is_over) == (0.5, False)

    clock.now += 9
    assert (patience.left_s, patience.is_over) == (0.0, True)


def test_without_a_limit_it_does_not_run_out() -> None:
    assert (Patience().left_s, Patience().is_over) == (math.inf, False)


def test_who_goes_away_waits_no_longer() -> None:
    """Whatever time was left."""
    patience = Patience(60)

    patience.leave()

    assert (patience.left_s, patience.is_over) == (0.0, True)


def test_whoever_wants_to_know_is_told_once_that_nobody_waits() -> None:
    """At once where that is so already."""
    told: list[str] = []
    patience = Patience()
    patience.when_gone(lambda: told.append("before"))

    patience.leave()
    patience.leave()
    patience.when_gone(lambda: told.append("after"))

    assert told == ["before", "after"]
