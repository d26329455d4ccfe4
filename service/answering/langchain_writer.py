"""A chat model behind its port: LangChain speaks to the endpoint, replies are read strictly and while they arrive."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Self

from domain.answers import Evidence, PromptUsed
from domain.errors import ChatModelError, DatelineError, MalformedReplyError
from domain.patience import Patience
from domain.ports import DraftEnd, DraftPart
from prompts.registry import load_prompt
from service.answering.background import Watch, in_background
from service.answering.chat_faults import describe_fault, refuses_the_form
from service.answering.chat_provider import bind_form
from service.answering.prompt_text import show_evidence, show_question
from service.answering.reply import ReplyReader, reply_schema
from service.answering.turns import Turns

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage, BaseMessageChunk
    from langchain_core.runnables import Runnable

_LONGEST_REPLY_CHARS: Final = 100_000  # Far above any `max_tokens`; an endpoint that sends more is broken.


class LangChainWriter:
    """Writes sentences over evidence through any LangChain chat model; safe to use from several threads.

    Each sentence is handed on when it is complete. A reply that breaks the contract before its first sentence is sent
    back once with what is wrong with it. Both tries share one deadline.

    Args:
        model_id: What the trace names.
        endpoint: What messages call the endpoint.
        connect: Makes the LangChain model; `plain` leaves out what some endpoints refuse.
        timeout_s: Deadline of a whole reply, waiting for a turn included.
        turns: Who may write now; everybody by default.
        warm: Read the head of the prompt at start-up, which is free for a model of one's own.
        on_close: Called when the model is closed.
    """

    def __init__(
        self,
        *,
        model_id: str,
        endpoint: str,
        connect: "Callable[..., BaseChatModel]",
        timeout_s: float,
        turns: Turns | None = None,
        warm: bool = False,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._model_id = model_id
        self._endpoint = endpoint
        self._connect = connect
        self._timeout_s = timeout_s
        self._turns = turns
        self._warm = warm
        self._on_close = on_close
        self._models: dict[bool, BaseChatModel] = {}
        self._lock = threading.Lock()
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
        if not self._warm:
            return  # A hosted model is paid by the call.
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  - 0.2 s

        prompt = HumanMessage(self._prompt.render(evidence="", question=""))

        def read(watch: Watch) -> Iterator[DraftPart]:
            for _ in self._pieces([prompt], (), _Tokens(), watch, plain=False):
                pass
            yield from ()

        for _ in self._watched(read):
            pass

    def write(
        self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
    ) -> Generator[DraftPart, None, None]:
        """Yield the sentences of an answer from the evidence; without evidence there is nothing to say.

        Raises:
            ChatModelError: If the model cannot be reached, is too slow, busy, or fails.
            MalformedReplyError: If it broke the output contract, twice unless sentences had been yielded.
        """
        if not evidence:
            yield DraftEnd(model=self._model_id, prompt_tokens=0, completion_tokens=0)
            return
        yield from self._watched(lambda watch: self._write(question, evidence, watch), patience)

    def close(self) -> None:
        """Free the model; a local one ends."""
        with self._lock:
            self._models.clear()
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, question: str, evidence: Sequence[Evidence], watch: Watch) -> Iterator[DraftPart]:
        from langchain_core.messages import AIMessage, HumanMessage  # noqa: PLC0415  - 0.2 s

        shown = tuple(piece.evidence_id for piece in evidence)
        prompt = self._prompt.render(evidence=show_evidence(evidence), question=show_question(question))
        messages: list[BaseMessage] = [HumanMessage(prompt)]
        tokens = _Tokens()
        plain = repaired = False
        while True:
            reader = ReplyReader(shown)
            length = written = 0
            try:
                for piece in self._pieces(messages, shown, tokens, watch, plain=plain):
                    length += len(piece)
                    _check_length(length, piece)
                    for sentence in reader.feed(piece):
                        written += 1
                        yield sentence
                yield from reader.end()
            except MalformedReplyError as error:
                if repaired or written:  # What was written has been shown.
                    raise
                repair = self._repair.render(fault=error.message, evidence_ids=", ".join(shown))
                messages = [messages[0], AIMessage(error.reply), HumanMessage(repair)]
                repaired = True
            except _FormRefusedError:  # Raised once, as what is refused is then left out.
                # Older servers and models answer 400 to a schema or a temperature: ask in words alone.
                plain = True
            else:
                yield DraftEnd(model=self._model_id, prompt_tokens=tokens.prompt, completion_tokens=tokens.completion)
                return

    def _pieces(
        self,
        messages: "list[BaseMessage]",
        shown: Sequence[str],
        tokens: "_Tokens",
        watch: Watch,
        *,
        plain: bool,
    ) -> Iterator[str]:
        """Stream one reply to its end; ending the stream early frees the endpoint."""
        try:
            with closing(self._stream(messages, shown, plain=plain)) as chunks:
                for chunk in chunks:
                    watch.check()
                    tokens.add(getattr(chunk, "usage_metadata", None))
                    yield str(chunk.text)
                    _check_whole(chunk)
        except (DatelineError, GeneratorExit):
            raise
        except Exception as error:  # Every vendor has its own exceptions, and all of them stop here.
            if not plain and refuses_the_form(error):
                raise _FormRefusedError from error
            raise describe_fault(error, endpoint=self._endpoint, timeout_s=self._timeout_s) from error

    def _stream(
        self, messages: "list[BaseMessage]", shown: Sequence[str], *, plain: bool
    ) -> "Generator[BaseMessageChunk, None, None]":
        # A generator of our own, so that closing it closes whatever LangChain returns.
        yield from self._bound(shown, plain=plain).stream(messages)

    def _bound(self, shown: Sequence[str], *, plain: bool) -> "Runnable[Any, Any]":
        model = self._model(plain=plain)
        return model if plain or not shown else bind_form(model, reply_schema(shown))

    def _model(self, *, plain: bool) -> "BaseChatModel":
        with self._lock:
            if plain not in self._models:
                self._models[plain] = self._connect(plain=plain)
            return self._models[plain]

    def _watched(
        self, work: "Callable[[Watch], Iterator[DraftPart]]", patience: Patience | None = None
    ) -> Iterator[DraftPart]:
        return in_background(work, Watch(self._timeout_s, self._too_slow, patience), turns=self._turns)

    def _too_slow(self) -> ChatModelError:
        return describe_fault(TimeoutError(), endpoint=self._endpoint, timeout_s=self._timeout_s)


def _check_length(length: int, piece: str) -> None:
    if length > _LONGEST_REPLY_CHARS:
        raise MalformedReplyError(f"The reply is longer than {_LONGEST_REPLY_CHARS} characters", reply=piece[:1000])


def _check_whole(chunk: "BaseMessageChunk") -> None:
    if getattr(chunk, "response_metadata", {}).get("finish_reason") == "length":
        # Half a sentence may say the opposite of the whole.
        raise MalformedReplyError("The reply was cut off where replies end at the latest", reply="")


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
