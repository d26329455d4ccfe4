"""Who may use a model that can do one thing at a time: one writes, a few wait, and the rest are told at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import ChatModelError


class Turns:
    """A queue with an end; safe to use from several threads, and a place may be left by another one than took it.

    Args:
        waiting: How many may wait while one has its turn.
        endpoint: What messages call the model.
    """

    def __init__(self, *, waiting: int, endpoint: str) -> None:
        self._waiting = waiting
        self._endpoint = endpoint
        self._places = threading.BoundedSemaphore(waiting + 1)
        self._turn = threading.Lock()

    def take_place(self) -> None:
        """Take a place in the queue; `leave_place` gives it back.

        Raises:
            ChatModelError: If all are taken.
        """
        if not self._places.acquire(blocking=False):
            raise ChatModelError(
                f"{self._endpoint} is busy, and {self._waiting} other answers wait for it",
                hint="Ask again in a moment, or raise DATELINE_CHAT__QUEUE.",
            )

    def leave_place(self) -> None:
        """Give a place back."""
        self._places.release()

    @contextmanager
    def turn(self, *, within_s: float) -> Iterator[bool]:
        """Wait for one's turn, and have it until the block ends; false when it did not come in time."""
        came = self._turn.acquire(timeout=within_s)
        try:
            yield came
        finally:
            if came:
                self._turn.release()
