"""Addresses that must not be fetched, before anything is sent."""

import gzip
import socket
from collections.abc import Iterator

import pytest

from domain.errors import FetchError
from domain.settings import IngestSettings
from ingest.fetch import _inflated, fetch
from tests.support.bad_addresses import CREDENTIALS, INSIDE, NAMES_OF_INSIDE, OTHER_SCHEMES, UNCLEAR

_NOT_ALLOWED = (*INSIDE, *NAMES_OF_INSIDE, *OTHER_SCHEMES, *CREDENTIALS)  # Names resolve to 127.0.0.1.


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener that the kernel connects to without our help, so no connection goes unseen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def _reason_for(url: str, canary: socket.socket, *, addresses: tuple[str, ...] = ("127.0.0.1",)) -> str:
    port = canary.getsockname()[1]

    def resolve(name: str) -> tuple[str, ...]:
        return addresses

    with pytest.raises(FetchError) as caught:
        fetch(url.replace("PORT", str(port)), settings=IngestSettings(), resolve=resolve)
    assert caught.value.hint
    assert caught.value.message.isprintable()
    return caught.value.reason


def _assert_untouched(canary: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.mark.parametrize("url", _NOT_ALLOWED)
def test_s1_an_address_that_may_not_be_visited_is_refused_without_a_connection(url: str, canary: socket.socket) -> None:
    assert _reason_for(url, canary) == "url_not_allowed"
    _assert_untouched(canary)


@pytest.mark.parametrize("url", UNCLEAR)
def test_s3_an_address_that_is_not_clear_is_refused_without_a_connection(url: str, canary: socket.socket) -> None:
    assert _reason_for(url, canary) == "url_not_valid"
    _assert_untouched(canary)


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("::1",),
        ("8.8.8.8", "127.0.0.1"),  # A public A record beside a private one.
        ("2001:4860:4860::8888", "10.0.0.1"),
        ("8.8.8.8", "::ffff:127.0.0.1"),
        ("fe80::1%eth0",),
    ],
)
def test_s5_one_private_address_of_a_name_refuses_it(addresses: tuple[str, ...], canary: socket.socket) -> None:
    """Otherwise the next connection could go to the private one."""
    assert _reason_for("http://news.example:PORT/", canary, addresses=addresses) == "url_not_allowed"
    _assert_untouched(canary)


def test_s1_names_inside_a_machine_are_not_even_resolved() -> None:
    asked: list[str] = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["8.8.8.8"]

    with pytest.raises(FetchError):
        fetch("http://metadata.google.internal/", settings=IngestSettings(), resolve=resolve)

    assert asked == []


def test_a_name_without_addresses_is_reported() -> None:
    def resolve(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError) as caught:
        fetch("http://gone.example/", settings=IngestSettings(), resolve=resolve)

    assert caught.value.reason == "fetch_failed"


def test_odd_spellings_stay_refused_where_private_networks_are_open() -> None:
    """Opening private networks says where one may go, not that anything is understood."""
    with pytest.raises(FetchError) as caught:
        fetch("http://0x7f.1/", settings=IngestSettings(allow_private_networks=True))

    assert caught.value.reason == "url_not_allowed"


def test_a_small_part_is_never_inflated_to_more_than_the_limit() -> None:
    """What is over the limit is refused before there is memory for it."""
    assert len(next(_inflated([gzip.compress(bytes(10_000_000))], limit=100))) == 101
