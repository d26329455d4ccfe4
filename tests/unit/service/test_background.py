"""Work in a thread of its own: handed on as it comes, left when its time is up, a few in the queue."""

import threading
from collections.abc import Callable, Iterator

import pytest

from domain.errors import ChatModelError
from domain.patience import Patience
from service.answering.background import Watch, in_background
from service.answering.turns import Turns


def too_slow() -> Exception:
    return ChatModelError("too slow")


def watch(seconds: float = 30.0) -> Watch:
    return Watch(seconds, too_slow)


def held_until(released: threading.Event, started: threading.Event) -> Callable[[Watch], Iterator[str]]:
    def work(watch: Watch) -> Iterator[str]:
        del watch
        started.set()
        released.wait(30)
        yield "done"

    return work


def test_parts_come_before_the_work_has_ended() -> None:
    """The second part is only made once the first has been taken."""
    taken = threading.Event()

    def work(watch: Watch) -> Iterator[str]:
        del watch
        yield "first"
        yield "second" if taken.wait(30) else "never taken"

    parts = in_background(work, watch())
    first = next(parts)
    taken.set()

    assert (first, list(parts)) == ("first", ["second"])


def test_what_the_work_raises_reaches_the_caller_after_what_it_yielded() -> None:
    """The first part stands."""

    def work(watch: Watch) -> Iterator[str]:
        del watch
        yield "first"
        raise ChatModelError("broken")

    parts = in_background(work, watch())

    assert next(parts) == "first"
    with pytest.raises(ChatModelError, match="broken"):
        next(parts)


def test_work_is_left_when_its_time_is_up() -> None:
    """The caller does not wait for it."""
    released = threading.Event()

    with pytest.raises(ChatModelError, match="too slow"):
        list(in_background(held_until(released, threading.Event()), watch(0.05)))

    released.set()


def test_a_caller_that_leaves_stops_the_work() -> None:
    """At its next check the work is told that nobody waits any more."""
    told, left = threading.Event(), threading.Event()

    def work(watch: Watch) -> Iterator[str]:
        yield "first"
        left.wait(30)
        try:
            watch.check()
        except ChatModelError:
            told.set()

    parts = in_background(work, watch())
    next(parts)
    parts.close()  # type: ignore[attr-defined]  # It is a generator.
    left.set()

    assert told.wait(30)


def test_one_more_than_may_wait_is_told_at_once() -> None:
    """One works, one waits, the third gets an error that names the model."""
    turns = Turns(waiting=1, endpoint="The small model")
    released, started = threading.Event(), threading.Event()
    results: list[list[str]] = []

    def ask() -> None:
        results.append(list(in_background(held_until(released, started), watch(), turns=turns)))

    working = threading.Thread(target=ask)
    working.start()
    assert started.wait(30)
    turns.take_place()  # The one that waits.
    with pytest.raises(ChatModelError, match=r"The small model is busy, and 1 other"):
        list(in_background(held_until(released, started), watch(), turns=turns))
    released.set()
    working.join(30)

    assert results == [["done"]]


def test_a_place_is_free_again_when_the_work_has_ended() -> None:
    """Also when it failed."""
    turns = Turns(waiting=0, endpoint="The small model")

    def broken(watch: Watch) -> Iterator[str]:
        raise ChatModelError(f"broken with {watch.left_s():.0f} s left")

    for _ in range(3):
        with pytest.raises(ChatModelError, match="broken"):
            list(in_background(broken, watch(), turns=turns))


def test_who_does_not_get_a_turn_in_time_is_too_slow() -> None:
    """Waiting counts as time that the work takes."""
    turns = Turns(waiting=1, endpoint="The small model")

    with turns.turn(within_s=0) as came, pytest.raises(ChatModelError, match="too slow"):
        list(in_background(lambda _: iter(("never",)), watch(0.05), turns=turns))

    assert came


def test_the_time_of_whoever_waits_is_the_time_of_the_work() -> None:
    """It ends sooner than the work may take by itself."""
    released, started = threading.Event(), threading.Event()

    with pytest.raises(ChatModelError, match="too slow"):
        next(in_background(held_until(released, started), Watch(30, too_slow, Patience(0.05))))

    released.set()


def test_work_that_nobody_waits_for_ends_at_once() -> None:
    """It is told, and who takes its parts is not kept waiting for the next."""
    patience, noticed, started = Patience(), threading.Event(), threading.Event()

    def work(watch: Watch) -> Iterator[str]:
        started.set()
        try:
            while not noticed.wait(0.01):
                watch.check()
        finally:
            noticed.set()
        yield from ()

    def go() -> None:
        started.wait(30)
        patience.leave()

    threading.Thread(target=go, daemon=True).start()

    with pytest.raises(ChatModelError, match="too slow"):
        next(in_background(work, Watch(30, too_slow, patience)))
    assert noticed.wait(5)
