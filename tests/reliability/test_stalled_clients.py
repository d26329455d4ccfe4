"""Row H7: clients that stall are left, whatever they stall in; those that are slow and steady are served."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from domain.answers import Question, TimeScope
from domain.events import AnswerEvent, Understood
from ingest.intake import Intake
from service.api.app import create_app
from service.wiring import OpenService
from tests.support.raw_sockets import (
    body_of,
    connected,
    dripping,
    eventually,
    get,
    post,
    question,
    rest,
    status_of,
)
from tests.support.records import prepared
from tests.support.serving import opened, running, scripted, serving_settings

LONG = "x" * 8_000_000  # More than the system holds for a client that does not read.
ASKED = json.dumps({"question": "When?"}).encode()
HURRIED_S = 0.3
STEADY_S = 1.5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    long = prepared("long", "The ferry is late.")
    long = replace(long, document=replace(long.document, text=f"The ferry is late.\n\n{LONG}"))
    with opened(serving_settings(tmp_path_factory.mktemp("record")), [long]) as service:
        yield service


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Literal["asyncio", "uvloop"]:
    """`dateline serve` runs on the first; an application that is mounted elsewhere may run on the second."""
    which: Literal["asyncio", "uvloop"] = request.param
    return which


def sent_drop_by_drop(connection: socket.socket, part: bytes) -> None:
    """Go on sending until the server has left."""
    for piece in dripping(part, pause_s=HURRIED_S / 4):
        try:
            connection.sendall(piece)
        except ConnectionError:
            return
    raise AssertionError("the server listens for ever")


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"", b""),
        (b"GET /", b"a"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b"y"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: loc", b""),
        (b"\r\n", b"\r\n"),
    ],
    ids=["nothing", "an address", "a header", "headers", "half a header", "line ends"],
)
def test_h7_a_head_that_does_not_end_is_left(
    service: OpenService, tmp_path: Path, loop: Literal["asyncio", "uvloop"], start: bytes, part: bytes
) -> None:
    """A byte now and then wins no time; where nothing comes, the server closes by itself."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app, loop=loop) as (server, address), connected(address) as connection:
        connection.sendall(start)
        if part:
            sent_drop_by_drop(connection, part)

        assert rest(connection) == b""
        assert eventually(lambda: not server.server_state.connections)


@pytest.mark.parametrize("after", [b"\r\n", b"G", b"GET /healthz HTTP/1.1\r\nHost"], ids=["a line end", "G", "a head"])
def test_h7_what_begins_after_an_answer_has_its_time_too(service: OpenService, tmp_path: Path, after: bytes) -> None:
    """One answered request does not open a connection for ever."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app) as (server, address), connected(address) as connection:
        connection.sendall(get())
        assert status_of(connection.recv(65_536)) == 200
        connection.sendall(after)

        rest(connection)
        assert eventually(lambda: not server.server_state.connections)


def test_h7_a_body_that_was_refused_is_not_taken_for_ever(service: OpenService, tmp_path: Path) -> None:
    """The answer is given before the body has come; the client goes on sending it, drop by drop."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app) as (server, address), connected(address) as connection:
        connection.sendall(post("/v1/ask", b"", media_type="text/plain", length=100_000))
        assert status_of(connection.recv(65_536)) == 415
        sent_drop_by_drop(connection, b" ")

        assert eventually(lambda: not server.server_state.connections)


@pytest.mark.parametrize(
    ("path", "media_type", "start"),
    [
        ("/v1/ask", "application/json", b'{"question": '),
        ("/v1/documents", "application/json", b'{"text": '),
        ("/v1/documents", "multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"'),
    ],
)
def test_h7_a_body_that_stops_is_answered_with_408(
    service: OpenService, tmp_path: Path, path: str, media_type: str, start: bytes
) -> None:
    """And the connection is closed."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service, intake=Intake)
    with running(app) as (_, address), connected(address) as connection:
        connection.sendall(post(path, start, media_type=media_type, length=1000))
        received = rest(connection)

    assert status_of(received) == 408
    assert body_of(received)["error"]["code"] == "request_timeout"
    assert b"connection: close" in received.lower()


def test_h7_a_reader_who_takes_no_events_is_left(
    service: OpenService, tmp_path: Path, loop: Literal["asyncio", "uvloop"]
) -> None:
    """The answer is written to its end meanwhile, and its place is free."""

    def script(_: Question) -> Iterator[AnswerEvent]:
        for _number in range(4):
            yield Understood(stand_alone_question=LONG, scope=TimeScope())

    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=scripted(service, script))
    with running(app, loop=loop) as (server, address), connected(address) as connection:
        connection.sendall(question())
        assert connection.recv(1) == b"H"

        assert eventually(lambda: not server.server_state.connections)
        assert eventually(lambda: not len(app.state.collections.answers))


@pytest.mark.parametrize("stays", ["keep-alive", "close"])
def test_h7_a_reader_who_does_not_take_the_end_is_left(
    service: OpenService, tmp_path: Path, loop: Literal["asyncio", "uvloop"], stays: str
) -> None:
    """The application has given its whole response; only the connection waits, and closing it would wait, too."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app, loop=loop) as (server, address), connected(address) as connection:
        connection.sendall(get("/v1/documents/long", f"Connection: {stays}"))
        assert connection.recv(1) == b"H"

        assert eventually(lambda: not server.server_state.connections)


def test_h7_a_second_request_wins_a_reader_no_time(service: OpenService, tmp_path: Path) -> None:
    """Nor does the beginning of one."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app) as (server, address), connected(address) as connection:
        connection.sendall(get("/v1/documents/long"))
        assert connection.recv(1) == b"H"
        with suppress(ConnectionError):
            for piece in dripping(get("/v1/documents/long") + b"GET", pause_s=HURRIED_S / 4):
                if not server.server_state.connections:
                    break
                connection.sendall(piece)

        assert not server.server_state.connections


def test_h7_others_are_served_beside_a_crowd_that_stalls(service: OpenService, tmp_path: Path) -> None:
    """Sixty connections, each in the middle of something, and a client that asks."""
    starts = [b"GET /healthz HT", post("/v1/ask", b'{"q', length=900), question()]
    app = create_app(serving_settings(tmp_path), service=service)
    with running(app) as (server, address):
        crowd = [connected(address) for _ in range(60)]
        for number, connection in enumerate(crowd):
            connection.sendall(starts[number % len(starts)])
        assert eventually(lambda: len(server.server_state.connections) == 60)

        with connected(address) as one:
            one.sendall(post("/v1/ask", ASKED, "Connection: close"))
            received = rest(one)
        for connection in crowd:
            connection.close()

    assert status_of(received) == 200


# Slow and steady


def test_h7_a_steady_sender_is_served(service: OpenService, tmp_path: Path) -> None:
    """A body that takes three times as long as a client may be silent; the head came in two parts."""
    app = create_app(serving_settings(tmp_path, idle_s=STEADY_S), service=service)
    with running(app) as (_, address), connected(address) as connection:
        request = post("/v1/ask", ASKED.ljust(2000), "Connection: close")
        connection.sendall(request[:20])
        for start in range(20, len(request), 100):
            time.sleep(STEADY_S / 8)
            connection.sendall(request[start : start + 100])
        received = rest(connection)

    assert status_of(received) == 200


def test_h7_a_steady_reader_gets_everything(
    service: OpenService, tmp_path: Path, loop: Literal["asyncio", "uvloop"]
) -> None:
    """It takes three times as long as a client may take nothing."""
    app = create_app(serving_settings(tmp_path, idle_s=STEADY_S), service=service)
    received, pause_s = 0, 3 * STEADY_S / (len(LONG) / 200_000)
    with running(app, loop=loop) as (_, address), connected(address) as connection:
        connection.sendall(get("/v1/documents/long", "Connection: close"))
        while chunk := connection.recv(200_000, socket.MSG_WAITALL):
            received += len(chunk)
            time.sleep(pause_s)

    assert received > len(LONG)


def test_h7_a_connection_is_used_again_after_a_pause(service: OpenService, tmp_path: Path) -> None:
    """Between requests a client owes nothing; for that uvicorn has a time of its own."""
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=service)
    with running(app) as (_, address), connected(address) as connection:
        for _ in range(3):
            connection.sendall(get())
            assert status_of(connection.recv(65_536)) == 200
            time.sleep(3 * HURRIED_S)


def test_h7_requests_sent_at_once_are_all_answered(service: OpenService, tmp_path: Path) -> None:
    """The first answer takes longer than a client may owe a head; the server has read a part of some later one."""

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield Understood(stand_alone_question="slow", scope=TimeScope())
        time.sleep(4 * HURRIED_S)
        yield Understood(stand_alone_question="done", scope=TimeScope())

    others = [get("/healthz", f"X: {'y' * 8000}")] * 100 + [get("/nothing", "Connection: close")]
    app = create_app(serving_settings(tmp_path, idle_s=HURRIED_S), service=scripted(service, script))
    with running(app) as (_, address), connected(address) as connection:
        connection.sendall(question() + b"".join(others))
        received = rest(connection)

    assert [int(one) for one in re.findall(rb"HTTP/1\.1 (\d+)", received)] == [200] * 101 + [404]
    assert received.index(b"done") < received.index(b"alive")


def test_h7_an_upload_on_a_slow_link_is_kept(service: OpenService, tmp_path: Path) -> None:
    """A file that comes in pieces, with a client that asks before it sends."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        + b"Rain. " * 4000
        + b"\r\n--x--"
    )
    app = create_app(serving_settings(tmp_path, idle_s=STEADY_S), service=service, intake=Intake)
    with running(app) as (_, address), connected(address) as connection:
        headers = ("Expect: 100-continue", "Connection: close")
        media_type = "multipart/form-data; boundary=x"
        connection.sendall(post("/v1/documents", b"", *headers, media_type=media_type, length=len(form)))
        assert status_of(connection.recv(65_536)) == 100
        for start in range(0, len(form), 1000):
            time.sleep(STEADY_S / 8)
            connection.sendall(form[start : start + 1000])
        received = rest(connection)

    assert status_of(received) == 202
