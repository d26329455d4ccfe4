"""What the routes of one application share: its records, open, and what is under way on them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request

from domain.ports import Intake
from domain.settings import IngestSettings, Settings
from retriever.wiring import Record
from service.api.access import collection_of
from service.api.links import Links
from service.api.problems import collection_not_found
from service.api.running import RunningAnswers
from service.api.warm_up import WarmUp
from service.keys import MAIN, is_collection
from service.wiring import OpenService, open_service

_FOLDER: Final = "collections"

MakeIntake = Callable[[Record, IngestSettings], Intake]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """An open record and what is under way on it; lives as long as the application runs.

    Attributes:
        intake: Reads what is sent to the record; `None` where nothing may be sent.
        links: How links to its sources are written.
    """

    settings: Settings
    service: OpenService
    answers: RunningAnswers
    warm_up: WarmUp
    intake: Intake | None
    links: Links


class Collections:
    """All records of one server, open; the models are those of the main one.

    Args:
        settings: Everything; the data folder is the main record's.
        main: The record in it, which stays the caller's to close.
        intake: Makes what reads uploads into a record.
        secret: What links to sources are signed with; empty for none.
    """

    def __init__(
        self, settings: Settings, main: OpenService, *, intake: MakeIntake | None, secret: Callable[[], bytes]
    ) -> None:
        self.answers = RunningAnswers(settings.server)
        self._settings = settings
        self._main = main
        self._make_intake = intake
        self._secret = secret
        self._warm_up = WarmUp(main)
        self._lock = threading.Lock()
        self._closing = ExitStack()
        self._open: dict[str, Serving] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All collections, the main one first."""
        return (MAIN, *sorted(self._open.keys() - {MAIN}))

    def start(self) -> None:
        """Warm up the models, and go on with what was sent to any of them."""
        self._warm_up.start()
        self._serve(MAIN, self._main)
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            if is_collection(folder.name) and folder.is_dir():
                self.create(folder.name)

    def create(self, name: str) -> bool:
        """Open a collection, made where there is none; `False` if it is open already.

        Raises:
            DatelineError: If it cannot be made or opened, see `open_service`.
        """
        with self._lock:
            if name in self._open:
                return False
            settings = self._settings.model_copy(update={"data_dir": self._folder / name})
            opened = open_service(settings, access="write", shared=self._main)
            self._serve(name, self._closing.enter_context(opened))
            return True

    def serving(self, name: str) -> Serving:
        """Return a collection.

        Raises:
            Problem: If there is none of this name.
        """
        found = self._open.get(name)
        if found is None:
            raise collection_not_found()
        return found

    def close(self) -> None:
        """Stop reading uploads, and close all but the main record."""
        self._warm_up.stop()
        self._closing.close()

    @property
    def _folder(self) -> Path:
        return self._settings.data_dir / _FOLDER

    def _serve(self, name: str, service: OpenService) -> None:
        intake = None if self._make_intake is None else self._make_intake(service.record, self._settings.ingest)
        if intake is not None:
            intake.start()
            self._closing.callback(intake.stop)
        self._open[name] = Serving(
            settings=self._settings,
            service=service,
            answers=self.answers,
            warm_up=self._warm_up,
            intake=intake,
            links=Links(name, self._secret),
        )


async def _collections(request: Request) -> Collections:
    collections: Collections = request.app.state.collections
    return collections


async def _serving(request: Request) -> Serving:
    return (await _collections(request)).serving(collection_of(request))


CollectionsNow = Annotated[Collections, Depends(_collections)]
ServingNow = Annotated[Serving, Depends(_serving)]
