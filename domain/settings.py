"""Everything that can be configured, in one frozen tree.

Values come from, strongest first: command-line flags, `DATELINE_…` environment variables
(`DATELINE_CHAT__MODEL`), `dateline.toml` in the working folder, and the defaults here.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from domain.errors import ConfigurationError

CONFIG_FILE = "dateline.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(_Section):
    """Which models are used and where their files are kept."""

    folder: Path = Field(
        default=Path("~/.cache/dateline/models"), description="Where fetched model files are kept and shared."
    )
    encoder: str = Field(
        default="all-MiniLM-L6-v2", description="A name from models.toml, or a sentence-transformers folder."
    )
    encoder_dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 where the CPU has instructions for it, else float32."
    )
    reader: Path | None = Field(
        default=None, description="Folder of another reader (see tools/reader), in place of the one that comes along."
    )
    support: Path | None = Field(default=None, description="The same of another support checker (see tools/support).")


class IngestSettings(_Section):
    """How documents become passages."""

    max_source_bytes: int = Field(default=50_000_000, ge=1, description="Larger sources are refused.")
    parser_timeout_s: float = Field(default=30.0, gt=0, description="A parser that takes longer is killed.")
    parser_memory_mb: int = Field(default=1024, ge=128, description="A parser that needs more is killed.")
    max_passage_chars: int = Field(
        default=1200, ge=200, description="Longer paragraphs are split at sentence ends; the encoder reads 256 tokens."
    )
    window_passages: int = Field(
        default=2048, ge=1, description="Passages embedded and committed together; bounds what a kill can undo."
    )
    near_duplicate: float = Field(default=0.8, gt=0, le=1, description="Jaccard similarity that makes a copy.")
    fetch_timeout_s: float = Field(default=20.0, gt=0, description="Whole time allowed for one URL.")
    allow_private_networks: bool = Field(default=False, description="Let URLs point at private and loopback addresses.")


class RetrievalSettings(_Section):
    """How passages are found."""

    candidates: int = Field(default=50, ge=1, le=500, description="Candidates taken from each index.")
    passages: int = Field(default=12, ge=1, le=100, description="Passages handed on to evidence selection.")
    read: int = Field(default=12, ge=0, le=100, description="Best candidates that the reader looks at; 0 for none.")
    word_weight: float = Field(
        default=0.02, ge=0, description="What a unit of BM25 adds to a cosine when candidates are fused."
    )
    query_timeout_s: float = Field(default=2.0, gt=0, description="Deadline of one index query.")
    write_timeout_s: float = Field(default=30.0, gt=0, description="Deadline of one index write of 500 rows.")


class AnswerSettings(_Section):
    """How answers are decided and checked."""

    evidence_sentences: int = Field(default=4, ge=1, le=30, description="Most sentences shown to the writer.")
    extractive_sentences: int = Field(default=4, ge=1, le=10, description="Most sentences quoted extractively.")
    min_support: float = Field(default=0.9, ge=0, le=1, description="Support below this withholds a sentence.")
    most_wrong: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            "Share of the given answers that may be wrong, on questions like those of the calibration; "
            "the less, the more is refused. The calibration's own choice when unset."
        ),
    )
    min_relevance: float | None = Field(
        default=None, ge=0, le=1, description="Refuse below this probability, in place of what most_wrong gives."
    )
    nearest: int = Field(default=3, ge=0, le=10, description="Passages offered with a refusal.")
    calibration: Path | None = Field(
        default=None, description="File of 'dateline eval calibrate', in place of the one that comes with Dateline."
    )


class ChatSettings(_Section):
    """The model that writes; answers are extractive without one."""

    model: str = Field(
        default="auto",
        description=(
            "auto: the local GGUF file when it has been fetched; extractive: none; "
            "local:NAME from models.toml; or provider:name as LangChain knows it (openai:…, anthropic:…, ollama:…)."
        ),
    )
    base_url: str | None = Field(default=None, description="Address of an OpenAI-compatible server.")
    api_key: SecretStr | None = Field(default=None, description="Key for the provider or server.")
    timeout_s: float = Field(default=60.0, gt=0, description="Whole time allowed for one reply.")
    max_tokens: int = Field(default=320, ge=16, le=8192, description="Longest reply.")
    queue: int = Field(
        default=4, ge=0, le=1000, description="Answers that may wait for the local model; one more quotes instead."
    )
    threads: int = Field(default=0, ge=0, description="Threads of the local model; 0 uses every core.")
    context_tokens: int = Field(default=4096, ge=512, description="Context window of the local model.")


class EvalSettings(_Section):
    """What `dateline eval` measures beside the assistant, and where its runs are."""

    runs: Path = Field(default=Path("runs"), description="Folder of run files; a server shows them on its page.")
    peer_api_key: SecretStr | None = Field(default=None, description="Key for a system of `openai-compatible:URL`.")


class ServerSettings(_Section):
    """The HTTP server."""

    host: str = Field(default="127.0.0.1", description="Address to bind; loopback unless changed on purpose.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to bind; 0 picks a free one.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#<>\"'\\@]+(/[^\s?#<>\"'\\]*)?$",
        description="Where clients reach the server, for links to sources; as each of them called it when unset.",
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1024, description="Larger request bodies get 413.")
    max_streams: int = Field(default=32, ge=1, description="Answers written at the same time.")
    max_waiting: int = Field(default=16, ge=0, description="Answers that may wait to be written; further ones get 503.")
    max_uploads: int = Field(default=10_000, ge=1, description="Documents that wait to be read; further ones get 503.")
    keys: Literal["auto", "required"] = Field(
        default="auto", description="auto: API keys are asked for unless only this machine reaches the server."
    )
    requests_per_minute: int = Field(default=600, ge=1, description="Requests that one key may send in a minute.")
    streams_per_key: int = Field(default=16, ge=1, description="Answers under way that one key may have.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description=(
            "Names in the Host header that are answered; * for any. Unset: those of this machine where only it reaches "
            "the server, else any."
        ),
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description="Origins whose pages may call the API from a browser; none unless set."
    )
    idle_s: float = Field(
        default=20.0, gt=0, description="A client that neither sends nor takes anything for so long is left."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="Lines of the server's log; auto: text in a terminal, else JSON."
    )
    log_questions: bool = Field(default=False, description="Write the text of questions into the log.")
    grace_s: float = Field(default=30.0, ge=0, description="Time for answers under way when the server stops.")


class Settings(BaseSettings):
    """All settings of one process; build it with `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="DATELINE_", env_nested_delimiter="__", toml_file=CONFIG_FILE
    )

    data_dir: Path = Field(default=Path("~/.local/share/dateline"), description="Folder of the record.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Least level logged."
    )
    models: ModelSettings = ModelSettings()
    ingest: IngestSettings = IngestSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answer: AnswerSettings = AnswerSettings()
    chat: ChatSettings = ChatSettings()
    server: ServerSettings = ServerSettings()
    eval: EvalSettings = EvalSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  - named by pydantic-settings
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  - named by pydantic-settings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change with any setting but secrets and places on this machine.

        Of a calibration file and of the folders of a reader and a support checker the content counts, not the path.
        """
        places: Any = {"models": {"folder", "reader", "support"}, "chat": {"api_key"}, "answer": {"calibration"}}
        shown = self.model_dump_json(
            exclude={"data_dir": True, "log_level": True, "server": True, "eval": True, **places}
        )
        named = b"".join(
            _content(place) for place in (self.answer.calibration, self.models.reader, self.models.support)
        )
        return hashlib.sha256(shown.encode() + named).hexdigest()[:16]


def load_settings(**flags: Any) -> Settings:
    """Build the settings of this process; `flags` are the strongest source, `None` means not given.

    Raises:
        ConfigurationError: If a key is unknown or a value is out of range; the message names each.
    """
    _refuse_unknown_environment()
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)
        )
        raise ConfigurationError(
            f"Settings are not valid: {faults}",
            hint=f"Check {CONFIG_FILE}, the DATELINE_… environment variables and the flags.",
        ) from error
    except ValueError as error:  # A file that is not TOML, a variable that is not JSON where it must be.
        raise ConfigurationError(f"Settings cannot be read: {error}", hint=f"Check {CONFIG_FILE}.") from error
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir.expanduser(),
            "models": settings.models.model_copy(update={"folder": settings.models.folder.expanduser()}),
        }
    )


def _content(file: Path | None) -> bytes:
    if file is None:
        return b""
    place = file.expanduser()
    try:
        if place.is_dir():
            return b"".join(one.name.encode() + one.read_bytes() for one in sorted(place.iterdir()) if one.is_file())
        return place.read_bytes()
    except OSError:  # Whoever uses the file says what is wrong with it.
        return str(file).encode()


def _refuse_unknown_environment() -> None:
    # pydantic-settings ignores unknown variables with its prefix, so a misspelt one would change nothing silently.
    known = set()
    for name, info in Settings.model_fields.items():
        known.add(f"DATELINE_{name}".upper())
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            known |= {f"DATELINE_{name}__{key}".upper() for key in info.annotation.model_fields}
    unknown = sorted(key for key in os.environ if key.upper().startswith("DATELINE_") and key.upper() not in known)
    if unknown:
        raise ConfigurationError(
            f"Unknown setting {', '.join(unknown)}", hint="See 'dateline --help' and docs/settings.md for the names."
        )
