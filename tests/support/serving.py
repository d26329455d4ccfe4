"""The real application over a small real record, in process or on a free port."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from domain.answers import Question
from domain.events import AnswerEvent
from domain.patience import Patience
from domain.ports import PreparedDocument
from domain.settings import Settings, load_settings
from service.answering.assistant import Assistant
from service.api.app import create_app
from service.api.server import server_config
from service.wiring import OpenService, open_service
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader


def serving_settings(data_dir: Path, **server: Any) -> Settings:
    """Settings of a service that quotes and refuses nothing that it has words for."""
    return load_settings(
        data_dir=data_dir, chat={"model": "extractive"}, answer={"min_relevance": 0.0}, server=server or {}
    )


@contextmanager
def opened(settings: Settings, documents: Sequence[PreparedDocument]) -> Iterator[OpenService]:
    """Open a service over `documents`."""
    with open_service(settings, access="write", encoder=HashingEncoder(), reader=WordsReader()) as service:
        service.record.ledger.commit(documents)
        service.record.publish()
        yield service


@contextmanager
def client_of(settings: Settings, service: OpenService) -> Iterator[TestClient]:
    """Run the application in process."""
    with TestClient(create_app(settings, service=service), base_url="http://localhost") as client:
        yield client


Script = Callable[[Question], Iterator[AnswerEvent]]


def scripted(service: OpenService, script: Script) -> OpenService:
    """The same service with an assistant whose events are `script`'s."""

    class Scripted:
        def events(
            self, question: Question, patience: Patience | None = None, *, answer_id: str | None = None
        ) -> Iterator[AnswerEvent]:
            del patience, answer_id
            return script(question)

    return replace(service, assistant=cast("Assistant", Scripted()))


@contextmanager
def listening(app: FastAPI, *, port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve `app` with uvicorn on a loopback port, a free one unless named, until the block ends."""
    with running(app, port=port) as (_, address):
        yield address


@contextmanager
def running(
    app: FastAPI, *, port: int = 0, loop: Literal["auto", "asyncio", "uvloop"] = "auto"
) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """The same, with the server itself, which knows its connections and tasks."""
    bound = socket.create_server(("127.0.0.1", port), backlog=2048)
    config = server_config(app, app.state.settings.server, lifespan=True)
    config.loop = loop
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        address: tuple[str, int] = bound.getsockname()
        yield server, address
    finally:
        server.should_exit = True
        thread.join(30)
        bound.close()
