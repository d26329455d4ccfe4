"""Fetch a web page without being led anywhere else.

Every hop is the same: understand the address, resolve its name once, refuse unless every address it resolves to is
allowed, and connect to those addresses only. The name is not resolved again, so a name that changes its mind between
the check and the connection (DNS rebinding) changes nothing. Proxies, cookies and credentials do not exist here:
httpcore, the transport below httpx, reads no environment and follows no redirect.
"""

import contextlib
import ipaddress
import queue
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore

from domain.errors import FetchError
from domain.settings import IngestSettings
from ingest.display_names import displayed, displayed_address
from ingest.parsed import Metadata, RawSource
from ingest.web_addresses import IPAddress, WebAddress, is_public, parse_web_address

Resolver = Callable[[str], Sequence[str]]
"""A host name to its IP addresses; raises `OSError` when it has none."""

_MOST_REDIRECTS = 5
_MOST_ADDRESSES_TRIED = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WITH_CONTENT = frozenset({200, 203})
_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_ONLY = 16 + zlib.MAX_WBITS  # As zlib's manual describes `wbits`.
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100})\s*(?:;|$)", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
_HEADERS = (
    ("User-Agent", "dateline"),
    ("Accept", "text/html, application/xhtml+xml, application/pdf, text/*, */*;q=0.5"),
    ("Accept-Encoding", "gzip"),
    ("Connection", "close"),
)


def addresses_of(name: str) -> Sequence[str]:
    """Ask the system for the addresses of a name.

    Raises:
        OSError: If it has none.
    """
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    *,
    settings: IngestSettings,
    declared: Metadata | None = None,
    resolve: Resolver = addresses_of,
    permits: Callable[[IPAddress], bool] | None = None,
) -> RawSource:
    """Fetch one address; nothing that its content refers to is fetched.

    Args:
        url: An http(s) address. Its normal spelling is the source's URI, whatever it redirects to.
        settings: The whole time allowed, the most bytes (after decompression), and whether private networks are open.
        declared: What the user says of the document.
        resolve: Resolves names; called once for each hop that has one.
        permits: Which IP addresses may be connected to; public ones unless the settings open private networks.

    Raises:
        FetchError: With one of the reasons `url_not_valid`, `url_not_allowed`, `fetch_failed`, `fetch_timeout`,
            `too_large`, `http_status` and `too_many_redirects`.
    """
    permits = permits or _permits(settings)
    visitor = _Visitor(settings=settings, resolve=resolve, permits=permits)
    first = address = parse_web_address(url)
    for _ in range(_MOST_REDIRECTS + 1):
        found = visitor.visit(address)
        if isinstance(found, _Page):
            return RawSource(
                uri=str(first),
                name=displayed(str(first)),
                content=found.content,
                media_type=found.media_type,
                declared=declared or Metadata(),
            )
        address = parse_web_address(found.location, seen_from=address)
    raise FetchError(
        f"{displayed(str(first))!r} redirects more than {_MOST_REDIRECTS} times",
        reason="too_many_redirects",
        hint="Open it in a browser and give the address where it ends.",
    )


def check_address(url: str, *, settings: IngestSettings) -> None:
    """Refuse an address that `fetch` would refuse, as far as that is known without looking its name up.

    Raises:
        FetchError: `url_not_valid` or `url_not_allowed`.
    """
    _check_written(parse_web_address(url), settings=settings, permits=_permits(settings))


def _permits(settings: IngestSettings) -> Callable[[IPAddress], bool]:
    return _anything if settings.allow_private_networks else is_public


def _check_written(address: WebAddress, *, settings: IngestSettings, permits: Callable[[IPAddress], bool]) -> None:
    if address.has_private_name and not settings.allow_private_networks:
        raise _refused(address, "is a name inside this machine or network")
    if address.ip is not None and not permits(address.ip):
        raise _refused(address, "is not a public address")


def _anything(address: IPAddress) -> bool:
    return not address.is_multicast


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    content: bytes = field(repr=False)
    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    location: str


class _Visitor:
    """Visits addresses within one allowance of time."""

    def __init__(self, *, settings: IngestSettings, resolve: Resolver, permits: Callable[[IPAddress], bool]) -> None:
        self._settings = settings
        self._resolve = resolve
        self._permits = permits
        self._deadline = _Deadline(settings.fetch_timeout_s)

    def visit(self, address: WebAddress) -> _Page | _Redirect:
        """Make one request."""
        with _our_errors(address, self._settings.fetch_timeout_s):
            pinned = _PinnedBackend(self._allowed(address), self._deadline)
            with (
                httpcore.ConnectionPool(network_backend=pinned, max_connections=1) as pool,
                pool.stream("GET", _request_url(address), headers=_headers(address)) as response,
            ):
                return _read(address, response, limit=self._settings.max_source_bytes)

    def _allowed(self, address: WebAddress) -> tuple[IPAddress, ...]:
        """Return the addresses to connect to; one bad address refuses them all, since the next look may pick it."""
        _check_written(address, settings=self._settings, permits=self._permits)
        if address.ip is not None:
            return (address.ip,)
        found = self._resolved(address)
        for each in found:
            if not self._permits(each):
                raise _refused(address, f"leads to {each}, which is not a public address")
        return found

    def _resolved(self, address: WebAddress) -> tuple[IPAddress, ...]:
        names = _in_time(lambda: self._resolve(address.host), self._deadline)
        if not names:
            raise OSError(f"{address.host!r} has no address")
        return tuple(ipaddress.ip_address(name) for name in names)


class _Deadline:
    """A moment by which everything must be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            httpcore.ReadTimeout: If there are none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


def _in_time(work: Callable[[], Sequence[str]], deadline: _Deadline) -> Sequence[str]:
    """Do what cannot be interrupted, or go on without it: the system's resolver takes as long as it likes."""
    outcome: queue.SimpleQueue[Sequence[str] | OSError | ValueError] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except (OSError, ValueError) as error:
            outcome.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        result = outcome.get(timeout=deadline.left())
    except queue.Empty as error:
        raise httpcore.ConnectTimeout from error
    if isinstance(result, Exception):
        raise result
    return result


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked; the host name serves TLS and the `Host` header only."""

    def __init__(self, addresses: Sequence[IPAddress], deadline: _Deadline) -> None:
        self._addresses = addresses[:_MOST_ADDRESSES_TRIED]
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  - resolving it again is what must not happen
        port: int,
        timeout: float | None = None,  # noqa: ARG002  - the deadline is shorter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        options = list(socket_options or ())
        failure: Exception = httpcore.ConnectError()
        for tried, address in enumerate(self._addresses):
            share = self._deadline.left() / (len(self._addresses) - tried)
            try:
                stream = self._sockets.connect_tcp(str(address), port, share, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure


class _DeadlineStream(httpcore.NetworkStream):
    """Gives each read and write the time that is left in all, so that a byte now and then wins no time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  - the deadline is shorter
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  - the same
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  - the same
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextlib.contextmanager
def _our_errors(address: WebAddress, timeout_s: float) -> Iterator[None]:
    shown = displayed(str(address))
    try:
        yield
    except httpcore.TimeoutException as error:
        raise FetchError(
            f"{shown!r} was not fetched within {timeout_s:g} seconds",
            reason="fetch_timeout",
            hint="Try again later, or raise ingest.fetch_timeout_s.",
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError, zlib.error) as error:
        why = displayed(str(error)) or type(error).__name__
        raise _failed(address, f"could not be fetched: {why}") from error


def _headers(address: WebAddress) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in (("Host", address.authority), *_HEADERS)]


def _request_url(address: WebAddress) -> httpcore.URL:
    return httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )


def _read(address: WebAddress, response: httpcore.Response, *, limit: int) -> _Page | _Redirect:
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in reversed(response.headers)}
    if response.status in _REDIRECTS and headers.get("location"):
        return _Redirect(location=_utf8(headers["location"]))
    if response.status not in _WITH_CONTENT:
        raise FetchError(
            f"{displayed(str(address))!r} answered with HTTP status {response.status}",
            reason="http_status",
            hint="Open it in a browser and check the address.",
        )
    content = _content(address, response, headers, limit=limit)
    return _Page(content=content, media_type=_media_type(headers.get("content-type", "")))


def _media_type(declared: str) -> str | None:
    """Return the type and, where it is given, the charset; other parameters are of no use to a reader."""
    found = _MEDIA_TYPE.match(declared)
    if found is None:
        return None
    charset = _CHARSET.search(declared)
    return f"{found[1]}; charset={charset[1]}".lower() if charset else found[1].lower()


def _utf8(latin: str) -> str:
    """Undo the reading of header bytes as Latin-1 where they are UTF-8, as servers send them and browsers read them."""
    try:
        return latin.encode("latin-1").decode()
    except UnicodeDecodeError:
        return latin


def _content(address: WebAddress, response: httpcore.Response, headers: dict[str, str], *, limit: int) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(address, limit)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _GZIP | {"identity", ""}:
        raise _failed(address, f"came in an encoding that was not asked for, {displayed(encoding)!r}")
    parts = _within(response.iter_stream(), limit=limit, address=address)
    if encoding in _GZIP:
        parts = _within(_inflated(parts, limit=limit), limit=limit, address=address)
    return b"".join(parts)


def _within(parts: Iterable[bytes], *, limit: int, address: WebAddress) -> Iterator[bytes]:
    total = 0
    for part in parts:
        total += len(part)
        if total > limit:
            raise _too_large(address, limit)
        yield part


def _inflated(parts: Iterable[bytes], *, limit: int) -> Iterator[bytes]:
    """Inflate what was sent; no part is inflated to more than one byte over the limit."""
    inflation = zlib.decompressobj(_GZIP_ONLY)
    for part in parts:
        if not inflation.eof:  # What follows the end is padding.
            yield inflation.decompress(part, limit + 1)
    if not inflation.eof:
        raise OSError("the compressed content is cut off")


def _refused(address: WebAddress, why: str) -> FetchError:
    return FetchError(
        f"{displayed_address(str(address))!r} {why}",
        reason="url_not_allowed",
        hint="If you trust it, allow private networks (--allow-private-networks, ingest.allow_private_networks).",
    )


def _failed(address: WebAddress, why: str) -> FetchError:
    return FetchError(
        f"{displayed(str(address))!r} {why}", reason="fetch_failed", hint="Check the address, and try again later."
    )


def _too_large(address: WebAddress, limit: int) -> FetchError:
    return FetchError(
        f"{displayed(str(address))!r} has more than {limit} bytes",
        reason="too_large",
        hint="Raise ingest.max_source_bytes if you want it.",
    )
