"""Which web addresses are understood, and which may be visited."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

import idna

from domain.errors import FetchError
from ingest.display_names import displayed_address

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST = 8_000  # What common servers accept; browsers stop near it too.
_LONGEST_HOST = 253  # RFC 1035, in characters.
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]%]+))(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\s\ud800-\udfff]")
_PRIVATE_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")  # RFC 6761, 6762, 8375; ICANN 2024.

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TEREDO = ipaddress.IPv6Network("2001::/32")
# `is_global` of Python 3.11 takes these for public.
_ALSO_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # Protocol assignments, RFC 6890; 192.0.0.192 is Oracle's metadata service.
        "192.88.99.0/24",  # 6to4 relays, RFC 7526.
        "168.63.129.16/32",  # Azure's own services, reached from inside every virtual machine.
        "3fff::/20",  # Documentation, RFC 9637.
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """An http(s) address in its one spelling.

    Attributes:
        scheme: `http` or `https`.
        host: Lower-case ASCII name, or an IP address without brackets.
        target: Percent-encoded path and query; begins with `/`.
    """

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port, as in a `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def ip(self) -> IPAddress | None:
        """The IP address that is written where a name could be, if there is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def has_private_name(self) -> bool:
        """Whether the name is reserved for use inside a machine or network, whatever it resolves to."""
        return any(self.host == name or self.host.endswith(f".{name}") for name in _PRIVATE_NAMES)


def parse_web_address(text: str, *, seen_from: WebAddress | None = None) -> WebAddress:
    """Understand an address, or refuse it: one that two programs could read differently is not guessed at.

    Args:
        text: The address; its fragment is dropped, since it never reaches the server.
        seen_from: Where a redirect came from; `text` may then be relative.

    Raises:
        FetchError: `url_not_valid` for a malformed address, `url_not_allowed` for another scheme than http(s), for
            credentials, and for a host written as a number in an unusual way.
    """
    if len(text) > _LONGEST:
        raise _not_valid(text, f"is longer than {_LONGEST} characters")
    # Before anything else: urljoin, like browsers, silently drops some of these.
    if _UNSAFE.search(text):
        raise _not_valid(text, "contains a space, a control character or a backslash")
    # Given "http:page", urljoin would take it for a relative address, and others for a host.
    is_whole = seen_from is None or _SCHEME.match(text)
    parts = _PARTS.fullmatch(text if is_whole else urljoin(str(seen_from), text))
    if parts is None:
        raise _without_parts(text)
    scheme, authority, path, query, fragment = (part or "" for part in parts.groups())
    if scheme.lower() not in _DEFAULT_PORTS:
        raise _wrong_scheme(text, scheme)
    if "@" in authority:
        raise _not_allowed(text, "contains a user name or password", "Remove what stands before the '@'.")
    if not path and "@" in query + fragment:
        raise _not_valid(text, "can be read as two different hosts")
    host, port = _host_and_port(text, authority)
    return WebAddress(
        scheme=scheme.lower(),
        host=host,
        port=_DEFAULT_PORTS[scheme.lower()] if port is None else port,
        target=quote(f"{path or '/'}{query}", safe="/?%:@!$&'()*+,;=~-._[]"),
    )


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is one that any host on the internet can reach, and not a group of hosts.

    IPv6 addresses that carry an IPv4 address (mapped, NAT64, 6to4) are judged by the one they carry.
    """
    if address.is_multicast or any(address in network for network in _ALSO_PRIVATE):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global
    carried = _carried(address)
    if carried is not None:
        return is_public(carried)
    return address.is_global and address in _GLOBAL_UNICAST and address not in _TEREDO


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _host_and_port(text: str, authority: str) -> tuple[str, int | None]:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise _not_valid(text, "has no host that can be read")
    in_brackets, name, digits = found.groups()
    port = int(digits) if digits else None
    if port is not None and not 1 <= port <= 65535:  # noqa: PLR2004  - 16 bits
        raise _not_valid(text, "has a port that does not exist")
    return _ipv6(text, in_brackets) if in_brackets else _name(text, name), port


def _ipv6(text: str, host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError as error:
        raise _not_valid(text, "has brackets around something that is no IPv6 address") from error


def _name(text: str, host: str) -> str:
    ascii_host = _ascii(text, host).lower().removesuffix(".")
    labels = ascii_host.split(".")
    if len(ascii_host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise _not_valid(text, "has a host that is not a name")
    # Resolvers take 127.1, 0x7f.1 and 2130706433 for IPv4 addresses; a person writes four decimal numbers.
    if _NUMERIC_LABEL.fullmatch(labels[-1]) and not _is_ipv4(ascii_host):
        raise _not_allowed(text, "writes an IP address in an unusual way", "Write it as four decimal numbers.")
    return ascii_host


def _ascii(text: str, host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise _not_valid(text, "has a host that is not a name") from error


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _without_parts(text: str) -> FetchError:
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in _DEFAULT_PORTS:
        return _wrong_scheme(text, scheme[1])
    return _not_valid(text, "is not complete")


def _wrong_scheme(text: str, scheme: str) -> FetchError:
    return _not_allowed(
        text, f"has the scheme {scheme.lower()!r}; only http and https are fetched", "Save it and give the file."
    )


def _not_valid(text: str, why: str) -> FetchError:
    return FetchError(
        f"The address {displayed_address(text)!r} {why}",
        reason="url_not_valid",
        hint="Write it as in https://example.org/page.html.",
    )


def _not_allowed(text: str, why: str, hint: str) -> FetchError:
    return FetchError(f"The address {displayed_address(text)!r} {why}", reason="url_not_allowed", hint=hint)
