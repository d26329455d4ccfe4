"""Rows S1 to S7 through the API: what is refused at once, what fails as a job, and what is never fetched."""

import gzip
import json
import socket
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from domain.settings import Settings
from ingest.intake import Intake
from service.api.app import create_app
from tests.support.bad_addresses import CREDENTIALS, INSIDE, NAMES_OF_INSIDE, OTHER_SCHEMES, UNCLEAR
from tests.support.raw_sockets import eventually
from tests.support.serving import opened, serving_settings
from tests.support.web_server import Script, Server, endlessly, page, redirect, web_server

JSON = "application/json"


def is_a_field(url: str) -> bool:
    """Whether the API takes it for text of an address' length."""
    return len(url) <= 2000 and "\ud800" not in url


@contextmanager
def sending_to(settings: Settings) -> Iterator[TestClient]:
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server with the settings that it has by itself."""
    with sending_to(serving_settings(tmp_path_factory.mktemp("record"))) as client:
        yield client


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that may fetch from this machine, up to 100 kB within half a second."""
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    ingest = {"allow_private_networks": True, "max_source_bytes": 100_000, "fetch_timeout_s": 0.5}
    with sending_to(settings.model_copy(update={"ingest": settings.ingest.model_copy(update=ingest)})) as client:
        yield client


@pytest.fixture
def canaries() -> Iterator[Sequence[socket.socket]]:
    """Listeners on one port of this machine, over IPv4 and IPv6, which must see no connection."""
    with ExitStack() as closing:
        listeners = [closing.enter_context(socket.create_server(("127.0.0.1", 0)))]
        if socket.has_ipv6:
            port = listeners[0].getsockname()[1]
            listeners.append(closing.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6)))
        for listener in listeners:
            listener.setblocking(False)
        yield listeners
        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()


@pytest.fixture
def server() -> Iterator[Server]:
    with web_server() as running:
        yield running


def jobs(client: TestClient) -> Any:
    return client.get("/v1/jobs", params={"limit": 500}).json()["jobs"]


def fetched(client: TestClient, url: str) -> dict[str, Any]:
    """Send an address and wait until its job has ended."""
    sent = client.post("/v1/documents", json={"url": url})
    assert sent.status_code == 202, sent.text
    job: dict[str, Any] = {}

    def has_ended() -> bool:
        job.update(client.get(sent.headers["Location"]).json())
        return job["state"] in {"done", "failed"}

    assert eventually(has_ended)
    return job


def refused(client: TestClient, url: str, canaries: Sequence[socket.socket]) -> str:
    """Send an address that is refused at once; return with which code."""
    before = jobs(client)
    url = url.replace("PORT", str(canaries[0].getsockname()[1]))
    body = json.dumps({"url": url})  # In ASCII: the client cannot write half a surrogate pair.
    response = client.post("/v1/documents", content=body, headers={"Content-Type": JSON})
    error = response.json()["error"]

    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", "url")
    assert error["message"].isprintable()
    assert "secret" not in error["message"]
    assert jobs(client) == before
    code: str = error["code"]
    return code


@pytest.mark.parametrize("url", INSIDE)
def test_s1_an_address_inside_is_refused_at_once(
    client: TestClient, canaries: Sequence[socket.socket], url: str
) -> None:
    """Before anything is kept, and without a connection."""
    assert refused(client, url, canaries) == "url_not_allowed"


@pytest.mark.parametrize("url", NAMES_OF_INSIDE)
def test_s1_a_name_that_leads_inside_fails_as_a_job(
    client: TestClient, canaries: Sequence[socket.socket], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """It must be looked up, which a job does; nothing is fetched and nothing becomes a document."""
    port = canaries[0].getsockname()[1]

    def getaddrinfo(_: str, *__: object, **___: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)  # The system's resolver, which has no such names.
    job = fetched(client, url.replace("PORT", str(port)))

    assert (job["state"], job["reason"]["code"], job["documents"]) == ("failed", "url_not_allowed", [])


def test_s1_an_address_inside_is_fetched_where_that_is_wanted(trusting: TestClient, server: Server) -> None:
    """`ingest.allow_private_networks` opens the API too; groups of hosts and other schemes stay closed."""
    job = fetched(trusting, server.answers("/a", page(b"Rain in Onse.", "Content-Type: text/plain")))
    others = [
        trusting.post("/v1/documents", json={"url": url}).status_code
        for url in ("http://224.0.0.1/", "file:///etc/passwd")
    ]

    assert (job["state"], job["added"]) == ("done", 1)
    assert others == [400, 400]


@pytest.mark.parametrize("url", OTHER_SCHEMES)
def test_s2_another_scheme_is_refused_at_once(client: TestClient, canaries: Sequence[socket.socket], url: str) -> None:
    assert refused(client, url, canaries) == "url_not_allowed"


@pytest.mark.parametrize("url", CREDENTIALS)
def test_s3_credentials_are_refused_at_once(client: TestClient, canaries: Sequence[socket.socket], url: str) -> None:
    """What stands before an `@` is not repeated either."""
    assert refused(client, url, canaries) == "url_not_allowed"


@pytest.mark.parametrize("url", [url for url in UNCLEAR if is_a_field(url)])
def test_s3_what_can_be_read_in_two_ways_is_refused_at_once(
    client: TestClient, canaries: Sequence[socket.socket], url: str
) -> None:
    assert refused(client, url, canaries) == "url_not_valid"


@pytest.mark.parametrize("url", [url for url in UNCLEAR if not is_a_field(url)], ids=len)
def test_s3_what_no_field_may_hold_is_refused_as_such(client: TestClient, url: str) -> None:
    """Before it is looked at as an address."""
    response = client.post("/v1/documents", content=json.dumps({"url": url}), headers={"Content-Type": JSON})

    assert (response.status_code, response.json()["error"]["param"]) == (422, "url")


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://me:pw@127.0.0.1/", "gopher://127.0.0.1/", "http://224.0.0.1/"]
)
def test_s4_a_redirect_to_what_may_not_be_visited_fails_as_a_job(
    trusting: TestClient, server: Server, location: str
) -> None:
    """Each hop is checked as the first is; see `test_s4_…` of the fetcher for hops into this network."""
    job = fetched(trusting, server.answers("/a", redirect(location)))

    assert (job["state"], job["reason"]["code"], len(server.requests)) == ("failed", "url_not_allowed", 1)


@pytest.mark.parametrize("hops", [6, 10, 1000])
def test_s4_redirects_end(trusting: TestClient, server: Server, hops: int) -> None:
    """Six of them, ten, and a loop."""
    for number in range(1, 11):
        server.answers(f"/{number}", redirect(f"/{number - 1 if hops < 1000 else number}"))
    server.answers("/0", page(b"Here."))

    job = fetched(trusting, server.url(f"/{min(hops, 10)}"))

    assert (job["state"], job["reason"]["code"], len(server.requests)) == ("failed", "too_many_redirects", 6)


def silent(_: socket.socket) -> None:
    time.sleep(2)


BAD_ANSWERS: dict[str, tuple[str, Script | bytes]] = {
    "slow drip": ("fetch_timeout", endlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"a", pause_s=0.02)),
    "slow head": ("fetch_timeout", endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause_s=0.02)),
    "silence": ("fetch_timeout", silent),
    "endless chunks": (
        "too_large",
        endlessly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"a" * 1024 + b"\r\n"),
    ),
    "huge headers": ("fetch_failed", endlessly(b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 10_000 + b"\r\n")),
    "a length of 1 TB": ("too_large", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nabc"),
    "gzip bomb": ("too_large", page(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip")),
    "gzip in gzip": ("fetch_failed", page(gzip.compress(b"a"), "Content-Encoding: gzip, gzip")),
    "an image as text": ("unsupported_format", page(b"\x89PNG\r\n\x1a\n" + bytes(500), "Content-Type: text/plain")),
    "nothing": ("empty_source", page(b"", "Content-Type: text/html")),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_s6_an_answer_that_is_too_much_stops_at_the_limit(trusting: TestClient, server: Server, name: str) -> None:
    """The job fails with the reason, nothing of it is a document, and the next address is fetched."""
    reason, answer = BAD_ANSWERS[name]
    total = trusting.get("/v1/documents").json()["total"]
    url = server.answers("/a", answer) if isinstance(answer, bytes) else server.plays("/a", answer)

    job = fetched(trusting, url)

    assert (job["state"], job["reason"]["code"], job["documents"]) == ("failed", reason, [])
    assert trusting.get("/v1/documents").json()["total"] == total


PAGES = {
    "text/html": """
        <html><head><link rel="stylesheet" href="/b"><meta http-equiv="refresh" content="0; url=/b">
        <script src="/b"></script></head><body><p>The quay of Onse is open.</p><img src="CANARY/b">
        <iframe src="CANARY/b"></iframe><a href="CANARY/b">more</a><object data="/b"></object>
        <video poster="/b" src="/b"></video><svg><image href="/b"/></svg></body></html>
        """,
    "text/markdown": """# Quay

        The quay of Onse is open. ![x](CANARY/b) [more](CANARY/b) <img src=CANARY/b> ![y][1]

        [1]: CANARY/b
        """,
    "application/xhtml+xml": """<?xml version="1.0"?><!DOCTYPE html [<!ENTITY x SYSTEM "CANARY/b">]>
        <html xmlns="http://www.w3.org/1999/xhtml"><body><p>The quay of Onse is open. &x;</p></body></html>
        """,
}


@pytest.mark.parametrize("media_type", PAGES)
def test_s7_what_a_fetched_page_refers_to_is_never_fetched(
    trusting: TestClient, server: Server, media_type: str
) -> None:
    """Images, links, frames, styles, scripts, refreshes and entities: the page becomes a document, and that is all."""
    server.answers("/b", page(b"Seen."))
    content = textwrap.dedent(PAGES[media_type]).replace("CANARY", server.url("")).encode()

    job = fetched(trusting, server.answers("/a", page(content, f"Content-Type: {media_type}")))
    document = trusting.get(job["documents"][0]["url"]).json()

    assert job["state"] == "done"
    assert "The quay of Onse is open." in document["text"]
    assert "Seen." not in document["text"]
    assert [request.split()[1] for request in server.requests] == [b"/a"]


def test_s7_a_readable_page_loads_nothing(trusting: TestClient, server: Server) -> None:
    """Also where the document is shown: what its words would load is text."""
    html = f'<p>The pier of Velm is shut.</p><img src="{server.url("/b")}"><script>alert(1)</script>'
    job = fetched(trusting, server.answers("/a", page(html.encode(), "Content-Type: text/html")))
    shown = trusting.get(f"/sources/{job['documents'][0]['document_id']}")

    assert "The pier of Velm is shut." in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "<img" not in shown.text
    assert "<script" not in shown.text


def test_s5_the_connection_goes_to_the_address_that_was_checked(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the whole server: a name is looked up once per hop, however often its answer would change."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *given: Any, **named: Any) -> list[Any]:
        if host != "news.example":
            return real(host, port, *given, **named)
        asked.append(host)
        first = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (first, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    settings = serving_settings(tmp_path)
    ingest = settings.ingest.model_copy(update={"allow_private_networks": True})
    server.answers("/a", page(b"The mill of Rusk turns.", "Content-Type: text/plain"))
    with (
        sending_to(settings.model_copy(update={"ingest": ingest})) as client,
        socket.create_server(("127.0.0.2", server.port)) as other,
    ):
        other.setblocking(False)
        job = fetched(client, server.url("/a", host="news.example"))
        with pytest.raises(BlockingIOError):
            other.accept()

    assert (job["state"], asked, len(server.requests)) == ("done", ["news.example"], 1)
