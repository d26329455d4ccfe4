"""Row H8: clients that go away in the middle of something leave nothing behind."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from domain.answers import Question, TimeScope
from domain.events import AnswerEvent, Understood
from domain.settings import Settings, load_settings
from service.api.app import create_app
from tests.support.chat_endpoint import Wire, chat_endpoint
from tests.support.raw_sockets import PATIENCE_S, connected, eventually, get, post, question
from tests.support.records import prepared
from tests.support.serving import opened, running, scripted, serving_settings

BRIDGE = prepared("bridge", "The northern bridge opens in June, the governor said.", published=date(2024, 3, 1))
ASKED = "When does the northern bridge open?"


def descriptors() -> int:
    """How many files and sockets this process holds; the server runs in it."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  - names are enough


def test_h8_a_thousand_disconnects_leave_nothing(tmp_path: Path) -> None:
    """In the head, in the body, before the answer, in its stream, beside a second request: no task, socket or place."""
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        while not go_on.is_set():
            yield Understood(stand_alone_question="?" * 1000, scope=TimeScope())
            go_on.wait(0.005)

    settings = serving_settings(tmp_path, max_streams=8, max_waiting=1000)
    with opened(settings, [BRIDGE]) as service:
        app = create_app(settings, service=scripted(service, script))
        with running(app) as (server, address):

            def is_quiet() -> bool:
                state = server.server_state
                return not (state.connections or state.tasks or len(app.state.collections.answers))

            depart(address, 100)  # What is opened once, such as the indexes, is open then.
            assert eventually(lambda: is_quiet() and service.record.status().state == "ready")
            before = descriptors()
            depart(address, 1000)

            assert eventually(is_quiet)
            assert eventually(lambda: descriptors() <= before)
            go_on.set()


DEPARTURES = (
    b"GET /healthz HTTP/1.1\r\nHo",
    post("/v1/ask", b'{"question": ', length=500),
    post("/v1/ask", json.dumps({"question": ASKED}).encode()),
    question(),
    question() + get(),
)


def depart(address: tuple[str, int], times: int) -> None:
    """Connect, send something, sometimes look at what comes, and go."""
    for number in range(times):
        with connected(address) as connection:
            connection.sendall(DEPARTURES[number % len(DEPARTURES)])
            if number % 3 == 0:
                connection.settimeout(0.02)
                with suppress(TimeoutError, ConnectionError):
                    connection.recv(1000)


@contextmanager
def asked_through(base_url: str, folder: Path) -> Iterator[tuple[FastAPI, uvicorn.Server, tuple[str, int]]]:
    """A server with a model at this address, and a place for one answer."""
    settings: Settings = load_settings(
        data_dir=folder,
        chat={"model": "openai:scripted", "base_url": base_url, "api_key": "sk-test", "timeout_s": PATIENCE_S},
        answer={"min_relevance": 0.0},
        server={"max_streams": 1, "max_waiting": 0},
    )
    with opened(settings, [BRIDGE]) as service:
        app = create_app(settings, service=service)
        with running(app) as (server, address):
            yield app, server, address


CHAT = {"model": "dateline", "messages": [{"role": "user", "content": ASKED}]}


@pytest.mark.parametrize(
    "request_bytes",
    [
        question(ASKED),
        post("/v1/ask", json.dumps({"question": ASKED}).encode()),
        question(ASKED) + get(),
        post("/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode()),
        post("/v1/chat/completions", json.dumps(CHAT).encode()),
    ],
    ids=["events", "json", "with another request behind it", "openai stream", "openai json"],
)
def test_h8_a_model_that_writes_is_freed_when_its_reader_goes(tmp_path: Path, request_bytes: bytes) -> None:
    """The connection to the model is closed although it would write for ever, and the only place is free again."""
    writing, freed = threading.Event(), threading.Event()

    def writes_for_ever(wire: Wire) -> None:
        wire.open_stream()
        wire.delta('{"sentences": [')
        writing.set()
        try:
            while True:
                wire.delta(" ")
                wire.hang(0.02)
        except OSError:
            freed.set()

    with (
        chat_endpoint(writes_for_ever) as endpoint,
        asked_through(endpoint.base_url, tmp_path) as (app, server, address),
    ):
        with connected(address) as connection:
            connection.sendall(request_bytes)
            assert writing.wait(PATIENCE_S)
            assert not freed.is_set()

        assert freed.wait(PATIENCE_S / 10)
        assert eventually(lambda: not len(app.state.collections.answers))
        assert eventually(lambda: not server.server_state.tasks)


def test_h8_a_client_that_goes_before_the_first_event_frees_the_model_too(tmp_path: Path) -> None:
    """The stream that was to be sent is never begun."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        try:
            for _number in range(10_000):
                yield Understood(stand_alone_question="?", scope=TimeScope())
                go_on.wait(0.01)
                threading.Event().wait(0.01)
        finally:
            ended.set()

    settings = serving_settings(tmp_path)
    with opened(settings, [BRIDGE]) as service:
        app = create_app(settings, service=scripted(service, script))
        with running(app) as (server, address):
            with connected(address) as connection:
                connection.sendall(question())
                assert begun.wait(PATIENCE_S)
            assert eventually(lambda: not server.server_state.connections)
            go_on.set()

            assert ended.wait(PATIENCE_S / 2)
