"""A real local HTTP server that stands for an OpenAI-compatible endpoint, well or badly behaved."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Wire:
    """What a behaviour may do with one request."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler

    def status(self, code: int, body: str, media_type: str = "application/json") -> None:
        """Answer at once with a status and a body."""
        data = body.encode()
        self._handler.send_response(code)
        self._handler.send_header("Content-Type", media_type)
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def open_stream(self) -> None:
        """Begin a chunked event stream."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def event(self, payload: str) -> None:
        """Send one server-sent event."""
        data = f"data: {payload}\n\n".encode()
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()

    def delta(self, text: str) -> None:
        """Send a piece of the reply."""
        self.event(json.dumps(_chunk({"role": "assistant", "content": text})))

    def end_stream(self, *, prompt_tokens: int = 11, completion_tokens: int = 7) -> None:
        """Finish the stream as a correct server does."""
        self.event(json.dumps(_chunk({}, finish_reason="stop")))
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
        self.event(json.dumps({**_chunk({}), "choices": [], "usage": usage}))
        self.event("[DONE]")
        self._handler.wfile.write(b"0\r\n\r\n")

    def hang(self, seconds: float) -> None:
        """Say nothing for a while."""
        time.sleep(seconds)


Behaviour = Callable[[Wire], None]


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def says(text: str) -> Behaviour:
    """Stream `text` as a whole, correct reply."""

    def behave(wire: Wire) -> None:
        wire.open_stream()
        for start in range(0, len(text), 20):
            wire.delta(text[start : start + 20])
        wire.end_stream()

    return behave


def answers(code: int, message: str = "no") -> Behaviour:
    """Answer with an error status in OpenAI's form."""
    return lambda wire: wire.status(code, json.dumps({"error": {"message": message, "type": "t", "code": "c"}}))


@dataclass(kw_only=True)
class ScriptedEndpoint:
    """A running endpoint; each request plays the next behaviour, the last one again and again."""

    base_url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@contextmanager
def chat_endpoint(*script: Behaviour) -> Iterator[ScriptedEndpoint]:
    """Serve `script` on a loopback port until the block ends."""
    endpoint = ScriptedEndpoint(base_url="")
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with turn:
                behave = script[min(len(endpoint.requests), len(script) - 1)]
                endpoint.requests.append(body)
                endpoint.keys.append(self.headers.get("Authorization", ""))
            self.close_connection = True
            with suppress(BrokenPipeError, ConnectionResetError):  # The client may give up, and some should.
                behave(Wire(self))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  - named by the base class
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    endpoint.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
