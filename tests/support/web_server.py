"""A web server on this machine that plays a script for each path, friendly or hostile."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[[socket.socket], None]


class Server(socketserver.ThreadingTCPServer):
    """Plays a script for each path and remembers the requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scripts: dict[str, Script] = {}
        self.requests: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def answers(self, path: str, answer: bytes) -> str:
        """Answer a path with these bytes; returns its address."""
        return self.plays(path, lambda connection: connection.sendall(answer))

    def plays(self, path: str, script: Script) -> str:
        """Play a script for a path; returns its address."""
        self.scripts[path] = script
        return self.url(path)


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            received = self.request.recv(4096)
            if not received:
                return
            request += received
        self.server.requests.append(request)
        try:
            self.server.scripts[request.split()[1].decode()](self.request)
        except OSError:
            return  # The client has had enough, which is what most of these tests want.


@contextmanager
def web_server() -> Iterator[Server]:
    """Serve on a free loopback port until the block ends."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """A response that leads elsewhere."""
    return page(b"", f"Location: {location}", status=status)


def endlessly(start: bytes, part: bytes, *, pause_s: float = 0.0) -> Script:
    """A response that never ends."""

    def play(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(part)
            time.sleep(pause_s)

    return play
