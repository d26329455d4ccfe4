"""A folder of run files, as a server shows them: listed, reported on, compared."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from domain.errors import ConfigurationError, NotFoundError
from domain.ports import ListedRun
from eval.bounds import bounds_of_run, check_bounds
from eval.compare import compare
from eval.report.comparison import comparison_page
from eval.report.html import printable
from eval.report.page import CARDS, by_data_set, headline_cards, page
from eval.run_file import Run
from eval.summary import METRICS, summarise, whole

_LISTED: Final = 1000  # Rows that are kept; each is a few hundred bytes, and costs up to a second to make.
_PAGES: Final = 8  # Pages that are kept; one of 300 cases has half a megabyte.
_ENDINGS: Final = (".jsonl", ".jsonl.gz")
_HEADLINES: Final = tuple(metric for metric in METRICS if metric.name in CARDS)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _RunFile:
    """A run file as it is now: when it is written to, it is another one."""

    name: str
    path: Path
    mtime_ns: int
    size: int


class RunFolder:
    """The runs of a folder; it need not exist. Safe for use from several threads.

    Only regular files directly in the folder are runs, by the names that it lists; symbolic links are not followed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed = lru_cache(maxsize=_LISTED)(_listed)
        self._report = lru_cache(maxsize=_PAGES)(_report)
        self._comparison = lru_cache(maxsize=_PAGES)(_comparison)
        # One at a time each: what many ask for at once is computed once, and leaves cores to the questions.
        self._listing = Lock()
        self._making = Lock()

    def listed(self) -> tuple[ListedRun, ...]:
        """Return the runs, newest first; those that do not say when they began come last."""
        with self._listing:
            rows = [self._row(file) for file in self._files().values()]
        return tuple(sorted(rows, key=lambda row: (_instant(row.started), row.name), reverse=True))

    def report(self, name: str) -> str:
        """Return the page of `dateline eval report --html`, with the bounds of the run.

        Raises:
            NotFoundError: If there is none of this name.
            ConfigurationError: If it cannot be read.
        """
        file = self._file(name)
        with self._making:
            return self._report(file)

    def comparison(self, base: str, new: str) -> str:
        """Return the page of `dateline eval compare --html`, with the bounds of the new run.

        Raises:
            NotFoundError: If there is none of one of the names.
            ConfigurationError: If one cannot be read, or they have no system and data set in common.
        """
        files = self._file(base), self._file(new)
        with self._making:
            return self._comparison(*files)

    def _row(self, file: _RunFile) -> ListedRun:
        try:
            return self._listed(file)
        except ConfigurationError as error:
            return ListedRun(name=file.name, fault=printable(error.message))

    def _file(self, name: str) -> _RunFile:
        # The name is looked up, never made a path of: it is a stranger's.
        found = self._files().get(name)
        if found is None:
            raise NotFoundError(f"There is no run {name!r}", hint="The list of runs has their names.")
        return found

    def _files(self) -> dict[str, _RunFile]:
        try:
            with os.scandir(self._folder) as entries:
                found = (_run_file(entry) for entry in entries)
                return {file.name: file for file in found if file is not None}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise ConfigurationError(
                f"The folder of runs cannot be read: {error.strerror or error}", hint="Check the setting eval.runs."
            ) from error


def _run_file(entry: "os.DirEntry[str]") -> _RunFile | None:
    """Return what an entry of the folder is as a run file; `None` where it is something else, or has just gone."""
    is_named_so = entry.name.endswith(_ENDINGS) and printable(entry.name) == entry.name
    try:
        if not is_named_so or not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _RunFile(entry.name, Path(entry.path), status.st_mtime_ns, status.st_size)


def _listed(file: _RunFile) -> ListedRun:
    with _as_written_by_us(file):
        run = Run.read(file.path, name=file.name)
        row = ListedRun(name=file.name, started=_started(run), cases=len(run.lines))
        lines = by_data_set(run.lines)
        if not lines:
            return row
        data_set, systems = next(iter(lines.items()))
        system, own = next(iter(systems.items()))
        cards = headline_cards(data_set, system, own, whole(own, _HEADLINES))
        return replace(
            row,
            data_sets=tuple(map(printable, lines)),
            systems=tuple(dict.fromkeys(printable(name) for systems in lines.values() for name in systems)),
            figures=tuple((card.name, card.figure) for card in cards),
        )


def _report(file: _RunFile) -> str:
    with _as_written_by_us(file):
        run = Run.read(file.path, name=file.name)
        summary = summarise(run)
        return page(run, summary, checks=check_bounds(summary, bounds_of_run(run.header)))


def _comparison(base: _RunFile, new: _RunFile) -> str:
    with _as_written_by_us(base, new):
        runs = Run.read(base.path, name=base.name), Run.read(new.path, name=new.name)
        comparison = compare(*runs, bounds_of_run(runs[1].header), slices={"all"})
        if not comparison.pairings:
            raise ConfigurationError(
                f"No system is in both {base.name!r} and {new.name!r} on the same data set",
                hint="Choose two runs of one data set, with a system that has the same name in both.",
            )
        return comparison_page(*runs, comparison, names=(base.name, new.name))


@contextmanager
def _as_written_by_us(*files: _RunFile) -> Iterator[None]:
    """Tell of a file that was written by hand: its values may be anything that JSON can hold."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        names = " or ".join(repr(file.name) for file in files)
        _log.warning("%s cannot be shown", names, exc_info=True)
        raise ConfigurationError(
            f"{names} holds values that Dateline does not write: {error!r}", hint="Make the run again."
        ) from error


def _started(run: Run) -> str:
    said: Any = run.header.get("started")
    began = _instant(said) if isinstance(said, str) else _LONG_AGO
    return began.isoformat() if began > _LONG_AGO else ""  # ISO 8601 has other forms, which pages would have to read.


def _instant(started: str) -> datetime:
    try:
        read = datetime.fromisoformat(started)
    except ValueError:
        return _LONG_AGO
    return read if read.tzinfo else read.replace(tzinfo=UTC)
