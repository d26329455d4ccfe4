"""Web addresses: one spelling, and which IP addresses are public."""

import ipaddress

import pytest

from domain.errors import FetchError
from ingest.web_addresses import is_public, parse_web_address


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("http://Example.ORG", "http://example.org/"),
        ("HTTPS://example.org:443/a?b=c#part", "https://example.org/a?b=c"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("http://example.org:/", "http://example.org/"),
        ("http://example.org./news", "http://example.org/news"),
        ("http://bücher.example/é?q=ü", "http://xn--bcher-kva.example/%C3%A9?q=%C3%BC"),
        ("http://example.org/a%20b", "http://example.org/a%20b"),
        ("http://example.org/who@where", "http://example.org/who@where"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2001:4860:4860:0::8888]/", "http://[2001:4860:4860::8888]/"),
    ],
)
def test_an_address_has_one_spelling(written: str, normal: str) -> None:
    """The same page gets the same identity however its address is written."""
    assert str(parse_web_address(written)) == normal


def test_a_relative_redirect_is_read_from_where_it_stands() -> None:
    page = parse_web_address("https://example.org/news/today")

    assert str(parse_web_address("../old?x=1", seen_from=page)) == "https://example.org/old?x=1"


def test_a_redirect_is_read_as_strictly_as_an_address() -> None:
    """Joining drops tabs and line ends, so they are looked for before."""
    page = parse_web_address("https://example.org/")

    with pytest.raises(FetchError) as caught:
        parse_web_address("/a\r\nSet-Cookie: b", seen_from=page)

    assert caught.value.reason == "url_not_valid"


def test_a_password_is_not_repeated_in_the_message() -> None:
    with pytest.raises(FetchError) as caught:
        parse_web_address("https://editor:s3cret@example.org/")

    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses_are_public(address: str) -> None:
    """An IPv6 address that carries a public IPv4 address is public too."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9", "168.63.129.16"),  # noqa: S104
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "5f00::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
    ],
)
def test_other_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
