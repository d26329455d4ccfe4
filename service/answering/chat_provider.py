"""Building LangChain chat models: the local server, and any provider that LangChain knows."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from domain.errors import ConfigurationError
from domain.settings import ChatSettings
from service.answering.local_llm import Endpoint

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

_NO_KEY = "none"
_EXTRAS = {"langchain_anthropic": "anthropic", "langchain_ollama": "ollama"}


def connect_local(endpoint: Endpoint, chat: ChatSettings, *, plain: bool) -> "BaseChatModel":
    """Return a client of the model that runs in this process."""
    import httpx  # noqa: PLC0415  - comes with the next line
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  - 1.7 s

    return ChatOpenAI(
        model="local",
        base_url=endpoint.base_url,
        api_key=SecretStr(endpoint.key),
        stream_usage=True,
        max_retries=0,
        timeout=chat.timeout_s,
        max_tokens=chat.max_tokens,
        temperature=None if plain else 0.0,
        # A proxy from the environment must not see what stays on this machine.
        http_client=httpx.Client(trust_env=False, timeout=chat.timeout_s),
    )


def connect_provider(name: str, chat: ChatSettings, *, plain: bool) -> "BaseChatModel":
    """Return a client of `provider:model`.

    Args:
        name: The whole setting, `provider:model`.
        chat: Where it is, its key, and its limits.
        plain: Leave out what some models refuse, such as a temperature.

    Raises:
        ConfigurationError: If LangChain does not know the provider, or its package or key is missing.
    """
    import httpx  # noqa: F401, PLC0415  - whole, before OpenAI's client looks at what another thread may be importing
    from langchain.chat_models import init_chat_model  # noqa: PLC0415  - 1 s

    try:
        model: BaseChatModel = init_chat_model(name, **_options(name, chat, plain=plain))
    except ImportError as error:
        package = str(error.name or "").partition(".")[0]
        extra = _EXTRAS.get(package or f"langchain_{name.partition(':')[0]}")
        remedy = (
            f"'dateline[{extra}]'" if extra else (package or f"langchain-{name.partition(':')[0]}").replace("_", "-")
        )
        raise ConfigurationError(
            f"The chat model {name!r} needs a package that is not installed", hint=f"Run: pip install {remedy}"
        ) from error
    except Exception as error:  # Each provider checks its options with exceptions of its own.
        raise ConfigurationError(
            f"The chat model {name!r} cannot be set up: {_reason(error, chat)}",
            hint="Check DATELINE_CHAT__MODEL, and set DATELINE_CHAT__API_KEY or the provider's own variable.",
        ) from error
    return model


def bind_form(model: "BaseChatModel", schema: dict[str, Any]) -> "Runnable[Any, Any]":
    """Return the model held to a JSON schema, or as it is where its provider cannot do that."""
    if type(model).__name__ == "ChatOpenAI":
        # As a plain field of the request: LangChain's own way goes through the client's parsing stream, which loses
        # the token counts of replies that come in several pieces.
        form = {"type": "json_schema", "json_schema": {"name": schema["title"], "strict": True, "schema": schema}}
        return model.bind(extra_body={"response_format": form})
    try:
        chain: Any = model.with_structured_output(schema, method="json_schema")
    except (NotImplementedError, ValueError, TypeError):
        return model
    # The chain is the bound model and a lenient parser; the reply is wanted as it was written.
    bound: Runnable[Any, Any] = chain.first
    return bound


def _options(name: str, chat: ChatSettings, *, plain: bool) -> dict[str, Any]:
    provider = name.partition(":")[0]
    options: dict[str, Any] = {} if plain else {"temperature": 0.0}
    if chat.base_url is not None:
        options["base_url"] = chat.base_url
    if provider == "ollama":
        return {**options, "num_predict": chat.max_tokens, "client_kwargs": {"timeout": chat.timeout_s}}
    options |= {"max_tokens": chat.max_tokens, "timeout": chat.timeout_s, "max_retries": 1}
    if provider == "openai":
        options["stream_usage"] = True
    if chat.api_key is not None:
        options["api_key"] = chat.api_key.get_secret_value()
    elif chat.base_url is not None:
        # Otherwise the client would send the key of the hosted service, found in the environment, to this server.
        options["api_key"] = _NO_KEY
    return options


def _reason(error: Exception, chat: ChatSettings) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = lines[0][:200]
    secret = chat.api_key.get_secret_value() if chat.api_key is not None else ""
    return reason.replace(secret, "…") if secret else reason


def provider_endpoint(name: str, chat: ChatSettings) -> str:
    """Name an endpoint in messages: provider and server, without user names, keys or queries."""
    if chat.base_url is None:
        return f"The chat model {name!r}"
    address = urlsplit(chat.base_url)
    server = address.hostname or "?"
    port = f":{address.port}" if address.port else ""
    return f"The chat model {name!r} at {address.scheme}://{server}{port}{address.path}"
