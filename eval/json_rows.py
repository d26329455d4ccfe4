"""Files of JSON lines, plain or gzip, read row by row with the place of each row for messages."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object of a file.

    Attributes:
        line: 1-based line, or number of the table in a TOML file.
    """

    file: Path
    line: int
    values: Mapping[str, Any]

    def fault(self, field: str, problem: str) -> ConfigurationError:
        """Return the error that names file, line and field."""
        return ConfigurationError(
            f"{str(self.file)!r}, line {self.line}: {field!r} {problem}", hint="Correct the line and run again."
        )

    def text(self, *fields: str) -> str | None:
        """Return the first of `fields` that is there and not empty; numbers become text.

        Raises:
            ConfigurationError: If it is neither text nor a whole number.
        """
        for field in fields:
            value = self.values.get(field)
            if value is None or value == "":
                continue
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self.fault(field, "must be text")
            return str(value)
        return None

    def demanded_text(self, *fields: str) -> str:
        """Return the first of `fields` that is there.

        Raises:
            ConfigurationError: If there is none, or it is only white space.
        """
        text = self.text(*fields)
        if text is None or not text.strip():
            raise self.fault(fields[0], "is missing")
        return text

    def texts(self, field: str) -> tuple[str, ...]:
        """Return a list of texts; empty where there is none.

        Raises:
            ConfigurationError: If it is something else.
        """
        value = self.values.get(field)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise self.fault(field, "must be a list of texts")
        return tuple(value)

    def objects(self, field: str) -> tuple[Mapping[str, Any], ...]:
        """Return a list of objects; empty where there is none.

        Raises:
            ConfigurationError: If it is something else.
        """
        value = self.values.get(field)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
            raise self.fault(field, "must be a list of objects")
        return tuple(value)

    def day(self, field: str) -> date | None:
        """Return a calendar day, as TOML has it or as `YYYY-MM-DD`.

        Raises:
            ConfigurationError: If there is no such day.
        """
        value = self.values.get(field)
        if value is None or value == "":
            return None
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self.fault(field, f"is {value!r}, not a day as in 2025-02-06") from error

    def flag(self, field: str, *, default: bool) -> bool:
        """Return true or false.

        Raises:
            ConfigurationError: If it is something else.
        """
        value = self.values.get(field, default)
        if not isinstance(value, bool):
            raise self.fault(field, "must be true or false")
        return value


def read_rows(path: Path) -> Iterator[Row]:
    """Read the objects of a `.jsonl` or `.jsonl.gz` file, one by one; empty lines are passed over.

    Raises:
        ConfigurationError: If the file cannot be read, or a line is no JSON object; the message names the line.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield Row(file=path, line=number, values=_object(line, path, number))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        place = f" beyond line {number}" if number else ""
        raise ConfigurationError(f"{str(path)!r} cannot be read{place}: {reason}", hint="Check the file.") from error


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first file of these names in `folder`, each also as `.gz`; `None` if there is none."""
    candidates = (folder / variant for name in names for variant in (name, f"{name}.gz"))
    return next((path for path in candidates if path.is_file()), None)


def _object(line: bytes, path: Path, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{str(path)!r}, line {number} is not JSON: {error}", hint="Each line is one JSON object."
        ) from error
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{str(path)!r}, line {number} is not a JSON object", hint="Each line is one JSON object."
        )
    return value
