"""What is measured: anything that turns a question into an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.answers import Mode
from domain.settings import Settings
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Outcome
from eval.records import RecordCache


class System(Protocol):
    """One system under measurement; used by one thread."""

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        ...

    @property
    def details(self) -> Mapping[str, Any]:
        """What a reader must know to run it again: models with digests, prompts, limits; JSON values."""
        ...

    def prepare(self, data_set: DataSet) -> None:
        """Make ready for a data set: open its record, load models. Nothing of this is counted as time of a case.

        Raises:
            ConfigurationError: If it cannot run at all: a model, package or program is missing.
        """
        ...

    def run(self, case: Case) -> Outcome:
        """Answer one case of the prepared data set; the case holds the question alone, not the right outcome.

        Any exception makes the case unscored, with the exception as its reason.
        """
        ...

    def close(self) -> None:
        """Release what `prepare` opened; it may be called again for the next data set."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What systems are opened with.

    Attributes:
        settings: Of this installation; the data folder is replaced by that of each data set's record.
        mode: How Dateline writes, where a system's name does not say it.
    """

    settings: Settings
    records: RecordCache
    mode: Mode = Mode.AUTO
