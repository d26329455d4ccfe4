"""Work that is left behind when its time is up: what it yields is handed to the caller's thread as it comes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from queue import Empty, SimpleQueue
from typing import TypeVar

from domain.patience import Patience
from service.answering.turns import Turns

Part = TypeVar("Part")


class Watch:
    """The time that something may take; it is over early when nobody waits for it any more.

    Args:
        seconds: From now.
        too_slow: Makes the error of what takes longer.
        patience: Of whoever waits; it may be over earlier.
    """

    def __init__(self, seconds: float, too_slow: Callable[[], Exception], patience: Patience | None = None) -> None:
        self.patience = Patience() if patience is None else patience
        self._deadline = time.monotonic() + min(seconds, self.patience.left_s)
        self._too_slow = too_slow
        self._stopped = threading.Event()

    def left_s(self) -> float:
        """Return the seconds that are left, 0 at the least."""
        return max(0.0, self._deadline - time.monotonic())

    def check(self) -> None:
        """Raise when the time is up, or nobody waits any more."""
        if self._stopped.is_set() or not self.left_s():
            raise self._too_slow()

    def over(self) -> Exception:
        """Return the error of what takes longer."""
        return self._too_slow()

    def stop(self) -> None:
        """Say that nobody waits any more."""
        self._stopped.set()


def in_background(
    work: Callable[[Watch], Iterator[Part]], watch: Watch, *, turns: Turns | None = None
) -> Iterator[Part]:
    """Yield what `work` yields in a thread of its own, until it ends, fails, or its time is up.

    No client of a provider has a timeout for the whole reply: a server that sends a byte now and then would hold the
    caller for ever. Work that is left should see by `Watch.check` that it may end.

    Args:
        work: Made with the watch and iterated in the thread.
        watch: How long it may take, waiting for a turn included.
        turns: Who may work now; everybody by default.

    Raises:
        ChatModelError: If no place in the queue is free.
        Exception: What `work` raises, and what the watch makes when the time is up.
    """
    if turns is not None:
        turns.take_place()
    parts: SimpleQueue[Part | Exception | None] = SimpleQueue()
    threading.Thread(target=_run, args=(work, watch, turns, parts), name="chat-model", daemon=True).start()

    def free() -> None:
        watch.stop()
        parts.put(watch.over())

    watch.patience.when_gone(free)
    try:
        while (part := _next(parts, watch)) is not None:
            yield part
    finally:
        watch.stop()


def _run(
    work: Callable[[Watch], Iterator[Part]],
    watch: Watch,
    turns: Turns | None,
    parts: SimpleQueue[Part | Exception | None],
) -> None:
    try:
        with nullcontext(enter_result=True) if turns is None else turns.turn(within_s=watch.left_s()) as came:
            for part in work(watch) if came else ():
                parts.put(part)
        parts.put(None if came else watch.over())
    except Exception as error:  # noqa: BLE001  - carried to the caller's thread
        parts.put(error)
    finally:
        if turns is not None:
            turns.leave_place()


def _next(parts: SimpleQueue[Part | Exception | None], watch: Watch) -> Part | None:
    try:
        part = parts.get(timeout=watch.left_s())
    except Empty:
        raise watch.over() from None
    if isinstance(part, Exception):
        raise part
    return part
