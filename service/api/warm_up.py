"""Loads the models in the background after the start, so that neither the port nor the first question waits."""

import gc
import logging
import threading
from functools import cache
from typing import Final, Protocol, runtime_checkable

from domain.errors import DatelineError
from service.wiring import OpenService

_COLLECT_AFTER: Final = (10_000, 20, 20)  # Python's own are (700, 10, 10): new objects, then collections of each kind.

_log = logging.getLogger(__name__)


@runtime_checkable
class _NeedsWarmUp(Protocol):
    """A chat model that gets quicker by it; the port does not ask for it."""

    def warm_up(self) -> None: ...


class WarmUp:
    """One background warm-up: encoder, reader and support checker, which questions need, then the chat model."""

    def __init__(self, service: OpenService) -> None:
        self._service = service
        self._stopping = threading.Event()
        self._encoder_done = threading.Event()
        self._encoder_error: DatelineError | None = None
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)

    @property
    def encoder_error(self) -> DatelineError | None:
        """Why encoder, reader or support checker cannot be used; without them no question can be answered."""
        return self._encoder_error

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for these, which cannot be interrupted, but not for a chat model, which ends when it is closed."""
        self._stopping.set()
        self._encoder_done.wait()

    def _run(self) -> None:
        try:
            self._warm_retriever()
        finally:
            self._encoder_done.set()
        if not self._stopping.is_set():
            self._warm_chat_model(self._service.chat)
        _keep_for_good()

    def _warm_retriever(self) -> None:
        try:
            self._service.record.encoder.encode_query("warm-up")
            self._service.record.retriever.warm_up()
            if self._service.chat is not None:  # Quotes need no checker.
                self._service.checker.support("warm-up", [])
        except DatelineError as error:
            self._encoder_error = error
            _log.error("a small model cannot be used, so no question can be answered: %s", error)

    def _warm_chat_model(self, chat: object) -> None:
        if not isinstance(chat, _NeedsWarmUp):
            return
        try:
            chat.warm_up()
        except DatelineError as error:
            if not self._stopping.is_set():
                _log.warning("the chat model is not ready, answers quote until it is: %s", error)


@cache
def _keep_for_good() -> None:
    """Leave what has been loaded so far out of collections; once a process, for it stays until the end.

    Without it each full collection goes through the objects of all libraries, 0.4 s in which no request is heard. Those
    of what answers leave behind take 50 ms and find little, so they are made more seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
