"""What a sentence-transformers folder says about its encoder, read without loading it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import ModelFileError
from domain.settings import ModelSettings
from retriever.models import ModelRegistry, locate, sha256_of_file

_DIGEST_DIGITS = 12
_DIGEST_CACHE = ".digests.json"
_CODE_FORMATS = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.joblib")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFolder:
    """An encoder on disk.

    Attributes:
        encoder_id: Name, `@`, and the first 12 hexadecimal digits of the SHA-256 of the weights.
        dimensions: Length of a vector.
    """

    path: Path
    encoder_id: str
    dimensions: int


def find_encoder(settings: ModelSettings) -> EncoderFolder:
    """Find the configured encoder: a name of the registry, else a folder.

    Raises:
        ModelFileError: If it was not fetched, there is no such folder, or it cannot be used safely.
    """
    entry = ModelRegistry.load().entries.get(settings.encoder)
    if entry is not None and entry.dimensions is not None:
        path = locate(entry.name, settings.folder)
        return EncoderFolder(path=path, encoder_id=_encoder_id(entry.name, entry.digest), dimensions=entry.dimensions)
    path = Path(settings.encoder).expanduser()
    if not (path / "config.json").is_file():
        raise ModelFileError(
            f"Encoder {settings.encoder!r} is neither a registered encoder nor a sentence-transformers folder",
            hint="See 'dateline models list', or give a folder that holds config.json and model.safetensors.",
        )
    _refuse_code(path)
    weights = path / "model.safetensors"
    if not weights.is_file():
        raise ModelFileError(
            f"Encoder {settings.encoder!r} has no 'model.safetensors'",
            hint="Save the model again with model.save(folder, safe_serialization=True).",
        )
    digest = _cached_digest(weights, cache=settings.folder.expanduser() / _DIGEST_CACHE)
    return EncoderFolder(path=path, encoder_id=_encoder_id(path.resolve().name, digest), dimensions=_dimensions(path))


def _encoder_id(name: str, digest: str) -> str:
    return f"{name}@{digest[:_DIGEST_DIGITS]}"


def _refuse_code(path: Path) -> None:
    """Refuse files that run code when they are loaded."""
    for pattern in _CODE_FORMATS:
        for file in path.rglob(pattern):
            if not file.with_name("model.safetensors").is_file():
                raise ModelFileError(
                    f"Encoder file {str(file)!r} is in a format that can run code when it is loaded",
                    hint="Only safetensors weights are loaded; convert it first.",
                )
    for module in _modules(path):
        kind = str(module.get("type"))
        if not kind.startswith("sentence_transformers."):
            raise ModelFileError(
                f"Encoder {str(path)!r} asks for the module {kind!r}, which is not part of sentence-transformers",
                hint="Models that bring their own code are not loaded.",
            )


def _dimensions(path: Path) -> int:
    """Follow the modules as the model does: the transformer's width, then pooling, then dense layers."""
    width = int(_read_json(path / "config.json").get("hidden_size") or 0)
    for module in _modules(path):
        config_path = path / str(module.get("path", "")) / "config.json"
        kind = str(module.get("type")).rsplit(".", 1)[-1]
        if kind == "Pooling" and config_path.is_file():
            config = _read_json(config_path)
            modes = sum(bool(value) for key, value in config.items() if key.startswith("pooling_mode_"))
            pooled = config.get("word_embedding_dimension") or config.get("embedding_dimension") or width
            width = int(pooled) * max(1, modes)
        elif kind == "Dense" and config_path.is_file():
            width = int(_read_json(config_path).get("out_features") or width)
    if width <= 0:
        raise ModelFileError(
            f"Encoder {str(path)!r} does not say how long its vectors are", hint="config.json must have 'hidden_size'."
        )
    return width


def _modules(path: Path) -> list[dict[str, Any]]:
    file = path / "modules.json"
    rows = json.loads(_read_text(file)) if file.is_file() else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ModelFileError(f"Encoder file {str(file)!r} is not a list of modules", hint="Copy the model again.")
    return rows


def _read_json(file: Path) -> dict[str, Any]:
    value = json.loads(_read_text(file))
    if not isinstance(value, dict):
        raise ModelFileError(f"Encoder file {str(file)!r} is not a JSON object", hint="Copy the model again.")
    return value


def _read_text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"Encoder file {str(file)!r} is not JSON: {error}", hint="Copy the model again."
        ) from error
    return text


def _cached_digest(weights: Path, *, cache: Path) -> str:
    """SHA-256 of the weights; remembered by place, size and time, since reading them takes a second per gigabyte."""
    stat = weights.stat()
    key = f"{weights.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if isinstance(known, dict) and isinstance(known.get(key), str):
        return str(known[key])
    digest = sha256_of_file(weights)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_suffix(".new")
        fresh.write_text(json.dumps({**(known if isinstance(known, dict) else {}), key: digest}), encoding="utf-8")
        fresh.replace(cache)
    except OSError:
        pass  # A model folder that cannot be written only costs the time to read the weights again.
    return digest
