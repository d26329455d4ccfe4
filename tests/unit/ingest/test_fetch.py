"""Addresses that must not be fetched, before anything is sent."""

import gzip
import socket
from collections.abc import Iterator

import pytest

from domain.errors import FetchError
from domain.settings import IngestSettings
from ingest.fetch import _inflated, fetch

# PORT is that of a listener on this machine that must see no connection. Names resolve to 127.0.0.1.
_NOT_ALLOWED = (
    # This machine and its networks, as people write them.
    *("http://127.0.0.1:PORT/", "http://127.255.255.254:PORT/", "http://localhost:PORT/", "http://LOCALHOST.:PORT/"),
    *("http://db.localhost:PORT/", "http://printer.local/", "http://[::1]:PORT/", "http://0.0.0.0:PORT/"),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://[fe80::1]/", "http://[fc00::1]/", "http://[fec0::1]/", "http://[::]:PORT/", "http://255.255.255.255/"),
    *("http://224.0.0.1/", "http://[ff02::1]/", "http://240.0.0.1/", "http://198.18.0.1/", "http://192.0.2.1/"),
    # Metadata services.
    *("http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://[fd00:ec2::254]/"),
    *("http://100.100.100.200/", "http://192.0.0.192/", "http://168.63.129.16/", "https://169.254.169.254/"),
    # The same in other spellings.
    *("http://127.1:PORT/", "http://127.0.1:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/"),
    *("http://0x7f000001:PORT/", "http://0177.0.0.1:PORT/", "http://017700000001:PORT/", "http://0:PORT/"),
    *("http://127.0.0.01:PORT/", "http://0x7F.0x0.0x0.0x1:PORT/", "http://127.0.0.1.:PORT/", "http://256.1.1.1/"),
    *("http://2852039166/", "http://0xa9fea9fe/", "http://①②⑦.⓪.⓪.①:PORT/", "http://１２７.0.0.1:PORT/"),
    *("http://127。0。0。1:PORT/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/", "http://local\u00adhost:PORT/", "http://99999999999/"),
    # IPv4 inside IPv6.
    *("http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://[64:ff9b::7f00:1]:PORT/"),
    *("http://[64:ff9b::127.0.0.1]:PORT/", "http://[2002:7f00:1::]:PORT/", "http://[::127.0.0.1]:PORT/"),
    *("http://[0:0:0:0:0:0:0:1]:PORT/", "http://[::ffff:169.254.169.254]/", "http://[2001:0:7f00:1::]/"),
    # Names that lead there.
    *("http://news.example:PORT/", "https://news.example:PORT/", "http://127.0.0.1.nip.example:PORT/"),
    # Other schemes.
    *("file:///etc/passwd", "file:/etc/passwd", "ftp://127.0.0.1:PORT/", "gopher://127.0.0.1:PORT/_x"),
    *("data:text/html,hello", "jar:http://127.0.0.1:PORT!/", "dict://127.0.0.1:PORT/d", "unix:///run/docker.sock"),
    *("javascript:alert(1)", "ldap://127.0.0.1:PORT/", "ws://127.0.0.1:PORT/", "http+unix://%2Frun%2Fx/"),
    # Credentials.
    *("http://good@127.0.0.1:PORT/", "http://user:secret@news.example:PORT/", "http://@127.0.0.1:PORT/"),
    *("http://good.example:80@127.0.0.1:PORT/", "http://127.0.0.1:PORT@good.example/", "https://%00@127.0.0.1:PORT/"),
)
_NOT_VALID = (
    # What two parsers read differently.
    *("http://127.0.0.1:PORT\\@good.example/", "http:\\\\127.0.0.1:PORT\\", "http://good.example\\.127.0.0.1:PORT/"),
    *("http://good.example#@127.0.0.1:PORT/", "http://good.example?@127.0.0.1:PORT/", "http:///127.0.0.1:PORT/"),
    *("http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/", "http://", "http://:PORT/", "http://?x", "//127.0.0.1:PORT/"),
    # Control characters and spaces.
    *(
        "http://127.0.0.1:PORT/\r\nHost: x",
        "http://127.0.0.1\t:PORT/",
        "http://127.0.0.1:PORT/a b",
        " http://a.example",
    ),
    *("http://127.0.0.1\0.good.example/", "http://a.example/\x85", "http://a.example/\u2028", "http://a.example/\x7f"),
    *(
        "ht\ntp://127.0.0.1:PORT/",
        "http://a.example/\ud800",
        "http://127.0.0.1:PORT/%0d%0a\n",
        "http://a.example\u3000/",
    ),
    # Hosts and ports that are none.
    *("http://%31%32%37.0.0.1:PORT/", "http://[fe80::1%25lo]:PORT/", "http://[127.0.0.1]:PORT/", "http://[::1:PORT/"),
    *("http://::1/", "http://a..example/", "http://.example/", "http://-a.example/", f"http://{'a' * 64}.example/"),
    *("http://a.example:0/", "http://a.example:65536/", "http://a.example:8x/", "http://a.example:+80/"),
    *("http://a.example:٨٠/", "http://[]:PORT/", "http://a,b.example/", "http://a;b/", "http://a|b/"),
    *("http://℀.example/", "http://xn--a.example\uff0f@127.0.0.1:PORT/x y", f"http://a.example/{'a' * 8000}"),
)


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
def test_an_address_that_may_not_be_visited_is_refused_without_a_connection(url: str, canary: socket.socket) -> None:
    assert _reason_for(url, canary) == "url_not_allowed"
    _assert_untouched(canary)


@pytest.mark.parametrize("url", _NOT_VALID)
def test_an_address_that_is_not_clear_is_refused_without_a_connection(url: str, canary: socket.socket) -> None:
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
def test_one_private_address_of_a_name_refuses_it(addresses: tuple[str, ...], canary: socket.socket) -> None:
    """Otherwise the next connection could go to the private one."""
    assert _reason_for("http://news.example:PORT/", canary, addresses=addresses) == "url_not_allowed"
    _assert_untouched(canary)


def test_names_inside_a_machine_are_not_even_resolved() -> None:
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
