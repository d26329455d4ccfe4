"""Which chat model writes: the local one, a provider that LangChain knows, or none."""

from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError, ModelFileError
from domain.settings import ChatSettings, ModelSettings
from retriever.models import ModelRegistry, locate
from service.answering.chat_provider import connect_local, connect_provider, provider_endpoint
from service.answering.langchain_writer import LangChainWriter
from service.answering.local_llm import LocalLlm, has_llama_cpp, require_llama_cpp
from service.answering.turns import Turns

_LOCAL: Final = "local:"


def open_chat_model(chat: ChatSettings, models: ModelSettings) -> LangChainWriter | None:
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


def _open_local(name: str, path: Path, chat: ChatSettings) -> LangChainWriter:
    llm = LocalLlm(path, threads=chat.threads, context_tokens=chat.context_tokens)
    model_id = f"{_LOCAL}{Path(name).stem if name.endswith('.gguf') else name}"
    endpoint = "The local chat model"
    return LangChainWriter(
        model_id=model_id,
        endpoint=endpoint,
        connect=lambda *, plain: connect_local(llm.start(), chat, plain=plain),
        timeout_s=chat.timeout_s,
        warm=True,
        turns=Turns(waiting=chat.queue, endpoint=endpoint),
        on_close=llm.close,
    )


def _open_provider(name: str, chat: ChatSettings) -> LangChainWriter:
    model = LangChainWriter(
        model_id=name,
        endpoint=provider_endpoint(name, chat),
        connect=lambda *, plain: connect_provider(name, chat, plain=plain),
        timeout_s=chat.timeout_s,
    )
    model.check()
    return model
