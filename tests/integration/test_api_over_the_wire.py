"""The real server on a real socket: streams, disconnects, and requests no client library would send."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import httpx
import pytest

from domain.answers import Question, TimeScope
from domain.errors import IndexUnavailableError
from domain.events import AnswerEvent, Understood
from service.api import asking
from service.api.app import create_app
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import listening, opened, running, scripted, serving_settings

_QUESTION = {"question": "When does the northern bridge open?"}
_EVENTS = {"Accept": "text/event-stream"}
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with opened(settings, [prepared("doc-1", "The northern bridge will open in June.")]) as service:
        yield service


def _understood(text: str = "?") -> Understood:
    return Understood(stand_alone_question=text, scope=TimeScope())


def _raw(address: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(address, timeout=_PATIENCE_S) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    return received


def test_events_arrive_one_by_one_and_end_with_the_answer(service: OpenService, tmp_path: Path) -> None:
    """A client reads named events as they happen; the last one is the whole answer."""
    with (
        listening(create_app(serving_settings(tmp_path), service=service)) as (host, port),
        httpx.stream("POST", f"http://{host}:{port}/v1/ask", json=_QUESTION, headers=_EVENTS) as response,
    ):
        lines = [line for line in response.iter_lines() if line]

    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    done = json.loads(lines[-1].removeprefix("data: "))
    assert response.headers["cache-control"] == "no-cache"
    assert (names[0], names[-1]) == ("understood", "done")
    assert done["sentences"][0]["citations"][0]["quote"] == "The northern bridge will open in June."


def test_the_first_event_comes_while_the_answer_is_still_written(service: OpenService, tmp_path: Path) -> None:
    """Nothing is held back: the writer goes on only after the client has read the first event."""
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield _understood("first")
        assert go_on.wait(_PATIENCE_S)
        yield _understood("second")

    with (
        listening(create_app(serving_settings(tmp_path), service=scripted(service, script))) as (host, port),
        httpx.stream("POST", f"http://{host}:{port}/v1/ask", json=_QUESTION, headers=_EVENTS) as response,
    ):
        lines = response.iter_lines()
        before = [next(lines), next(lines)]
        go_on.set()
        after = list(lines)

    assert "first" in before[1]
    assert any("second" in line for line in after)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_response_does_not_wait_to_be_acknowledged(
    service: OpenService, tmp_path: Path, loop: Literal["asyncio", "uvloop"]
) -> None:
    """Head and body leave as they are written; else each takes 40 ms more on a connection that is used again."""
    app = create_app(serving_settings(tmp_path), service=service)
    with running(app, loop=loop) as (server, address), socket.create_connection(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1)
        (one,) = server.server_state.connections
        accepted = cast("Any", one).transport.get_extra_info("socket")

        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_silent_stream_is_kept_alive(service: OpenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a model writes, comments keep proxies from closing the connection."""
    monkeypatch.setattr(asking, "_KEEP_ALIVE_S", 0.01)
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield _understood()
        assert go_on.wait(_PATIENCE_S)
        yield _understood("late")

    with (
        listening(create_app(serving_settings(tmp_path), service=scripted(service, script))) as (host, port),
        httpx.stream("POST", f"http://{host}:{port}/v1/ask", json=_QUESTION, headers=_EVENTS) as response,
    ):
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":"))
        go_on.set()
        assert any("late" in line for line in lines)


def test_h8_work_stops_when_the_client_goes_away(service: OpenService, tmp_path: Path) -> None:
    """Nobody waits for the answer, so it is not written; its place is free for the next."""
    stopped, refused = threading.Event(), threading.Event()

    def script(question: Question) -> Iterator[AnswerEvent]:
        if question.text == "next":
            raise IndexUnavailableError("the place was free")
        try:
            while True:
                yield _understood()
                refused.wait(0.01)
        finally:
            stopped.set()

    app = create_app(serving_settings(tmp_path, max_streams=1, max_waiting=0), service=scripted(service, script))
    with listening(app) as (host, port), httpx.Client(base_url=f"http://{host}:{port}") as client:
        with client.stream("POST", "/v1/ask", json=_QUESTION, headers=_EVENTS) as response:
            next(response.iter_lines())
        assert stopped.wait(_PATIENCE_S)
        while (error := client.post("/v1/ask", json={"question": "next"}).json()["error"])[
            "code"
        ] == "too_many_answers":
            pass  # The place is given back a moment after the work ends.

    assert error["code"] == "index_unavailable"


def test_h8_a_client_that_goes_before_its_answer_leaves_no_place_taken(service: OpenService, tmp_path: Path) -> None:
    """Also when the connection breaks before a byte of the answer is sent."""
    begun, go_on = threading.Event(), threading.Event()

    def script(question: Question) -> Iterator[AnswerEvent]:
        if question.text == "next":
            raise IndexUnavailableError("the place was free")
        begun.set()
        assert go_on.wait(_PATIENCE_S)
        yield _understood()

    app = create_app(serving_settings(tmp_path, max_streams=1, max_waiting=0), service=scripted(service, script))
    body = json.dumps(_QUESTION).encode()
    head = (
        "POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with listening(app) as (host, port), httpx.Client(base_url=f"http://{host}:{port}") as client:
        with socket.create_connection((host, port)) as connection:
            connection.sendall(head.encode() + body)
            assert begun.wait(_PATIENCE_S)
        go_on.set()
        while (error := client.post("/v1/ask", json={"question": "next"}).json()["error"])[
            "code"
        ] == "too_many_answers":
            pass

    assert error["code"] == "index_unavailable"


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /v1/documents/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost",
        b"GET http://evil.example/v1/nothing HTTP/1.1\r\nHost: localhost/healthz?",
        b"GET /nothing HTTP/1.1\r\nHost: a@b",
        b"BREW /v1/ask HTTP/1.1\r\nHost: localhost",
        b"GET /v1/\xff HTTP/1.1\r\nHost: localhost",
        b"nonsense",
    ],
    ids=range(6),
)
def test_hostile_request_lines_get_a_client_error(service: OpenService, tmp_path: Path, request_line: bytes) -> None:
    """Whatever is written on the socket, the answer is a 4xx and the server lives on."""
    with listening(create_app(serving_settings(tmp_path), service=service)) as address:
        received = _raw(address, request_line + b"\r\nConnection: close\r\n\r\n")
        alive = _raw(address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert received.split()[1][:1] == b"4"
    assert b"200 OK" in alive.partition(b"\r\n")[0]


def test_h5_a_chunked_body_over_the_limit_is_refused_while_it_comes(service: OpenService, tmp_path: Path) -> None:
    """The answer comes although the client never finishes its body."""
    app = create_app(serving_settings(tmp_path, max_body_bytes=1024), service=service)
    head = (
        b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with listening(app) as (host, port), socket.create_connection((host, port), timeout=_PATIENCE_S) as connection:
        connection.sendall(head + b"800\r\n" + b" " * 2048 + b"\r\n")
        received = connection.recv(65_536)

    assert b" 413 " in received.partition(b"\r\n")[0]
