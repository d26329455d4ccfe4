"""Requests byte by byte, as no client library would send them."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

PATIENCE_S = 60.0  # What ends much earlier, or not at all.


def raw(address: tuple[str, int], request: bytes) -> bytes:
    """Send bytes, and return everything that comes until the server closes the connection."""
    with connected(address) as connection:
        with suppress(ConnectionError):  # The server may have heard enough.
            connection.sendall(request)
        return rest(connection)


def connected(address: tuple[str, int]) -> socket.socket:
    """Connect."""
    return socket.create_connection(address, timeout=PATIENCE_S)


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection, or drops it."""
    received = bytearray()
    with suppress(ConnectionError):
        while chunk := connection.recv(65_536):
            received += chunk
    return bytes(received)


def response_on(connection: socket.socket) -> bytes:
    """Return one response with its declared length; the connection stays open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    declared = re.search(rb"^content-length: (\d+)", head, re.IGNORECASE | re.MULTILINE)
    while declared is not None and len(body) < int(declared[1]):
        body += _some(connection)
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionError("the server closed the connection in the middle of a response")
    return received


def get(path: str = "/healthz", *headers: str) -> bytes:
    """A request for a path, after which the connection stays open."""
    return _head(f"GET {path}", *headers)


def post(
    path: str, body: bytes, *headers: str, media_type: str = "application/json", length: int | None = None
) -> bytes:
    """A request with a body, or the beginning of one that declares more."""
    declared = len(body) if length is None else length
    return _head(f"POST {path}", f"Content-Type: {media_type}", f"Content-Length: {declared}", *headers) + body


def question(text: str = "When?", *headers: str) -> bytes:
    """A question whose answer is to come as events."""
    return post("/v1/ask", json.dumps({"question": text}).encode(), "Accept: text/event-stream", *headers)


def _head(start: str, *headers: str) -> bytes:
    return "\r\n".join([f"{start} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def status_of(response: bytes) -> int:
    """The status of the first response in what was received."""
    return int(response.split(None, 2)[1])


def body_of(response: bytes) -> Any:
    """The JSON body of the last response in what was received."""
    return json.loads(response.rpartition(b"\r\n\r\n")[2])


def eventually(is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; `False` if it is not after a long while."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def dripping(part: bytes, *, pause_s: float) -> Iterator[bytes]:
    """A part again and again, for as long as anybody should listen."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        time.sleep(pause_s)
        yield part
