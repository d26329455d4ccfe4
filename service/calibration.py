"""When to refuse, as `dateline eval calibrate` learned it: a small file that the service loads.

It holds a logistic model (signals of a question and what was found for it → how likely the record answers), the
probability below which to refuse, what each other threshold would do, and where all of this was learned.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ConfigurationError
from domain.settings import AnswerSettings

FORMAT: Final = 2
SHIPPED: Final = "refusal.json"

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CurvePoint(_Part):
    """What one threshold would do: `coverage` is the share answered, `risk` the share of those that is wrong."""

    threshold: Share
    coverage: Share
    risk: Share


class Model(_Part):
    """A logistic regression: the log-odds are `bias` plus each signal times its weight."""

    bias: float
    weights: dict[str, float]

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return how likely the record answers, 0..1; a signal that is missing counts nothing."""
        logit = self.bias + math.fsum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-min(max(logit, -60.0), 60.0)))


class Travelled(_Part):
    """What model and threshold do on a data set that they were not learned from, but on the others.

    Attributes:
        auroc: How well the probability tells answerable questions from the others; `None` where there is only one kind.
        coverage: Share of its questions that is answered.
        risk: Share of these answers that is wrong.
    """

    auroc: Share | None
    coverage: Share
    risk: Share


class Interval(_Part):
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Provenance(_Part):
    """What the threshold was learned from.

    Attributes:
        data_sets: Digest by name of data set, as the run's header has them; empty where it has none.
        settings: Fingerprint of the settings of the run.
        n: Cases that it was learned from.
        unscored: Cases of the run that could not be used.
        seed: Of the bootstrap.
    """

    run_id: str
    system: str
    data_sets: dict[str, str]
    settings: str
    n: int = Field(ge=1)
    unscored: int = Field(ge=0)
    seed: int


class Calibration(_Part):
    """What was learned, and where.

    Attributes:
        model: Signals → how likely the record answers.
        min_relevance: A probability below this refuses, 0..1.
        target: What was aimed at, in words.
        threshold: `min_relevance` with its interval.
        risk: Share of wrong answers among the answered, on the cases it was learned from.
        held_out_risk: The same on cases that a threshold was not learned from (bootstrap, out of bag): what to expect
            of new questions like these; `None` where too few cases were left out.
        coverage: Share of the cases that is answered.
        curve: Risk and coverage by threshold, the highest threshold first.
        travelled: By data set, where there is more than one.
        auroc: By data set with both kinds of questions: how well models that did not see a case tell its kind.
        auroc_without: The same by each signal, when that one is left out: what it is worth.
    """

    format: Literal[2]
    model: Model
    min_relevance: Share
    target: str
    threshold: Interval
    risk: Interval
    held_out_risk: Interval | None
    coverage: Interval
    curve: tuple[CurvePoint, ...]
    travelled: dict[str, Travelled]
    auroc: dict[str, Share] = {}
    auroc_without: dict[str, dict[str, Share]] = {}
    provenance: Provenance


def read_calibration(path: Path) -> Calibration:
    """Read what `dateline eval calibrate` wrote.

    Raises:
        ConfigurationError: If the file cannot be read or is no calibration.
    """
    try:
        text = path.expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The calibration {str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}",
            hint="Make one with 'dateline eval calibrate', or unset answer.calibration.",
        ) from error
    try:
        return Calibration.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise ConfigurationError(
            f"{str(path)!r} is not a calibration: {f'{place}: ' if place else ''}{fault['msg']}",
            hint="Make it again with 'dateline eval calibrate', or unset answer.calibration.",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRule:
    """How likely the record answers, and below which probability to refuse."""

    model: Model
    threshold: float

    def probability(self, signals: Mapping[str, float]) -> float | None:
        """Return how likely the record answers, 0..1; `None` where a signal that it is judged by is missing."""
        return self.model.probability(signals) if self.model.weights.keys() <= signals.keys() else None

    def refuses(self, probability: float | None) -> bool:
        """Tell whether to refuse at this probability; what could not be judged is not refused for it."""
        return probability is not None and probability < self.threshold


def refusal_rule(settings: AnswerSettings) -> RefusalRule:
    """Return the rule of the settings' calibration, or of the one that comes with Dateline.

    The threshold is `min_relevance` where that is set; else what `most_wrong` allows on the calibration's curve; else
    the calibration's own.

    Raises:
        ConfigurationError: If the file cannot be read or is no calibration, or no threshold of it meets `most_wrong`.
    """
    calibration = read_calibration(settings.calibration or Path(str(files("service") / SHIPPED)))
    if settings.min_relevance is not None:
        threshold = settings.min_relevance
    elif settings.most_wrong is not None:
        threshold = threshold_for(calibration, settings.most_wrong)
    else:
        threshold = calibration.min_relevance
    return RefusalRule(model=calibration.model, threshold=threshold)


def threshold_for(calibration: Calibration, most_wrong: float) -> float:
    """Return the threshold that answers most while at most this share of the answers was wrong.

    Raises:
        ConfigurationError: If there is none.
    """
    answering = [point for point in calibration.curve if point.coverage > 0]
    allowed = [point for point in answering if point.risk <= most_wrong]
    if not allowed:
        least = min((point.risk for point in answering), default=1.0)
        raise ConfigurationError(
            f"No threshold keeps the share of wrong answers at {most_wrong:.4g}; the least is {least:.4g}",
            hint="Raise answer.most_wrong, or calibrate on questions like yours with 'dateline eval calibrate'.",
        )
    return max(allowed, key=lambda point: point.coverage).threshold
