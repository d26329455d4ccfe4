"""How long somebody waits for an answer."""

import math
import threading
import time
from collections.abc import Callable


class Patience:
    """The time that whoever asked will wait; over at once when they go away. Safe to use from several threads.

    Args:
        seconds: From now; without end when `None`.
        clock: Seconds that only grow.
    """

    def __init__(self, seconds: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = math.inf if seconds is None else clock() + seconds
        self._lock = threading.Lock()
        self._gone = False
        self._when_gone: list[Callable[[], None]] = []

    @property
    def left_s(self) -> float:
        """Seconds that are left, 0 at the least; infinite where there is no end."""
        return 0.0 if self._gone else max(0.0, self._until - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether the time is up, or nobody waits any more."""
        return not self.left_s

    def leave(self) -> None:
        """Say that nobody waits any more."""
        with self._lock:
            self._gone, called, self._when_gone = True, self._when_gone, []
        for call in called:
            call()

    def when_gone(self, call: Callable[[], None]) -> None:
        """Call something once when nobody waits any more, at once if that is so already."""
        with self._lock:
            if not self._gone:
                self._when_gone.append(call)
                return
        call()
