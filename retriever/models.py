"""The registry of model files: what there is, where it is kept, and whether the bytes are right."""

import fcntl
import hashlib
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.errors import ModelFileError

_CHUNK_BYTES = 1 << 20


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Row):
    """One file of a model, with the size and SHA-256 it must have."""

    path: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path:
            raise ValueError(f"a model file is a relative path without '..', got {path!r}")
        return path


class PackageSource(_Row):
    """A wheel that holds all files of a model in the folder `root`."""

    kind: Literal["package"]
    requirement: str
    root: str


class ShardSource(_Row):
    """Wheels numbered from 1 that each hold one piece of the model's only file, in order."""

    kind: Literal["shards"]
    requirement: str
    member: str
    shards: int = Field(gt=0)


class HubSource(_Row):
    """A repository on a model hub."""

    kind: Literal["hub"]
    repository: str
    revision: str


Source = Annotated[PackageSource | ShardSource | HubSource, Field(discriminator="kind")]


class ModelEntry(_Row):
    """One registered model.

    Attributes:
        weights: The file that makes the model what it is; its digest is the model's identity.
        dimensions: Length of an encoder's vectors; `None` for chat models.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    kind: Literal["encoder", "chat"]
    summary: str
    licence: str
    weights: str
    dimensions: int | None = None
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.weights not in {file.path for file in self.files}:
            raise ValueError(f"weights {self.weights!r} is not among the files of {self.name!r}")
        if (self.kind == "encoder") != (self.dimensions is not None):
            raise ValueError(f"model {self.name!r}: encoders, and only they, have dimensions")
        if len(self.files) != 1 and any(source.kind == "shards" for source in self.sources):
            raise ValueError(f"model {self.name!r}: shards can only make up a single file")
        return self

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return next(file.sha256 for file in self.files if file.path == self.weights)

    def place(self, folder: Path) -> Path:
        """Where the model lives in `folder`: an encoder is a folder, a chat model is its file."""
        home = folder / self.name
        return home if self.kind == "encoder" else home / self.weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistry:
    """The models by name."""

    entries: Mapping[str, ModelEntry]

    @classmethod
    def load(cls) -> Self:
        """Read the registry that is shipped with Dateline."""
        return cls.parse(_shipped_registry())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a registry from TOML text; names are unique.

        Raises:
            ValueError: If the text is not TOML or a row is not valid.
        """
        rows = [ModelEntry.model_validate(row) for row in tomllib.loads(text)["models"]]
        entries = {row.name: row for row in rows}
        if len(entries) != len(rows):
            raise ValueError("two models of the registry have the same name")
        return cls(entries=entries)

    def get(self, name: str) -> ModelEntry:
        """Return the entry called `name`.

        Raises:
            ModelFileError: If there is none.
        """
        if name not in self.entries:
            raise ModelFileError(
                f"There is no model {name!r} in the registry", hint=f"Registered: {', '.join(sorted(self.entries))}."
            )
        return self.entries[name]

    def first(self, kind: Literal["encoder", "chat"]) -> ModelEntry:
        """Return the first entry of a kind, which is the default one."""
        return next(entry for entry in self.entries.values() if entry.kind == kind)


@cache
def _shipped_registry() -> str:
    return (resources.files("retriever") / "models.toml").read_text(encoding="utf-8")


def locate(name: str, folder: Path, *, registry: ModelRegistry | None = None) -> Path:
    """Return where a fetched model is: a folder for an encoder, the file for a chat model.

    Only presence and sizes are checked, so that it costs nothing at start; `verify` reads the bytes.

    Raises:
        ModelFileError: If the model is unknown, was not fetched, or a file has the wrong size.
    """
    entry = (registry or ModelRegistry.load()).get(name)
    home = folder.expanduser() / entry.name
    for file in entry.files:
        path = home / file.path
        if not path.is_file():
            raise ModelFileError(
                f"Model {name!r} is not in {str(folder)!r}: {file.path!r} is missing", hint=_hint(name)
            )
        if path.stat().st_size != file.bytes:
            raise ModelFileError(
                f"Model {name!r}: {file.path!r} has {path.stat().st_size} bytes, must have {file.bytes}",
                hint=_hint(name),
            )
    return entry.place(folder.expanduser())


def verify(name: str, folder: Path, *, registry: ModelRegistry | None = None) -> Path:
    """Check every byte of a fetched model and return where it is.

    Raises:
        ModelFileError: If it was not fetched, or a file does not have the registered digest.
    """
    registry = registry or ModelRegistry.load()
    place = locate(name, folder, registry=registry)
    home = folder.expanduser() / name
    for file in registry.get(name).files:
        check_digest(name, file, home / file.path)
    return place


def check_digest(name: str, file: ModelFile, path: Path) -> None:
    """Compare a file with its registered digest.

    Raises:
        ModelFileError: If they differ; names both digests.
    """
    found = sha256_of_file(path)
    if found != file.sha256:
        raise ModelFileError(
            f"Model {name!r}: {file.path!r} has SHA-256 {found}, must have {file.sha256}", hint=_hint(name)
        )


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hint(name: str) -> str:
    return f"Run 'dateline models fetch {name}'."


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchProgress:
    """How far a fetch has come.

    Attributes:
        place: Where it is read from at the moment.
    """

    name: str
    place: str
    done_bytes: int
    total_bytes: int


ReportProgress = Callable[[FetchProgress], None]


def fetch(
    name: str, folder: Path, progress: ReportProgress | None = None, *, registry: ModelRegistry | None = None
) -> Path:
    """Make a model present and correct, trying its places in order, and return where it is.

    A model that is already there is verified and kept. An interrupted fetch goes on where it stopped.
    Files appear under their final names only when every digest is right.

    Raises:
        ModelFileError: If no place gave the right bytes; the message says what each one answered.
    """
    registry = registry or ModelRegistry.load()
    entry = registry.get(name)
    folder = folder.expanduser()
    if _is_whole(entry, folder, registry):
        return entry.place(folder)
    faults = []
    with _staging(entry, folder) as staging:
        if _is_whole(entry, folder, registry):  # Another process fetched it while this one waited.
            return entry.place(folder)
        for source in entry.sources:
            fault = _fault_of_place(entry, source, staging, progress or _silent)
            if fault is None:
                _move_into_place(entry, staging, folder / entry.name)
                return entry.place(folder)
            faults.append(fault)
    raise ModelFileError(
        f"Model {name!r} could not be fetched: {'; '.join(faults)}",
        hint=f"Check the network and the package index, or copy its files into {str(folder / name)!r}.",
    )


def _is_whole(entry: ModelEntry, folder: Path, registry: ModelRegistry) -> bool:
    try:
        verify(entry.name, folder, registry=registry)
    except ModelFileError:
        return False
    return True


def _fault_of_place(entry: ModelEntry, source: Source, staging: Path, report: ReportProgress) -> str | None:
    """Read the files from one place into `staging`; `None` when every digest is right."""
    # Fetching needs subprocesses, archives and HTTP, which no other command does.
    from retriever.model_places import PlaceError, read_place  # noqa: PLC0415

    try:
        read_place(entry, source, staging, report)
        for file in entry.files:
            check_digest(entry.name, file, staging / file.path)
    except PlaceError as error:
        return str(error)  # What it gave is kept: the next try goes on from there.
    except ModelFileError as error:
        shutil.rmtree(staging)
        staging.mkdir()
        return error.message
    return None


def _silent(progress: FetchProgress) -> None:
    """Report to nobody."""


@contextmanager
def _staging(entry: ModelEntry, folder: Path) -> Iterator[Path]:
    staging = folder / f".fetch-{entry.name}"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".fetch-{entry.name}.lock").open("wb")
    except OSError as error:
        raise ModelFileError(
            f"The model folder {str(folder)!r} cannot be written: {error.strerror or error}",
            hint="Set DATELINE_MODELS__FOLDER to a folder that can be written.",
        ) from error
    with lock:
        # Two fetches of one model would write the same partial file; the second waits and finds it done.
        fcntl.flock(lock, fcntl.LOCK_EX)
        staging.mkdir(exist_ok=True)
        yield staging


def _move_into_place(entry: ModelEntry, staging: Path, home: Path) -> None:
    # The weights come last: until they are there `locate` reports the model as missing.
    for file in sorted(entry.files, key=lambda file: file.path == entry.weights):
        target = home / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / file.path).replace(target)
    shutil.rmtree(staging, ignore_errors=True)


def copy_chunks(read: Callable[[int], bytes], write: Callable[[bytes], object], *, limit: int) -> Iterator[int]:
    """Copy a stream piece by piece, giving the size of each piece; stops after `limit` bytes.

    Raises:
        ValueError: If the stream holds more than `limit` bytes.
    """
    done = 0
    while chunk := read(_CHUNK_BYTES):
        done += len(chunk)
        if done > limit:
            raise ValueError(f"holds more than {limit} bytes")
        write(chunk)
        yield len(chunk)
