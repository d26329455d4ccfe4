"""The chat model behind its port: LangChain speaks to the endpoint, the reply is parsed strictly."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from domain.answers import Evidence, PromptUsed
from domain.errors import ChatModelError, ConfigurationError, DatelineError, MalformedReplyError, ModelFileError
from domain.ports import Draft
from domain.settings import ChatSettings, ModelSettings
from prompts.registry import load_prompt
from retriever.models import ModelRegistry, locate
from service.answering.chat_faults import describe_fault, refuses_the_form
from service.answering.chat_provider import bind_form, connect_local, connect_provider, provider_endpoint
from service.answering.local_llm import LocalLlm, has_llama_cpp, require_llama_cpp
from service.answering.reply import parse_reply, reply_schema, show_evidence, show_question

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

_LOCAL = "local:"
_TRIES = 2
_LONGEST_REPLY_CHARS = 100_000  # Far above any `max_tokens`; an endpoint that sends more is broken.


def open_chat_model(chat: ChatSettings, models: ModelSettings) -> "LangChainChatModel | None":
    """Open the configured chat model, or return `None` when answers are to be extractive.

    Nothing is loaded or called yet: `warm_up` does it at start-up, the first `write` otherwise. The caller closes it.

    Raises:
        ConfigurationError: If the setting names no known model, or a package or key for it is missing.
        ModelFileError: If a local model was named that has not been fetched.
    """
    name = chat.model.strip()
    if chat.base_url is not None and not _is_provider(name):
        raise ConfigurationError(
            f"A base_url is set, but the model is {name!r}",
            hint="Name the server's model: DATELINE_CHAT__MODEL=openai:NAME.",
        )
    if name == "extractive":
        return None
    if name == "auto":
        path = _fetched_default(models)
        return None if path is None else _open_local(ModelRegistry.load().first("chat").name, path, chat)
    if name.startswith(_LOCAL):
        require_llama_cpp()
        local_name = name.removeprefix(_LOCAL)
        return _open_local(local_name, _local_path(local_name, models), chat)
    if not _is_provider(name):
        raise ConfigurationError(
            f"The chat model {name!r} is not understood",
            hint="Use auto, extractive, local:NAME, or provider:name such as openai:gpt-5-mini.",
        )
    return _open_provider(name, chat)


def _is_provider(name: str) -> bool:
    return ":" in name and not name.startswith(_LOCAL)


def _fetched_default(models: ModelSettings) -> Path | None:
    if not has_llama_cpp():
        return None
    try:
        return locate(ModelRegistry.load().first("chat").name, models.folder)
    except ModelFileError:
        return None


def _local_path(name: str, models: ModelSettings) -> Path:
    own = Path(name).expanduser()
    if own.suffix == ".gguf":
        if not own.is_file():
            raise ModelFileError(f"There is no model file {name!r}", hint="Give the path of a GGUF file.")
        return own
    entry = ModelRegistry.load().get(name)
    if entry.kind != "chat":
        raise ConfigurationError(
            f"Model {name!r} is an {entry.kind}, not a chat model", hint="See 'dateline models list'."
        )
    return locate(name, models.folder)


def _open_local(name: str, path: Path, chat: ChatSettings) -> "LangChainChatModel":
    llm = LocalLlm(path, threads=chat.threads, context_tokens=chat.context_tokens)
    model_id = f"{_LOCAL}{Path(name).stem if name.endswith('.gguf') else name}"
    return LangChainChatModel(
        model_id=model_id,
        endpoint="the local chat model",
        connect=lambda *, plain: connect_local(llm.start(), chat, plain=plain),
        timeout_s=chat.timeout_s,
        on_close=llm.close,
    )


def _open_provider(name: str, chat: ChatSettings) -> "LangChainChatModel":
    model = LangChainChatModel(
        model_id=name,
        endpoint=provider_endpoint(name, chat),
        connect=lambda *, plain: connect_provider(name, chat, plain=plain),
        timeout_s=chat.timeout_s,
    )
    model.check()
    return model


class LangChainChatModel:
    """Writes sentences over evidence through any LangChain chat model; safe to use from several threads.

    A reply that breaks the contract is sent back once with what is wrong with it. Both tries share one deadline.
    """

    def __init__(
        self,
        *,
        model_id: str,
        endpoint: str,
        connect: "Callable[..., BaseChatModel]",
        timeout_s: float,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._model_id = model_id
        self._endpoint = endpoint
        self._connect = connect
        self._timeout_s = timeout_s
        self._on_close = on_close
        self._models: dict[bool, BaseChatModel] = {}
        self._turn = threading.Lock()
        self._prompt = load_prompt("answer")
        self._repair = load_prompt("answer-repair")

    @property
    def model_id(self) -> str:
        """What the trace names."""
        return self._model_id

    @property
    def prompt(self) -> PromptUsed:
        """The released prompt that is rendered."""
        return self._prompt.used

    @property
    def langchain_model(self) -> "BaseChatModel":
        """The LangChain model itself, for chains that are not ours; a local one is loaded with the first call."""
        return self._model(plain=False)

    def check(self) -> None:
        """Build the client without calling the endpoint.

        Raises:
            ConfigurationError: If a package or key is missing.
        """
        self._model(plain=False)

    def warm_up(self) -> None:
        """Load a local model and read the head of the prompt, so that the first answer does not wait for it.

        Raises:
            ChatModelError: If it cannot be started.
        """
        if not self._model_id.startswith(_LOCAL):
            return  # A hosted model is paid by the call.
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  - 0.2 s

        prompt = self._prompt.render(evidence="", question="")
        self._within_deadline(lambda deadline: self._read([HumanMessage(prompt)], (), _Tokens(), deadline, plain=False))

    def write(self, question: str, evidence: Sequence[Evidence]) -> Draft:
        """Write an answer from the evidence; without evidence there is nothing to say.

        Raises:
            ChatModelError: If the model cannot be reached, is too slow, or fails.
            MalformedReplyError: If it broke the output contract twice.
        """
        if not evidence:
            return Draft(sentences=(), model=self._model_id, prompt_tokens=0, completion_tokens=0)
        draft: Draft = self._within_deadline(lambda deadline: self._write(question, evidence, deadline))
        return draft

    def close(self) -> None:
        """Free the model; a local one ends."""
        with self._turn:
            self._models.clear()
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, question: str, evidence: Sequence[Evidence], deadline: float) -> Draft:
        from langchain_core.messages import AIMessage, HumanMessage  # noqa: PLC0415  - 0.2 s

        shown = tuple(piece.evidence_id for piece in evidence)
        prompt = self._prompt.render(evidence=show_evidence(evidence), question=show_question(question))
        messages: list[BaseMessage] = [HumanMessage(prompt)]
        tokens = _Tokens()
        plain = False
        for attempt in range(1, _TRIES + 1):
            try:
                reply = self._read(messages, shown, tokens, deadline, plain=plain)
                sentences = parse_reply(reply, shown)
            except MalformedReplyError as error:
                if attempt == _TRIES:
                    raise
                repair = self._repair.render(fault=error.message, evidence_ids=", ".join(shown))
                messages = [messages[0], AIMessage(error.reply), HumanMessage(repair)]
            except _FormRefusedError:
                # Older servers and models answer 400 to a schema or a temperature: ask in words alone.
                plain = True
            else:
                return Draft(
                    sentences=sentences,
                    model=self._model_id,
                    prompt_tokens=tokens.prompt,
                    completion_tokens=tokens.completion,
                )
        raise AssertionError("the last try returns or raises")

    def _read(
        self, messages: "list[BaseMessage]", shown: Sequence[str], tokens: "_Tokens", deadline: float, *, plain: bool
    ) -> str:
        """Stream one reply to its end; ending the stream early frees the endpoint."""
        reply = ""
        try:
            for chunk in self._bound(shown, plain=plain).stream(messages):
                reply += str(chunk.text)
                tokens.add(getattr(chunk, "usage_metadata", None))
                self._check_limits(reply, deadline)
        except DatelineError:
            raise
        except Exception as error:  # Every vendor has its own exceptions, and all of them stop here.
            if not plain and refuses_the_form(error):
                raise _FormRefusedError from error
            raise describe_fault(error, endpoint=self._endpoint, timeout_s=self._timeout_s) from error
        return reply

    def _check_limits(self, reply: str, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise self._too_slow()
        if len(reply) > _LONGEST_REPLY_CHARS:
            raise MalformedReplyError(f"The reply is longer than {_LONGEST_REPLY_CHARS} characters", reply=reply[:1000])

    def _bound(self, shown: Sequence[str], *, plain: bool) -> "Runnable[Any, Any]":
        model = self._model(plain=plain)
        return model if plain or not shown else bind_form(model, reply_schema(shown))

    def _model(self, *, plain: bool) -> "BaseChatModel":
        with self._turn:
            if plain not in self._models:
                self._models[plain] = self._connect(plain=plain)
            return self._models[plain]

    def _within_deadline(self, work: Callable[[float], Any]) -> Any:
        """Run `work` in a thread of its own and leave it behind when time is up.

        No client of a provider has a timeout for the whole reply: a server that sends a byte now and then would
        hold the caller for ever.
        """
        deadline = time.monotonic() + self._timeout_s
        outcome: SimpleQueue[tuple[Any, Exception | None]] = SimpleQueue()

        def run() -> None:
            try:
                outcome.put((work(deadline), None))
            except Exception as error:  # noqa: BLE001  - carried to the caller's thread
                outcome.put((None, error))

        threading.Thread(target=run, name="chat-model", daemon=True).start()
        try:
            value, error = outcome.get(timeout=self._timeout_s)
        except Empty:
            raise self._too_slow() from None
        if error is not None:
            raise error
        return value

    def _too_slow(self) -> ChatModelError:
        return describe_fault(TimeoutError(), endpoint=self._endpoint, timeout_s=self._timeout_s)


class _FormRefusedError(Exception):
    """The endpoint does not take the schema or an option."""


class _Tokens:
    """Tokens over all tries, as the endpoint counts them."""

    def __init__(self) -> None:
        self.prompt = 0
        self.completion = 0

    def add(self, usage: Any) -> None:
        if usage:
            self.prompt += int(usage.get("input_tokens") or 0)
            self.completion += int(usage.get("output_tokens") or 0)
