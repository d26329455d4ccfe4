"""The refusal threshold as `dateline eval calibrate` learned it: a small file that the service loads."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ConfigurationError
from domain.settings import AnswerSettings

FORMAT: Final = 1

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CurvePoint(_Part):
    """What one threshold would do: `coverage` is the share answered, `risk` the share of those that is wrong."""

    threshold: Share
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
    """A learned refusal threshold with where it comes from.

    Attributes:
        min_relevance: Answerability below this refuses, 0..1.
        target: What was aimed at, in words.
        threshold: `min_relevance` with its interval.
        risk: Share of wrong answers among the answered, on the cases it was learned from.
        held_out_risk: The same on cases that a threshold was not learned from (bootstrap, out of bag): what to expect
            of new questions like these; `None` where too few cases were left out.
        coverage: Share of the cases that is answered.
        curve: Risk and coverage by threshold, the highest threshold first.
    """

    format: Literal[1]
    min_relevance: Share
    target: str
    threshold: Interval
    risk: Interval
    held_out_risk: Interval | None
    coverage: Interval
    curve: tuple[CurvePoint, ...]
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


def calibrated(settings: AnswerSettings) -> AnswerSettings:
    """Return the settings with the threshold of their calibration file, where they name one.

    Raises:
        ConfigurationError: If the file cannot be read or is no calibration.
    """
    if settings.calibration is None:
        return settings
    return settings.model_copy(update={"min_relevance": read_calibration(settings.calibration).min_relevance})
