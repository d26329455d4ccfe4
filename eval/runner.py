"""Runs systems over data sets and writes the run file, one line per case."""

import logging
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import numpy as np

from domain.errors import ConfigurationError, DatelineError
from domain.settings import Settings
from eval.cases import Case
from eval.data_sets import DataSet, check_names
from eval.outcomes import Outcome
from eval.provenance import code_version, differing, machine
from eval.records import KeptRecord, RecordCache
from eval.run_file import Run, RunWriter, ScoredLine
from eval.systems.system import System
from ingest.report import IngestProgress

_REASON_CHARS: Final = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run has come.

    Attributes:
        done: Cases in the run file, those of an earlier run included.
        total: Cases times systems.
        ran: Cases of this run.
        unscored: Those of them that failed.
        seconds: Since the start of this run.
    """

    data_set: str
    system: str
    done: int
    total: int
    ran: int
    unscored: int
    seconds: float

    @property
    def rate_per_s(self) -> float:
        """Cases per second in this run."""
        return self.ran / self.seconds if self.seconds > 0 else 0.0


class Progress(Protocol):
    """Is told what happens, for a progress bar."""

    def ingesting(self, data_set: str, progress: IngestProgress) -> None:
        """Tell that a record is being made."""
        ...

    def preparing(self, data_set: str, system: str) -> None:
        """Tell that a system is being made ready."""
        ...

    def running(self, progress: RunProgress) -> None:
        """Tell that a case is done."""
        ...


class Silence:
    """The progress of a run that nobody watches."""

    def ingesting(self, data_set: str, progress: IngestProgress) -> None:
        """Say nothing."""

    def preparing(self, data_set: str, system: str) -> None:
        """Say nothing."""

    def running(self, progress: RunProgress) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What one call of `run` did.

    Attributes:
        ran: Cases that were run now.
        resumed: Cases that the file already had.
        unscored: Reasons of those that failed now, by `data set, system, case id`.
    """

    run_id: str
    ran: int
    resumed: int
    unscored: Mapping[tuple[str, str, str], str]


def run(
    data_sets: Sequence[DataSet],
    systems: Sequence[System],
    writer: RunWriter,
    *,
    records: RecordCache,
    settings: Settings,
    limit: int | None = None,
    resume: Run | None = None,
    seed: int = 0,
    checker_error: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> RunSummary:
    """Run every system over every data set, in the order given.

    Records are ingested first and the header is written then, so that a run file that exists can be gone on with.

    Args:
        data_sets: With distinct names.
        systems: With distinct names.
        writer: Of a file that does not exist, or, with `resume`, of the file that `resume` was read from.
        records: Where the records of the data sets are kept.
        settings: For the header's fingerprint.
        limit: Most cases per data set: a sample drawn with `seed`, the same for every system, which a larger limit
            extends; `None` for all.
        resume: The run to go on with.
        seed: Of the sample.
        checker_error: What is known of the support checker's own error, for the header.
        progress: Told what happens.

    Raises:
        ConfigurationError: If the run to go on with was made otherwise, or a system cannot run at all.
        KeyboardInterrupt: If it was interrupted; what is in the file is whole, and `resume` goes on.
    """
    check_names(data_sets)
    watcher = progress or Silence()
    kept = {one.name: _record(one, records, watcher) for one in data_sets}
    chosen = {one.name: _chosen(one, kept[one.name], limit=limit, seed=seed) for one in data_sets}
    header = _header(data_sets, systems, kept=kept, chosen=chosen, settings=settings, limit=limit, seed=seed)
    header["checker_error"] = None if checker_error is None else dict(checker_error)
    if resume is None:
        writer.begin(header)
    else:
        _demand_same(resume.header, header)
    finished = frozenset(line.key for line in resume.lines) if resume is not None else frozenset()
    work = _Work(
        writer=writer,
        watcher=watcher,
        total=len(systems) * sum(map(len, chosen.values())),
        done=len(finished),
    )
    for data_set in data_sets:
        for system in systems:
            cases = [
                case for case in chosen[data_set.name] if (data_set.name, system.name, case.case_id) not in finished
            ]
            if cases:
                work.do(data_set, system, cases)
    return RunSummary(
        run_id=str((resume.header if resume is not None else header)["run_id"]),
        ran=work.ran,
        resumed=len(finished),
        unscored=dict(work.unscored),
    )


class _Work:
    """Runs cases and keeps count."""

    def __init__(self, *, writer: RunWriter, watcher: Progress, total: int, done: int) -> None:
        self._writer = writer
        self._watcher = watcher
        self._total = total
        self._done = done
        self._started = time.monotonic()
        self.ran = 0
        self.unscored: dict[tuple[str, str, str], str] = {}

    def do(self, data_set: DataSet, system: System, cases: Sequence[Case]) -> None:
        """Run one system over cases of one data set."""
        self._watcher.preparing(data_set.name, system.name)
        for record, asked_of_it in _by_record(data_set, cases):
            self._ask(record, system, asked_of_it)

    def _ask(self, data_set: DataSet, system: System, cases: Sequence[Case]) -> None:
        try:
            system.prepare(data_set)
            for case in cases:
                outcome = _outcome(system, case)
                line = ScoredLine(data_set=data_set.name, system=system.name, case=case, outcome=outcome)
                self._writer.add(line)
                self.ran += 1
                if outcome.reason is not None:
                    self.unscored[line.key] = outcome.reason
                self._tell(data_set, system)
        finally:
            system.close()

    def _tell(self, data_set: DataSet, system: System) -> None:
        self._watcher.running(
            RunProgress(
                data_set=data_set.name,
                system=system.name,
                done=self._done + self.ran,
                total=self._total,
                ran=self.ran,
                unscored=len(self.unscored),
                seconds=time.monotonic() - self._started,
            )
        )


def _by_record(data_set: DataSet, cases: Sequence[Case]) -> Iterator[tuple[DataSet, Sequence[Case]]]:
    """Yield the cases with the set cut down to the documents that they are asked over."""
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.documents, []).append(case)
    for documents, group in groups.items():
        if documents and data_set.corpus is not None:
            yield replace(data_set, corpus=data_set.corpus.only(documents), cases=tuple(group)), group
        else:
            yield data_set, group


def asked(case: Case) -> Case:
    """Return the case without anything of its right outcome, as systems get it."""
    return Case(case_id=case.case_id, question=case.question, history=case.history, scope=case.scope)


def _outcome(system: System, case: Case) -> Outcome:
    try:
        return system.run(asked(case))
    except Exception as error:  # noqa: BLE001  - whatever it is, it costs this case and no other
        return Outcome(status="unscored", reason=_reason(error))


def _reason(error: Exception) -> str:
    message = error.message if isinstance(error, DatelineError) else str(error)
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "" if isinstance(error, DatelineError) else "".join(f" ({one.name})" for one in place)
    return f"{type(error).__name__}{where}: {message}"[:_REASON_CHARS]


def _record(data_set: DataSet, records: RecordCache, watcher: Progress) -> KeptRecord | None:
    if data_set.corpus is None:
        return None
    kept = records.get(data_set.corpus, lambda seen: watcher.ingesting(data_set.name, seen))
    if kept.failed:
        _log.warning(
            "%d sources of %s are not in its record, first %s", len(kept.failed), data_set.name, kept.failed[0]
        )
    return kept


def _chosen(data_set: DataSet, kept: KeptRecord | None, *, limit: int | None, seed: int) -> tuple[Case, ...]:
    cases = data_set.cases
    if limit is not None and limit < len(cases):
        places = np.random.default_rng(seed).permutation(len(cases))[:limit]
        cases = tuple(cases[place] for place in sorted(places))
    if kept is None:
        return cases
    return tuple(_dated(case, kept.years) for case in cases)


def _dated(case: Case, years: Mapping[str, int]) -> Case:
    """Fill in the year from the document that answers, where the set does not say it."""
    if case.year is not None:
        return case
    year = next((years[gold.doc_id] for gold in case.gold if gold.doc_id in years), None)
    return replace(case, year=year)


def _header(
    data_sets: Sequence[DataSet],
    systems: Sequence[System],
    *,
    kept: Mapping[str, KeptRecord | None],
    chosen: Mapping[str, Sequence[Case]],
    settings: Settings,
    limit: int | None,
    seed: int,
) -> dict[str, Any]:
    return {
        "run_id": uuid.uuid4().hex,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **code_version(),
        "settings": settings.fingerprint(),
        "seed": seed,
        "limit": limit,
        "data_sets": [
            {
                "name": data_set.name,
                "digest": data_set.digest,
                "cases": len(chosen[data_set.name]),
                "of": len(data_set.cases),
                "record": _record_header(data_set, kept[data_set.name]),
            }
            for data_set in data_sets
        ],
        "systems": [system.name for system in systems],
        "system_details": {system.name: dict(system.details) for system in systems},
        "bounds": [
            {**bound, "data_set": bound.get("data_set", data_set.name)}
            for data_set in data_sets
            for bound in data_set.bounds
        ],
        "machine": machine(),
    }


def _record_header(data_set: DataSet, kept: KeptRecord | None) -> dict[str, Any] | None:
    if data_set.corpus is None or kept is None:
        return None
    return {
        "digest": data_set.corpus.digest,
        "key": kept.key,
        "documents": len(kept.doc_ids),
        "passages": kept.passages,
        "failed": len(kept.failed),
        "index_generation": kept.generation,
    }


def _demand_same(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    field = differing(earlier, now)
    if field is not None:
        raise ConfigurationError(
            f"The run cannot be gone on with: its {field!r} differs from what is asked for now",
            hint="Use the arguments and the code that it was begun with, or start another with --out.",
        )
