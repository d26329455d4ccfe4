"""The run file: one header line, then one line per case and system, only ever appended to.

```text
{"kind": "header", "format": 1, "run_id": …, "commit": …, "systems": […], "data_sets": […], …}
{"kind": "case", "data_set": "sample", "system": "dateline", "case": {…}, "outcome": {…}}
```

Everything that a report says is computed from these lines; a killed run leaves at most a cut last line, which does not
count and is run again.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from domain.errors import ConfigurationError
from eval.cases import Case
from eval.outcomes import Outcome

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLine:
    """One case as one system did it."""

    data_set: str
    system: str
    case: Case
    outcome: Outcome

    @property
    def key(self) -> tuple[str, str, str]:
        """What a resumed run skips."""
        return self.data_set, self.system, self.case.case_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run file, read whole."""

    header: Mapping[str, Any]
    lines: tuple[ScoredLine, ...]

    @classmethod
    def read(cls, path: Path, *, name: str | None = None) -> Self:
        """Read a run file, also one compressed to `.gz`; of a case that was run twice, the last line counts.

        Args:
            path: Of the file.
            name: What messages call it; its path by default.

        Raises:
            ConfigurationError: If it is missing, is no run file, or was written by a newer Dateline.
        """
        named = str(path) if name is None else name
        rows = list(_rows(path, named))
        if not rows or rows[0].get("kind") != "header":
            raise ConfigurationError(f"{named!r} is not a run file", hint="Make one with 'dateline eval run'.")
        if rows[0].get("format") != FORMAT:
            raise ConfigurationError(
                f"{named!r} has the run format {rows[0].get('format')}, this Dateline reads {FORMAT}",
                hint="Report on it with the Dateline that made it.",
            )
        try:
            lines = {line.key: line for line in map(_line, rows[1:])}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"A line of {named!r} is no case as this Dateline writes it: {error!r}",
                hint="Take the line out, or make the run again.",
            ) from error
        return cls(header=rows[0], lines=tuple(lines.values()))


class RunWriter:
    """Appends to a run file, each line durable before the next; one process writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write the header of a new run file.

        Raises:
            ConfigurationError: If the file exists.
        """
        if self._path.exists():
            raise ConfigurationError(
                f"The run file {str(self._path)!r} exists", hint="Go on with --resume, or name another file with --out."
            )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._append({"kind": "header", "format": FORMAT, **header})

    def add(self, line: ScoredLine) -> None:
        """Append one case."""
        self._append(
            {
                "kind": "case",
                "data_set": line.data_set,
                "system": line.system,
                "case": line.case.as_json(),
                "outcome": line.outcome.as_json(),
            }
        )

    def _append(self, row: Mapping[str, Any]) -> None:
        with self._path.open("ab") as file:
            cut = file.tell() > 0 and not _ends_with_newline(self._path)
            file.write((b"\n" if cut else b"") + json.dumps(row).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _rows(path: Path, named: str) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines(keepends=True)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(
            f"The run file {named!r} cannot be read: {getattr(error, 'strerror', None) or error}",
            hint="Check its path.",
        ) from error
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # Cut by a kill, or nothing that we wrote; its case counts as not run.
        if isinstance(row, dict):
            yield row


def _line(row: dict[str, Any]) -> ScoredLine:
    return ScoredLine(
        data_set=row["data_set"],
        system=row["system"],
        case=Case.of_json(row["case"]),
        outcome=Outcome.of_json(row["outcome"]),
    )


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
