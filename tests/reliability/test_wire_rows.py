"""Rows H3, H5, H9, H11 and H17 on a real socket: what is written there byte by byte, and how it is answered."""

import json
import random
import re
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from domain.answers import Question, TimeScope
from domain.errors import IndexUnavailableError
from domain.events import AnswerEvent, Understood
from ingest.intake import Intake
from service.api.app import create_app
from service.keys import KeyFile, Scope
from service.wiring import OpenService
from tests.support.raw_sockets import (
    PATIENCE_S,
    body_of,
    connected,
    eventually,
    get,
    post,
    question,
    raw,
    response_on,
    rest,
    status_of,
)
from tests.support.records import prepared
from tests.support.serving import listening, opened, running, scripted, serving_settings

Address = tuple[str, int]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with opened(settings, [prepared("doc-1", "The northern bridge will open in June.")]) as service:
        yield service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that asks for keys."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    """A key that reads, as the line that is sent."""
    return f"Authorization: Bearer {KeyFile(folder).create(name='test', scope=Scope.READ)[0]}"


@pytest.fixture(scope="module")
def keyed(service: OpenService, folder: Path, key: str) -> Iterator[Address]:
    """A server that asks for keys."""
    with listening(create_app(serving_settings(folder, keys="required"), service=service)) as address:
        yield address


@pytest.fixture(scope="module")
def open_to_all(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A server on this machine that asks for none."""
    settings = serving_settings(tmp_path_factory.mktemp("open"))
    with listening(create_app(settings, service=service, intake=Intake)) as address:
        yield address


def sent(address: Address, *lines: bytes) -> bytes:
    """Send a head of these lines and return all that comes."""
    return raw(address, b"\r\n".join([*lines, b"Connection: close", b"", b""]))


def is_ours(response: bytes) -> bool:
    """Whether an error has our form and an id."""
    return (
        list(body_of(response)["error"]) == ["message", "type", "code", "param"]
        and b"x-request-id: " in response.lower()
    )


# H3


BAD_HOSTS = (
    *(
        b"localhost/healthz?",
        b"localhost/v1/models?",
        b"x#",
        b"a@b",
        b"localhost@evil.example",
        b"",
        b" ",
        b"localhost:",
    ),
    *(b"localhost, localhost", b"localhost:80:80", b"localhost:999999", b"localhost:8x", b"[::1", b"::1", b"[::1]x"),
    *(
        b"localhost\\healthz",
        b"local\thost",
        b"localhost%2fhealthz",
        b"l\xf6calhost",
        b"http://localhost",
        b"evil.example",
    ),
    *(b"localhost.evil.example", b"127.0.0.1.nip.example", b"localhost.", b"*", b"0.0.0.0", b"127.1"),
)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_h3_a_bad_host_reaches_no_route(open_to_all: Address, keyed: Address, key: str, host: bytes) -> None:
    """400, with a key and without, also where no key is asked for."""
    for address, *headers in ((open_to_all,), (keyed,), (keyed, key.encode())):
        response = sent(address, b"GET /v1/documents HTTP/1.1", b"Host: " + host, *headers)

        assert (status_of(response), is_ours(response)) == (400, True)
        assert body_of(response)["error"]["code"] in {"host_not_allowed", "invalid_http"}


@pytest.mark.parametrize("hosts", [(), (b"localhost", b"localhost"), (b"localhost", b"evil.example")], ids=len)
def test_h3_no_host_and_two_of_them_reach_no_route(open_to_all: Address, hosts: tuple[bytes, ...]) -> None:
    """Also where both are the same: something on the way may have counted differently."""
    response = sent(open_to_all, b"GET /v1/documents HTTP/1.1", *(b"Host: " + host for host in hosts))

    assert (status_of(response), body_of(response)["error"]["code"]) == (400, "host_not_allowed")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://evil.example/v1/documents", 400),
        (b"http://localhost@evil.example/v1/documents", 400),
        (b"http://evil.example/healthz", 400),
        (b"http://localhost/v1/documents", 401),
        (b"http://localhost/healthz/../v1/documents", 404),
        (b"http://localhost/healthz?/../v1/documents", 200),
        (b"http://localhost", 400),
        (b"http:///v1/documents", 400),
        (b"//localhost/v1/documents", 404),
    ],
)
def test_h3_a_whole_address_counts_as_the_host(keyed: Address, target: bytes, status: int) -> None:
    """As RFC 9112 wants it: the header is not looked at, and the path is the one that is served."""
    response = sent(keyed, b"GET " + target + b" HTTP/1.1", b"Host: localhost")

    assert status_of(response) == status
    assert status == 200 or is_ours(response)


def test_h3_no_host_opens_a_route_without_a_key(keyed: Address) -> None:
    """Random ones, made of what hosts, paths and queries are made of."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  - shown with a failure
    chance = random.Random(seed)
    parts = [
        "localhost",
        "127.0.0.1",
        "healthz",
        "readyz",
        "/",
        "?",
        "#",
        "@",
        ":",
        "8000",
        "%2f",
        "\\",
        "[",
        "]",
        " ",
        "..",
    ]
    statuses = set()
    for _ in range(300):
        host = "".join(chance.choices(parts, k=chance.randint(0, 5))).encode()
        statuses.add(status_of(sent(keyed, b"GET /v1/documents HTTP/1.1", b"Host: " + host)))

    assert statuses <= {400, 401}


# H5


@contextmanager
def serving_child(folder: Path) -> Iterator[tuple[int, Address]]:
    """A server in a process of its own; its id and address."""
    command = [sys.executable, "-m", "tests.support.upload_server", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.pid, ("127.0.0.1", int(json.loads(process.stdout.readline())["port"]))
        finally:
            process.kill()


def memory_mb(process: int, field: str) -> float:
    """`VmRSS`, what a process holds, or `VmHWM`, the most that it held since `forget_peak`."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def poured(address: Address, head: bytes, *, chunked: bool, most: int) -> tuple[bytes, int]:
    """Send a body until the server answers; return the answer, and how much had been sent by then."""
    part = b" " * 65_536
    part = b"%x\r\n%s\r\n" % (len(part), part) if chunked else part
    count = 0
    with connected(address) as connection:
        connection.sendall(head)
        with suppress(ConnectionError):
            while count < most and not select.select([connection], [], [], 0)[0]:
                connection.sendall(part)
                count += len(part)
        return response_on(connection), count


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs /proc")
def test_h5_what_is_too_large_is_refused_while_it_comes_and_takes_no_memory(tmp_path: Path) -> None:
    """JSON over 1 MB and files over 50 MB, with a length and in chunks: 413, 64 MB at the most, nothing stored."""
    form = b"multipart/form-data; boundary=x\r\n"
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    chunks = b"Transfer-Encoding: chunked\r\n\r\n"
    with (
        serving_child(tmp_path) as (process, address),
        httpx.Client(base_url=f"http://127.0.0.1:{address[1]}") as client,
    ):
        while client.get("/readyz").json()["missing"]:
            pass
        before = memory_mb(process, "VmRSS")
        Path(f"/proc/{process}/clear_refs").write_text("5", "ascii")  # Forget the peak of the start.

        for path, kind, start, limit in (
            (b"/v1/ask", b"application/json\r\n", b"", 1_000_000),
            (b"/v1/documents", b"application/json\r\n", b"", 1_000_000),
            (b"/v1/documents", form, file, 50_000_000),
        ):
            head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind
            declared, count = poured(
                address, head + b"Content-Length: 80000000\r\n\r\n", chunked=False, most=80_000_000
            )
            assert (status_of(declared), body_of(declared)["error"]["code"]) == (413, "body_too_large")
            assert count < 20_000_000  # What the system took on the way.
            first = b"%x\r\n%s\r\n" % (len(start), start) if start else b""
            counted, count = poured(address, head + chunks + first, chunked=True, most=120_000_000)
            assert (status_of(counted), body_of(counted)["error"]["code"]) == (413, "body_too_large")
            assert limit < count < limit + 20_000_000

        grown = memory_mb(process, "VmHWM") - before
        jobs, total = client.get("/v1/jobs").json()["jobs"], client.get("/v1/documents").json()["total"]

    assert grown <= 64
    assert (jobs, total) == ([], 0)


# H9


def test_h9_more_answers_than_there_is_room_for_are_refused(service: OpenService, tmp_path: Path) -> None:
    """Two are written, two wait, eight are told at once when to come back; the four end, and there is room again."""
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        assert go_on.wait(PATIENCE_S)
        yield Understood(stand_alone_question="?", scope=TimeScope())
        raise IndexUnavailableError("enough")

    app = create_app(serving_settings(tmp_path, max_streams=2, max_waiting=2), service=scripted(service, script))
    with running(app) as (_, address), ExitStack() as closing:
        assert status_of(raw(address, get("/healthz", "Connection: close"))) == 200
        asking = [closing.enter_context(connected(address)) for _ in range(4)]
        for number, connection in enumerate(asking, start=1):
            connection.sendall(question("?", "Connection: close"))
            assert eventually(partial(are_under_way, app, number))
        refused = [raw(address, question("?", "Connection: close")) for _ in range(8)]
        still_served = status_of(raw(address, get("/v1/documents", "Connection: close")))
        go_on.set()
        ended = [rest(connection) for connection in asking]
        again = raw(address, question("?", "Connection: close"))

    assert [(status_of(one), body_of(one)["error"]["code"]) for one in refused] == [(503, "too_many_answers")] * 8
    assert all(re.search(rb"^retry-after: \d+\r$", one, re.IGNORECASE | re.MULTILINE) for one in refused)
    assert still_served == 200
    assert [status_of(one) for one in (*ended, again)] == [200] * 5


def are_under_way(app: FastAPI, answers: int) -> bool:
    return len(app.state.collections.answers) == answers


# H11


@pytest.mark.parametrize(
    "ranges",
    ["0-," * 10_000, ",".join(f"{one}-{one}" for one in range(5000)), "0-0", "-1", "9999999999999-", "x"],
    ids=range(6),
)
@pytest.mark.parametrize("path", ["/", "/sources/doc-1", "/v1/documents/doc-1"])
def test_h11_ranges_multiply_nothing(open_to_all: Address, path: str, ranges: str) -> None:
    """A response is the whole one, once, or a refusal."""
    plain = raw(open_to_all, get(path, "Connection: close"))
    ranged = raw(open_to_all, get(path, f"Range: bytes={ranges}", "Connection: close"))

    assert status_of(ranged) in {200, 400, 413, 416}
    assert len(ranged) <= len(plain) + 200


def form_of(*parts: bytes) -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


DISPOSITION = b"Content-Disposition: form-data; name="
BAD_FORMS: dict[str, tuple[bytes, int]] = {
    "ten thousand fields": (form_of(*[DISPOSITION + b'"a"\r\n\r\nb'] * 10_000), 400),
    "ten thousand files": (form_of(*[DISPOSITION + b'"file"; filename="a"\r\n\r\nb'] * 10_000), 400),
    "ten thousand parts without a name": (form_of(*[b"X: y\r\n\r\nb"] * 10_000), 400),
    "a file without a name": (form_of(DISPOSITION + b'"file"\r\n\r\nRain.'), 422),
    "a field's name of 1 MB": (form_of(DISPOSITION + b'"' + b"a" * 1_000_000 + b'"\r\n\r\nb'), 400),
    "a file's name of 1 MB": (form_of(DISPOSITION + b'"file"; filename="' + b"a" * 1_000_000 + b'"\r\n\r\nRain.'), 400),
    "a field of 1 MB": (form_of(DISPOSITION + b'"title"\r\n\r\n' + b"a" * 1_000_000), 400),
    "headers without end": (b"--x\r\n" + b"X: y\r\n" * 100_000, 400),
    "no end": (b"--x\r\n" + DISPOSITION + b'"file"; filename="a"\r\n\r\nRain.', 400),
    "no part": (b"--x--\r\n", 422),
    "not a form": (b"\x00" * 1000, 400),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_h11_a_form_that_is_too_much_is_refused(open_to_all: Address, name: str) -> None:
    """With a status of the client's, whatever the parts are."""
    body, status = BAD_FORMS[name]
    media_type = "multipart/form-data; boundary=x"
    response = raw(open_to_all, post("/v1/documents", body, "Connection: close", media_type=media_type))

    assert (status_of(response), is_ours(response)) == (status, True)


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=" + "x" * 100_000, '; boundary="', "; boundary=\xe4"], ids=range(5)
)
def test_h11_a_form_without_a_sound_boundary_is_refused(open_to_all: Address, boundary: str) -> None:
    """It is a part of a header."""
    head = f"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data{boundary}\r\n"
    response = raw(open_to_all, head.encode("latin-1") + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc")

    assert (status_of(response), is_ours(response)) == (400, True)


# H17


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET /%2e%2e/etc/passwd", 404),
        (b"GET /../../etc/passwd", 404),
        (b"GET //v1/chat", 404),
        (b"GET //v1/documents", 404),
        (b"GET /static/..%5c..%5cetc", 404),
        (b"GET /v1/answers/..%2f..%2f..%2fetc%2fpasswd", 404),
        (b"GET /v1/documents/%2e%2e/%2e%2e/etc/passwd", 404),
        (b"GET /v1/jobs/%00", 404),
        (b"GET /" + b"a" * 8192, 404),
        (b"GET /v1/documents/" + b"a" * 8192, 404),
        (b"GET /" + b"a" * 20_000, 414),
        (b"GET /%", 404),
        (b"GET /%zz", 404),
        (b"GET /%ff%fe", 404),
        (b"GET /v1/documents;x=1", 404),
        (b"GET /v1/documents/", 404),
        (b"GET /V1/DOCUMENTS", 404),
        (b"GET v1/documents", 400),
        (b"GET *", 404),
        (b"GET /\x00", 400),
        (b"GET /\xff", 400),
        (b"GET /a b", 400),
        (b"GET ?x", 400),
        (b"TRACE /v1/documents", 405),
        (b"PUT /v1/ask", 405),
        (b"PROPFIND /", 405),
        (b"CONNECT localhost:22", 400),
        (b"CONNECT /v1/documents", 405),
        (b"BREW /v1/documents", 400),
        (b"get /v1/documents", 400),
        (b"\x16\x03\x01\x02", 400),
        (b"PRI *", 400),
    ],
    ids=range(32),
)
def test_h17_strange_methods_and_paths_get_our_refusal(open_to_all: Address, start: bytes, status: int) -> None:
    """And the server lives on."""
    response = sent(open_to_all, start + b" HTTP/1.1", b"Host: localhost", b"X-Canary: northern")

    assert (status_of(response), is_ours(response)) == (status, True)
    assert b"northern" not in response
    assert status_of(sent(open_to_all, b"GET /healthz HTTP/1.1", b"Host: localhost")) == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ([b"X: " + b"y" * 3_000_000], 431),
        ([b"X: y"] * 300, 431),
        ([b"Content-Length: 1", b"Content-Length: 2"], 400),
        ([b"Content-Length: -1"], 400),
        ([b"Content-Length: 1e3"], 400),
        ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: chunked, identity"], 400),
        ([b"X : y"], 400),
        ([b"X: a\x00b"], 400),
        ([b" X: y"], 400),
        ([b"Upgrade: websocket", b"Connection: Upgrade"], 200),
        ([b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"], 200),
    ],
    ids=range(12),
)
def test_h17_headers_that_are_too_much_or_ambiguous_are_refused(
    open_to_all: Address, head: list[bytes], status: int
) -> None:
    """What two servers could read differently is read by none; another protocol is not spoken."""
    response = sent(open_to_all, b"GET /healthz HTTP/1.1", b"Host: localhost", *head)

    assert status_of(response) == status
    assert status == 200 or is_ours(response)


@pytest.mark.parametrize(
    "after",
    [b"zz\r\n", b"5;" + b"x" * 3_000_000, b"0\r\nX: " + b"y" * 3_000_000, b"0\r\n" + b"X: y\r\n" * 300],
    ids=["no number", "an endless extension", "an endless trailer", "trailers"],
)
def test_h17_chunks_that_are_none_are_refused(open_to_all: Address, after: bytes) -> None:
    """Also what may stand between and after chunks has an end."""
    head = b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    response = raw(open_to_all, head + b"Transfer-Encoding: chunked\r\n\r\n" + after + b"\r\n\r\n")

    assert status_of(response) in {400, 431}
    assert is_ours(response)


def test_h17_a_broken_second_request_does_not_reach_into_the_first_answer(service: OpenService, tmp_path: Path) -> None:
    """The stream under way is cut off; what follows it on the connection is not taken for a part of it."""
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield Understood(stand_alone_question="first", scope=TimeScope())
        assert go_on.wait(PATIENCE_S)
        yield Understood(stand_alone_question="second", scope=TimeScope())

    with listening(create_app(serving_settings(tmp_path), service=scripted(service, script))) as address:
        with connected(address) as connection:
            connection.sendall(question())
            received = b""
            while b"first" not in received:
                received += connection.recv(65_536)
            connection.sendall(b"nonsense\r\n\r\n")
            received += rest(connection)
        go_on.set()

    assert received.count(b"HTTP/1.1") == 1
    assert b"invalid_http" not in received
