"""Index folders in generations: a new index is built beside the old one, then one pointer moves.

```text
index/
  current          the name of the generation in use, `gen-3`
  gen-3/
    manifest.json  what it was built by and for
    chroma/        vectors
    tantivy/       words
```
"""

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from domain.errors import StorageError

FORMAT: Final = 1  # Raised when fields or analysis of an index change; older generations are then rebuilt.
BLOAT: Final = 10  # A link list is a small part of its index; 1000 times its size was seen after a kill.

_NAME = re.compile(r"gen-(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One folder with one Chroma and one tantivy index."""

    number: int
    folder: Path

    @property
    def chroma(self) -> Path:
        """Folder of the Chroma index."""
        return self.folder / "chroma"

    @property
    def tantivy(self) -> Path:
        """Folder of the tantivy index."""
        return self.folder / "tantivy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a generation was built by and for; another manifest means another generation."""

    format: int
    encoder_id: str
    dimensions: int
    chromadb: str
    tantivy: str

    @classmethod
    def wanted(cls, *, encoder_id: str, dimensions: int) -> "Manifest":
        """Return the manifest that this installation writes."""
        return cls(
            format=FORMAT,
            encoder_id=encoder_id,
            dimensions=dimensions,
            chromadb=version("chromadb"),
            tantivy=version("tantivy"),
        )


class Generations:
    """The index folder of one record. Only the process that holds the writer lock changes it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current(self) -> Generation | None:
        """Return the generation in use; `None` where there is none or the pointer leads nowhere."""
        try:
            match = _NAME.fullmatch((self.root / "current").read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError):
            return None
        if match is None or not (self.root / match[0]).is_dir():
            return None
        return Generation(number=int(match[1]), folder=self.root / match[0])

    def create(self) -> Generation:
        """Make the folder of the next generation; it is not in use before `switch`.

        Raises:
            StorageError: If the folder cannot be made.
        """
        number = max((generation.number for generation in self._all()), default=0) + 1
        generation = Generation(number=number, folder=self.root / f"gen-{number}")
        try:
            generation.folder.mkdir(parents=True)
        except OSError as exc:
            raise _storage_error(exc) from exc
        return generation

    def switch(self, generation: Generation, manifest: Manifest) -> None:
        """Put a generation to use, durably and in one step.

        Raises:
            StorageError: If the pointer cannot be written; the earlier generation is then still in use.
        """
        try:
            _write_durably(generation.folder / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")
            _write_durably(self.root / "current", f"{generation.folder.name}\n")
        except OSError as exc:
            raise _storage_error(exc) from exc

    def remove(self, generation: Generation) -> None:
        """Delete a generation that is not in use."""
        shutil.rmtree(generation.folder, ignore_errors=True)

    def remove_others(self, keep: Generation | None) -> None:
        """Delete all generations but one, leftovers of killed rebuilds among them.

        Clients of the others must be closed: Chroma cannot write to a folder that was deleted under it. Processes
        that read a word index keep their open files.
        """
        for generation in self._all():
            if keep is None or generation.number != keep.number:
                self.remove(generation)

    def fault(self, generation: Generation, wanted: Manifest) -> str | None:
        """Say why a generation must not even be opened; `None` when nothing speaks against it."""
        try:
            found = json.loads((generation.folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "its manifest cannot be read"
        if found != asdict(wanted):
            return "it was made by another version or for another encoder"
        return _bloated(generation.chroma)

    def _all(self) -> list[Generation]:
        if not self.root.is_dir():
            return []
        folders = [(folder, _NAME.fullmatch(folder.name)) for folder in self.root.iterdir()]
        return [Generation(number=int(match[1]), folder=folder) for folder, match in folders if match]


def _bloated(chroma: Path) -> str | None:
    """Find link lists of impossible size, the mark of a kill while Chroma saved its graph: opening them crashes."""
    for links in chroma.glob("*/link_lists.bin"):
        level0 = links.with_name("data_level0.bin")
        try:
            size, base = links.stat().st_size, level0.stat().st_size
        except OSError:
            return f"{level0.name} is missing"
        if size > BLOAT * max(base, 1):
            return f"{links.name} claims {size} bytes beside {base} bytes of vectors"
    return None


def _write_durably(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _storage_error(exc: OSError) -> StorageError:
    return StorageError(f"The index folder cannot be written: {exc}", hint="Free disk space, or check its rights.")
