"""The configured chat model, for systems that write in their own way."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from domain.errors import ConfigurationError
from domain.settings import Settings
from eval.outcomes import Outcome, Sentence
from retriever.models import ModelRegistry
from service.answering.chat_model import open_chat_model
from service.answering.langchain_writer import LangChainWriter

_LOCAL: Final = "local:"
_DONT_KNOW: Final = re.compile(
    r"\b(?:(?:i|we)\s+(?:really\s+|simply\s+)?(?:don['’]?t|do\s+not)\s+(?:know|have\s+(?:enough|any|that|the|this|an))"
    r"|(?:i['’]m|i\s+am)\s+(?:not\s+sure|unable\s+to\s+(?:answer|find|determine)|sorry,?\s+but)"
    r"|(?:cannot|can['’]?t|can\s+not|unable\s+to)\s+(?:answer|be\s+(?:answered|determined)|determine|find)"
    r"|(?:context|passages?|text|information)\b[^.]{0,40}\b(?:does|do)(?:n['’]?t|\s+not)\s+"
    r"(?:say|mention|contain|provide|include|specify|state|answer|give)"
    r"|no\s+(?:relevant\s+|specific\s+|such\s+)?information\b"
    r"|not\s+(?:mentioned|provided|specified|stated|given)\s+in\s+the)",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


class Streaming(Protocol):
    """What is used of a LangChain chat model."""

    def stream(self, prompt: str, /) -> Iterator[Any]:
        """Yield message chunks with `text`, and at the end `usage_metadata`."""
        ...


def extractive(settings: Settings) -> Settings:
    """Return the settings without a chat model."""
    chat = settings.chat.model_copy(update={"model": "extractive", "base_url": None})
    return settings.model_copy(update={"chat": chat})


def open_writer(settings: Settings, *, system: str) -> LangChainWriter:
    """Open the configured chat model.

    Raises:
        ConfigurationError: If none is set up.
    """
    chat = open_chat_model(settings.chat, settings.models)
    if chat is None:
        raise _no_chat(system)
    return chat


def writer_details(settings: Settings, *, system: str) -> dict[str, Any]:
    """Return the details of a chat model that must be there.

    Raises:
        ConfigurationError: If none is set up.
    """
    details = chat_details(settings)
    if details is None:
        raise _no_chat(system)
    return details


def chat_details(settings: Settings) -> dict[str, Any] | None:
    """Return id, digest where the registry has one, and limits of the chat model; `None` without one."""
    chat = open_chat_model(settings.chat, settings.models)
    if chat is None:
        return None
    model_id = chat.model_id
    chat.close()
    entry = ModelRegistry.load().entries.get(model_id.removeprefix(_LOCAL)) if model_id.startswith(_LOCAL) else None
    return {
        "id": model_id,
        "digest": None if entry is None else entry.digest,
        "max_tokens": settings.chat.max_tokens,
        "context_tokens": settings.chat.context_tokens,
    }


def write(model: Streaming, prompt: str, *, started: float, clock: Callable[[], float] = time.perf_counter) -> Outcome:
    """Send one prompt and return what the model says, with the milliseconds since `started`.

    A text that begins by saying that it does not know is a refusal.
    """
    reply = ""
    first: float | None = None
    tokens = {"input_tokens": 0, "output_tokens": 0}
    begun = clock()
    for chunk in model.stream(prompt):
        reply += str(chunk.text)
        if first is None and reply.strip():
            first = clock()
        usage: Mapping[str, Any] = getattr(chunk, "usage_metadata", None) or {}
        tokens = {name: count + int(usage.get(name) or 0) for name, count in tokens.items()}
    ended = clock()
    timings = {"write": (ended - begun) * 1000, "total": (ended - started) * 1000}
    if first is not None:
        timings["first_words"] = (first - started) * 1000
    return told(
        reply,
        timings_ms=timings,
        prompt_tokens=tokens["input_tokens"],
        completion_tokens=tokens["output_tokens"],
    )


def told(text: str, *, timings_ms: Mapping[str, float], prompt_tokens: int = 0, completion_tokens: int = 0) -> Outcome:
    """Return free text as an outcome: sentences that cite nothing, or a refusal.

    Raises:
        ValueError: If there is no text.
    """
    answer = text.strip()
    if not answer:
        raise ValueError("The reply is empty")
    refused = says_dont_know(answer)
    sentences = () if refused else tuple(Sentence(text=one) for one in _SENTENCE_END.split(answer))
    return Outcome(
        status="refused" if refused else "answered",
        text="" if refused else answer,
        mode="" if refused else "model",
        sentences=sentences,
        timings_ms={stage: round(value, 3) for stage, value in timings_ms.items()},
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def says_dont_know(text: str) -> bool:
    """Tell whether the first sentence says that there is no answer; later doubts qualify an answer that was given."""
    return _DONT_KNOW.search(_SENTENCE_END.split(text.strip(), maxsplit=1)[0]) is not None


def _no_chat(system: str) -> ConfigurationError:
    return ConfigurationError(
        f"The system {system!r} needs a chat model, and none is set up",
        hint="Fetch one with 'dateline models fetch', or set DATELINE_CHAT__MODEL.",
    )
