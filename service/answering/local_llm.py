"""A GGUF model run in this process by llama.cpp, reachable only from this machine and only with a random key."""

import importlib.util
import os
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.errors import ChatModelError, ConfigurationError

_NO_ORIGIN = "http://127.0.0.1"  # The default allows every web page to call; this allows none that is not ours.
_QUIET = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an OpenAI-compatible server listens; the key is left out of `repr`."""

    base_url: str
    key: str = field(repr=False)


def has_llama_cpp() -> bool:
    """Whether the optional runtime is installed."""
    return importlib.util.find_spec("xllamacpp") is not None


def require_llama_cpp() -> None:
    """Check that the optional runtime is installed.

    Raises:
        ConfigurationError: If it is not.
    """
    if not has_llama_cpp():
        raise ConfigurationError(
            "A local chat model needs the package 'xllamacpp', which is not installed",
            hint="Run: pip install 'dateline[local-llm]'",
        )


class LocalLlm:
    """Owns one llama.cpp server: started on first use, ended by `close`."""

    def __init__(self, path: Path, *, threads: int, context_tokens: int) -> None:
        self._path = path
        self._threads = threads or available_cores()
        self._context_tokens = context_tokens
        self._server: Any = None
        self._endpoint: Endpoint | None = None
        self._closed = False
        self._turn = threading.Lock()

    def start(self) -> Endpoint:
        """Load the model unless it is loaded, and return where it listens; takes seconds the first time.

        Raises:
            ChatModelError: If the file cannot be loaded, or the model was closed.
        """
        with self._turn:
            if self._closed:
                raise ChatModelError("The local chat model is closed", hint="Open it again.")
            if self._endpoint is None:
                key = secrets.token_urlsafe(32)
                self._server = self._open(key)
                self._endpoint = Endpoint(base_url=f"{self._server.listening_address}/v1", key=key)
            return self._endpoint

    def close(self) -> None:
        """End the server and free its memory; waits for a start that is under way."""
        with self._turn:
            # The server ends when its last reference goes.
            self._server = None
            self._endpoint = None
            self._closed = True

    def _open(self, key: str) -> Any:
        require_llama_cpp()
        import xllamacpp  # noqa: PLC0415  - an optional package

        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.n_ctx = self._context_tokens
        params.n_gpu_layers = 0
        for cpu in (params.cpuparams, params.cpuparams_batch):
            cpu.n_threads = self._threads
            cpu.poll = 0  # Waiting threads sleep: on shared cores spinning takes time from the encoder and the API.
        params.api_keys = [key]
        params.cors_origins = _NO_ORIGIN
        params.cors_credentials = False
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.ui = False
        params.endpoint_slots = False
        params.endpoint_props = False
        params.endpoint_metrics = False
        params.cache_ram_mib = 0  # Answers share only the prompt's head, which the slot keeps anyway.
        params.offline = True
        params.verbosity = _QUIET
        try:
            return xllamacpp.Server(params)
        except (RuntimeError, ValueError, OSError) as error:
            raise ChatModelError(
                f"The local chat model {self._path.name!r} cannot be started: {error}",
                hint="Run 'dateline models verify', and see that enough memory is free (about 1.5 GB).",
            ) from error


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
