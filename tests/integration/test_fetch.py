"""Fetching from real servers on this machine, friendly and hostile."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from domain.errors import FetchError
from domain.settings import IngestSettings
from ingest.fetch import fetch
from ingest.parsed import Metadata, RawSource, SkippedSource
from ingest.sources import discover
from ingest.web_addresses import IPAddress
from tests.support.web_server import Server, endlessly, page, redirect, web_server

_OPEN = IngestSettings(allow_private_networks=True, max_source_bytes=100_000)
_HURRIED = IngestSettings(allow_private_networks=True, max_source_bytes=100_000, fetch_timeout_s=0.5)


@pytest.fixture
def server() -> Iterator[Server]:
    with web_server() as running:
        yield running


def _reason(url: str, settings: IngestSettings = _OPEN) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(url, settings=settings)
    return caught.value.reason


def test_a_page_is_fetched_with_its_type(server: Server) -> None:
    url = server.answers("/a", page(b"<p>Rain.</p>", 'Content-Type: Text/HTML; a=b; Charset="UTF-8"'))

    fetched = fetch(url, settings=_OPEN, declared=Metadata(publisher="Courier"))

    assert fetched == RawSource(
        uri=url,
        name=url,
        content=b"<p>Rain.</p>",
        media_type="text/html; charset=utf-8",
        declared=Metadata(publisher="Courier"),
    )


@pytest.mark.parametrize("declared", ["", "html", "text/", "text/html,text/plain", "a/b c", ";charset=utf-8"])
def test_a_type_that_is_none_is_unknown(server: Server, declared: str) -> None:
    url = server.answers("/a", page(b"Rain.", f"Content-Type: {declared}"))

    assert fetch(url, settings=_OPEN).media_type is None


def test_a_compressed_page_is_inflated(server: Server) -> None:
    url = server.answers("/a", page(gzip.compress(b"Rain. " * 1000), "Content-Encoding: gzip"))

    assert fetch(url, settings=_OPEN).content == b"Rain. " * 1000


def test_a_page_without_a_length_is_read_to_its_end(server: Server) -> None:
    url = server.answers("/a", b"HTTP/1.1 200 OK\r\n\r\nRain.")

    assert fetch(url, settings=_OPEN).content == b"Rain."


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_followed_and_the_identity_stays(server: Server, status: str) -> None:
    """The source is known by the address that was named, since the next run names it again."""
    server.answers("/new/page", page(b"Here."))
    url = server.answers("/old", redirect("new/page", status))

    fetched = fetch(url, settings=_OPEN)

    assert (fetched.uri, fetched.content) == (url, b"Here.")


def test_s4_five_redirects_are_followed_and_six_are_not(server: Server) -> None:
    server.answers("/0", page(b"Here."))
    for number in range(1, 7):
        server.answers(f"/{number}", redirect(f"/{number - 1}"))

    assert fetch(server.url("/5"), settings=_OPEN).content == b"Here."
    assert _reason(server.url("/6")) == "too_many_redirects"


def test_s4_a_redirect_loop_ends(server: Server) -> None:
    url = server.answers("/a", redirect("/a"))

    assert _reason(url) == "too_many_redirects"
    assert len(server.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://me:pw@127.0.0.1/", "data:,a"])
def test_s4_a_redirect_to_what_may_not_be_visited_is_refused(server: Server, location: str) -> None:
    assert _reason(server.answers("/a", redirect(location))) == "url_not_allowed"


@pytest.mark.parametrize("location", ["/a\tb", "/a b", "\\\\127.0.0.1\\a", "http://", "http:b", "/\x85"])
def test_s4_a_redirect_that_is_not_clear_is_refused(server: Server, location: str) -> None:
    assert _reason(server.answers("/a", redirect(location))) == "url_not_valid"


@pytest.mark.parametrize("status", ["404 Not Found", "500 Error", "204 No Content", "401 Who", "302 Found"])
def test_an_answer_without_the_page_is_reported(server: Server, status: str) -> None:
    assert _reason(server.answers("/a", page(b"", status=status))) == "http_status"


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("too_large", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nabc"),
        ("too_large", page(b"a" * 100_001)),
        ("too_large", page(gzip.compress(bytes(20_000_000), mtime=0), "Content-Encoding: gzip")),
        ("fetch_failed", page(gzip.compress(bytes(20_000), mtime=0)[:-9], "Content-Encoding: gzip")),
        ("fetch_failed", page(b"not gzip", "Content-Encoding: gzip")),
        ("fetch_failed", page(b"abc", "Content-Encoding: br")),
        ("fetch_failed", page(b"abc", "Content-Encoding: gzip, gzip")),
        ("fetch_failed", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off"),
        ("fetch_failed", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        ("fetch_failed", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("fetch_failed", b""),
    ],
    ids=str,
)
def test_s6_a_bad_answer_is_refused(server: Server, reason: str, answer: bytes) -> None:
    assert _reason(server.answers("/a", answer)) == reason


def test_a_page_of_exactly_the_limit_is_taken(server: Server) -> None:
    url = server.answers("/a", page(b"a" * 100_000))

    assert len(fetch(url, settings=_OPEN).content) == 100_000


def test_s6_endless_chunks_stop_at_the_limit(server: Server) -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert _reason(server.plays("/a", endlessly(start, b"400\r\n" + b"a" * 1024 + b"\r\n"))) == "too_large"


def test_s6_an_endless_compressed_stream_without_content_stops_at_the_limit(server: Server) -> None:
    """Empty deflate blocks inflate to nothing, so what is received is limited too."""
    start = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08" + bytes(7)

    assert _reason(server.plays("/a", endlessly(start, b"\x00\x00\x00\xff\xff" * 1000))) == "too_large"


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 "])
def test_s6_endless_headers_are_given_up(server: Server, start: bytes) -> None:
    assert _reason(server.plays("/a", endlessly(start, b"X: " + b"a" * 1000 + b"\r\n"))) == "fetch_failed"


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["headers", "body", "chunks", "hints"],
)
def test_s6_a_byte_now_and_then_wins_no_time(server: Server, start: bytes, part: bytes) -> None:
    """The time allowed is for the whole fetch, not for each read."""
    assert _reason(server.plays("/a", endlessly(start, part, pause_s=0.02)), _HURRIED) == "fetch_timeout"


def test_s6_silence_is_given_up(server: Server) -> None:
    def say_nothing(connection: socket.socket) -> None:
        connection.recv(1)  # Until the client has gone.

    assert _reason(server.plays("/a", say_nothing), _HURRIED) == "fetch_timeout"


def test_s6_redirects_share_the_time_of_one_fetch(server: Server) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.2)
        connection.sendall(redirect("/a"))

    assert _reason(server.plays("/a", slow), _HURRIED) == "fetch_timeout"


def test_s6_a_resolver_that_hangs_is_not_waited_for() -> None:
    answered = threading.Event()

    def resolve(name: str) -> Sequence[str]:
        answered.wait()
        return ["127.0.0.1"]

    with pytest.raises(FetchError) as caught:
        fetch("http://slow.example/", settings=_HURRIED, resolve=resolve)
    answered.set()

    assert caught.value.reason == "fetch_timeout"


def test_a_closed_port_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert _reason(f"http://127.0.0.1:{port}/") == "fetch_failed"


class Names:
    """A resolver whose answers are a script; 127.0.0.1 counts as public and nothing else does."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def resolve(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        return self._answers.pop(0)

    @staticmethod
    def permits(address: IPAddress) -> bool:
        return str(address) == "127.0.0.1"

    def fetch(self, url: str) -> RawSource:
        return fetch(url, settings=IngestSettings(), resolve=self.resolve, permits=self.permits)


@pytest.fixture
def canary(server: Server) -> Iterator[socket.socket]:
    """Listens on the server's port at an address that is not allowed."""
    with socket.create_server(("127.0.0.2", server.port)) as listener:
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_s5_a_name_is_resolved_once_and_the_connection_goes_there(server: Server, canary: socket.socket) -> None:
    """A name that leads elsewhere the second time (DNS rebinding) is not asked a second time."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    server.answers("/a", page(b"Here."))

    fetched = names.fetch(server.url("/a", host="news.example"))

    assert (fetched.content, names.asked) == (b"Here.", ["news.example"])
    assert f"Host: news.example:{server.port}\r\n".encode() in server.requests[0]


def test_s4_each_hop_is_checked_again(server: Server, canary: socket.socket) -> None:
    """The same name is refused when it leads to a private address at the second hop."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    server.answers("/a", redirect("/b"))

    with pytest.raises(FetchError) as caught:
        names.fetch(server.url("/a", host="news.example"))

    assert (caught.value.reason, len(server.requests)) == ("url_not_allowed", 1)


@pytest.mark.parametrize("host", ["inside.example", "127.0.0.2", "localhost", "0x7f.2", "[::ffff:127.0.0.2]"])
def test_s4_a_redirect_to_a_private_host_is_refused(server: Server, canary: socket.socket, host: str) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    server.answers("/a", redirect(server.url("/b", host=host)))

    with pytest.raises(FetchError) as caught:
        names.fetch(server.url("/a", host="news.example"))

    assert (caught.value.reason, len(server.requests)) == ("url_not_allowed", 1)


def test_s1_the_default_settings_do_not_connect_to_this_machine(server: Server) -> None:
    assert _reason(server.answers("/a", page(b"Secret.")), IngestSettings()) == "url_not_allowed"
    assert server.requests == []


def test_the_next_address_is_tried_when_one_does_not_answer(server: Server) -> None:
    server.answers("/a", page(b"Here."))

    fetched = fetch(server.url("/a", host="news.example"), settings=_OPEN, resolve=Names(["::1", "127.0.0.1"]).resolve)

    assert fetched.content == b"Here."


def test_s5_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name again, out of reach of our checks."""
    with web_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        fetched = fetch(server.answers("/a", page(b"Here.")), settings=_OPEN)

        assert (fetched.content, proxy.requests) == (b"Here.", [])


def test_no_cookie_is_carried_to_the_next_hop(server: Server) -> None:
    server.answers("/b", page(b"Here."))
    url = server.answers("/a", page(b"", "Location: /b", "Set-Cookie: id=1", status="302 Found"))

    fetch(url, settings=_OPEN)

    assert [b"cookie" in request.lower() for request in server.requests] == [False, False]


def test_s5_tls_names_the_host_although_the_address_is_pinned() -> None:
    """The certificate is checked against the name; the greeting shows the name that is asked for."""
    greetings: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                greetings.append(connection.recv(4096))

        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(FetchError) as caught:
            Names(["127.0.0.1"]).fetch(f"https://secure.example:{listener.getsockname()[1]}/")
        thread.join()

    assert caught.value.reason == "fetch_failed"
    assert b"secure.example" in greetings[0]


def test_s7_what_a_page_refers_to_is_not_fetched(server: Server) -> None:
    html = f'<img src="{server.url("/pixel")}"><link rel="stylesheet" href="/style"><p>Rain.</p>'.encode()
    url = server.answers("/a", page(html, "Content-Type: text/html"))

    sources = list(discover([url], declared=Metadata(), settings=_OPEN))

    assert [source.uri for source in sources] == [url]
    assert len(server.requests) == 1


def test_a_failed_address_does_not_keep_the_others_out(server: Server, tmp_path: Path) -> None:
    good = tmp_path / "a.txt"
    good.write_text("Rain.")
    bad = server.answers("/gone", page(b"", status="404 Not Found"))

    skipped, source = discover([bad, str(good)], declared=Metadata(), settings=_OPEN)

    assert isinstance(skipped, SkippedSource)
    assert (skipped.uri, skipped.reason) == (bad, "http_status")
    assert isinstance(source, RawSource)


def test_lines_at_an_address_are_documents_of_their_own(server: Server) -> None:
    url = server.answers("/wire.jsonl?day=1", page(b'{"id": "a", "text": "Rain."}\n{"id": "b", "text": "Sun."}\n'))

    sources = list(discover([url], declared=Metadata(), settings=_OPEN))

    assert [source.uri for source in sources] == [f"{url}#a", f"{url}#b"]
