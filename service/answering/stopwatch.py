"""Milliseconds per stage."""

from collections.abc import Callable


class Stopwatch:
    """Measures stages that follow one another; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._stages: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """Count the time since the last stage to `stage`."""
        now = self._clock()
        self._stages[stage] = self._stages.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    def timings_ms(self) -> dict[str, float]:
        """Return the stages so far and `total`, in milliseconds."""
        return {**self._stages, "total": (self._clock() - self._started) * 1e3}
