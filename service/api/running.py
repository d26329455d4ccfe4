"""Answers under way: each is written in a thread of its own, and no more of them than are allowed."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from domain.events import AnswerEvent
from domain.patience import Patience
from domain.settings import ServerSettings
from service.api.access import Caller
from service.api.problems import too_many_answers, too_many_of_one_key


@dataclass(frozen=True, slots=True)
class StillWorking:
    """No event yet; the work goes on."""


class RunningAnswer:
    """One answer under way; its events wait here until they are taken, so a slow reader holds up nothing."""

    def __init__(self, events: Iterator[AnswerEvent], patience: Patience, *, key_id: str) -> None:
        self.key_id = key_id
        self._events = events
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[AnswerEvent | Exception | None] = asyncio.Queue()
        self._left = threading.Event()

    async def next_event(self, *, patience_s: float | None = None) -> AnswerEvent | StillWorking | None:
        """Return the next event, `None` after the last, or `StillWorking` when there is none after `patience_s`.

        Raises:
            Exception: What ended the work early.
        """
        try:
            async with asyncio.timeout(patience_s):
                event = await self._ready.get()
        except TimeoutError:
            return StillWorking()
        if isinstance(event, Exception):
            raise event
        return event

    def leave(self) -> None:
        """Stop the work: nobody waits for it any more. A model that is writing is freed at once."""
        self._left.set()
        self._patience.leave()

    def work(self) -> None:
        """Go through the events; runs in a thread of its own."""
        try:
            for event in self._events:
                if self._left.is_set():
                    break
                self._hand_over(event)
        except Exception as error:  # noqa: BLE001  - carried to the request that waits for it
            self._hand_over(error)
        else:
            self._hand_over(None)
        finally:
            if isinstance(self._events, Generator):
                self._events.close()

    def _hand_over(self, event: AnswerEvent | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._ready.put_nowait, event)


class RunningAnswers:
    """All answers under way in this process."""

    def __init__(self, settings: ServerSettings) -> None:
        self._most = settings.max_streams + settings.max_waiting
        self._most_of_one = settings.streams_per_key
        # Apart from the threads of other routes: while answers fill all of theirs, documents can still be read.
        self._threads = CapacityLimiter(settings.max_streams)
        self._running: dict[RunningAnswer, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """Return how many are under way, those that wait for a thread included."""
        return len(self._running)

    def start(self, events: Iterator[AnswerEvent], patience: Patience, caller: Caller) -> RunningAnswer:
        """Begin to work through `events`, which end when `patience` does.

        Raises:
            Problem: If as many answers are under way as are allowed, for this caller or at all.
        """
        if caller.limited and sum(one.key_id == caller.key_id for one in self._running) >= self._most_of_one:
            raise too_many_of_one_key(self._most_of_one)
        if len(self._running) >= self._most:
            raise too_many_answers()
        running = RunningAnswer(events, patience, key_id=caller.key_id)
        # The place is given back when the work ends, not when its reader goes: a model may still be writing.
        task = asyncio.create_task(to_thread.run_sync(running.work, limiter=self._threads))
        self._running[running] = task
        task.add_done_callback(lambda _: self._running.pop(running))
        return running

    async def drain(self) -> None:
        """Wait until nothing runs any more; what still runs stops at its next event."""
        for running in self._running:
            running.leave()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
