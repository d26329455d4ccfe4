"""Any server that speaks OpenAI's chat completions: a peer's RAG endpoint, or a model alone.

The address is that of the API (`http://localhost:9000/v1`), with `#model` where it has several. Its key is a setting of
its own, so that the chat model's key never reaches a peer.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from domain.errors import ConfigurationError
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Outcome
from eval.systems.chat import told


class OpenAiCompatibleSystem:
    """Asks a server, reading the reply as a stream; what it cites in ways of its own is not looked at.

    Args:
        address: Base address, and `#model`.
        timeout_s: Whole time of one case.
        key: Sent as a bearer token; none by default.
        client: Instead of one for the address.

    Raises:
        ConfigurationError: If the address is none.
    """

    def __init__(
        self,
        *,
        name: str,
        address: str,
        timeout_s: float,
        key: SecretStr | None = None,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        base, _, self._model = address.partition("#")
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(
                f"{address!r} is not the address of a server",
                hint="Write --system openai-compatible:http://localhost:9000/v1#model",
            )
        self._name = name
        self._base = base.rstrip("/")
        self._timeout_s = timeout_s
        self._key = key
        self._client = client
        self._clock = clock

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Server, without user name, key or query, and the model that was asked for."""
        parts = urlsplit(self._base)
        port = f":{parts.port}" if parts.port else ""
        server = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
        return {"server": server, "model": self._model or None, "timeout_s": self._timeout_s}

    def prepare(self, data_set: DataSet) -> None:
        """Find out which model there is, where none was named.

        Raises:
            ConfigurationError: If the server does not answer.
        """
        del data_set
        if self._client is None:
            headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}
            self._client = httpx.Client(headers=headers, timeout=self._timeout_s)
        if self._model:
            return
        try:
            models = self._client.get(f"{self._base}/models").raise_for_status().json()
            self._model = str(models["data"][0]["id"])
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise ConfigurationError(
                f"The server of {self._name!r} does not tell its models: {type(error).__name__}",
                hint="Check that it runs, and name its model: openai-compatible:URL#model",
            ) from error

    def run(self, case: Case) -> Outcome:
        """Ask one question, with its earlier turns.

        Raises:
            TimeoutError: If the whole reply took too long.
            ValueError: If the reply is empty or not in the form of the API.
        """
        if self._client is None:
            raise AssertionError("prepare comes before run")
        messages = [{"role": turn.role, "content": turn.text} for turn in case.history]
        body = {
            "model": self._model,
            "messages": [*messages, {"role": "user", "content": case.question}],
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        text, first = "", None
        usage: dict[str, Any] = {}
        started = self._clock()
        with self._client.stream("POST", f"{self._base}/chat/completions", json=body) as response:
            response.raise_for_status()
            for piece in _pieces(response):
                usage = piece.get("usage") or usage
                for choice in piece.get("choices") or ():
                    part = choice.get("delta") or choice.get("message") or {}
                    text += part.get("content") or ""
                if first is None and text.strip():
                    first = self._clock()
                if self._clock() - started > self._timeout_s:
                    raise TimeoutError(f"The reply took longer than {self._timeout_s:g} s")
        timings = {"total": (self._clock() - started) * 1000}
        if first is not None:
            timings["first_words"] = (first - started) * 1000
        return told(
            text,
            timings_ms=timings,
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _pieces(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the objects of an event stream, or the one object of a server that does not stream."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        yield _object(response.read())
        return
    for line in response.iter_lines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield _object(data)


def _object(text: str | bytes) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("The reply is not a JSON object")  # noqa: TRY004  - the server is wrong, not the caller
    return value
