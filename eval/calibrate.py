"""Learns from a run when to refuse: how likely the record answers, and how likely is likely enough.

The signals of each case become a probability by logistic regression, in which each data set counts the same, and in it
the questions with an answer as much as those without. The threshold is chosen on probabilities of models that did not
see the case (five folds, whole clusters), so that risk and coverage are those of new questions of the same kind; what
becomes of it on questions of another kind is measured by leaving each data set out in turn.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from domain.errors import ConfigurationError
from eval.metrics.refusals import auroc
from eval.metrics.uncertainty import LEVEL, SEED, Matrix, Vector
from eval.run_file import Run, ScoredLine
from eval.verdicts import Verdict, verdict_of
from service.calibration import FORMAT, Calibration, CurvePoint, Interval, Model, Provenance, Travelled

RESAMPLES: Final = 1_000
_CHUNK_ROWS: Final = 50  # Resamples held at once.
_DIGITS: Final = 4  # As many decimals as the API shows of an answerability.
_ROUNDING: Final = 1e-9
_MOST_POINTS: Final = 200
_FOLDS: Final = 5
_STRENGTH: Final = 1.0  # Inverse of the penalty on standardised weights; scikit-learn's own default.
_WEIGHT_DIGITS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMostWrong:
    """Answer as much as possible while at most a share of the answers is wrong.

    Attributes:
        share: Of the answered, 0..1.
    """

    share: float

    def __str__(self) -> str:
        return f"at most {self.share:.4g} of the answers wrong"

    def worth(self, answered: Matrix, wrong: Matrix) -> Matrix:
        """Return the number of answers; minus infinity where too many of them are wrong, or there is none."""
        meets = (wrong <= self.share * answered + _ROUNDING) & (answered > 0)
        return np.where(meets, answered, -np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestUtility:
    """A right answer is worth 1, a refusal 0, a wrong answer minus its cost; make the sum as large as possible.

    Attributes:
        cost: Of a wrong answer, in right answers; 0 or more.
    """

    cost: float

    def __str__(self) -> str:
        return f"most utility where a wrong answer costs {self.cost:.4g} right ones"

    def worth(self, answered: Matrix, wrong: Matrix) -> Matrix:
        """Return the utility."""
        return np.asarray(answered - wrong - self.cost * wrong, dtype=np.float64)


Target = AtMostWrong | BestUtility
"""What a threshold is chosen for; `worth` takes and gives arrays of one shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case that can be learned from.

    Attributes:
        answerable: Whether the record answers.
        answers: Whether the assistant answered; not, where it refused.
        right: Whether that answer is right.
        cluster: Cases of one cluster are not independent.
    """

    data_set: str
    signals: Mapping[str, float]
    answerable: bool
    answers: bool
    right: bool
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A case as the threshold sees it.

    Attributes:
        confidence: 0..1.
        answers: Whether the assistant answers once the threshold is passed; not, where it refused for another reason.
        right: Whether that answer is right.
        cluster: Attempts of one cluster are not independent.
    """

    confidence: float
    answers: bool
    right: bool
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A threshold with what it does: `answered` of `cases`, of which `wrong` are wrong."""

    threshold: float
    cases: int
    answered: int
    wrong: int

    @property
    def coverage(self) -> float:
        """Share of the cases that is answered, 0..1."""
        return self.answered / self.cases if self.cases else 0.0

    @property
    def risk(self) -> float:
        """Share of the answers that is wrong, 0..1; 0 without answers."""
        return self.wrong / self.answered if self.answered else 0.0


def calibrate(run: Run, target: Target, *, system: str = "dateline") -> Calibration:
    """Learn model and threshold on the cases of one system, all data sets of the run together.

    What the run itself refused was not answered, so nothing is known of such an answer: a run with
    `DATELINE_ANSWER__MIN_RELEVANCE=0` shows them all.

    Raises:
        ConfigurationError: If the system states no signals, answered nothing, or cannot meet the target, or if there
            are not both answerable and unanswerable cases.
    """
    lines = [line for line in run.lines if line.system == system]
    judged, skipped = judged_of(lines)
    if not any(one.answers for one in judged):
        raise ConfigurationError(
            f"The run has no judged answer of {system!r} with signals",
            hint="Calibrate on a run of a system that answers and says what it goes by, over cases with gold answers.",
        )
    if len({one.answerable for one in judged}) == 1:
        raise ConfigurationError(
            "All cases of the run are answerable, or none is",
            hint="Calibrate on cases of both kinds; there is no telling apart what was never seen.",
        )
    attempts = _attempts(judged, _out_of_fold(judged))
    choices = choices_of(attempts)
    chosen = best(choices, target)
    if chosen is None:
        least = min(choice.risk for choice in choices if choice.answered)
        raise ConfigurationError(
            f"No threshold gives {target}; the least share of wrong answers is {least:.4g}",
            hint="Allow more wrong answers, or aim at utility with a cost.",
        )
    return _calibration(
        run,
        system,
        attempts,
        choices,
        chosen,
        target=target,
        skipped=skipped,
        model=fitted(judged),
        travelled=_travelled(judged, target),
        areas=_areas(judged),
        areas_without={name: _areas(_leaving_out(name, judged)) for name in _names(judged)},
    )


def judged_of(lines: Sequence[ScoredLine]) -> tuple[tuple[Judged, ...], int]:
    """Return what can be learned from, and how many lines say nothing: failed, unjudged, without signals."""
    judged, skipped = [], 0
    for line in lines:
        verdict = verdict_of(line.case, line.outcome)
        if not line.outcome.signals or verdict in {Verdict.UNSCORED, Verdict.NOT_JUDGED}:
            skipped += 1
            continue
        judged.append(
            Judged(
                data_set=line.data_set,
                signals=line.outcome.signals,
                answerable=line.case.answerable,
                answers=line.outcome.status == "answered",
                right=verdict is Verdict.RIGHT_ANSWER,
                cluster=f"{line.data_set} {line.case.cluster or line.case.case_id}",
            )
        )
    return tuple(judged), skipped


def fitted(judged: Sequence[Judged]) -> Model:
    """Fit the probability that the record answers; cases of both kinds are needed."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  - 1 s to import
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  - the same

    names = _names(judged)
    rows = np.array([[one.signals.get(name, 0.0) for name in names] for one in judged])
    scaler = StandardScaler().fit(rows)
    regression = LogisticRegression(C=_STRENGTH, max_iter=1000)
    answerable = [one.answerable for one in judged]
    regression.fit(scaler.transform(rows), answerable, sample_weight=_balanced(judged))
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weights @ scaler.mean_)
    return Model(
        bias=round(bias, _WEIGHT_DIGITS),
        weights={name: round(float(weight), _WEIGHT_DIGITS) for name, weight in zip(names, weights, strict=True)},
    )


def _names(judged: Sequence[Judged]) -> list[str]:
    return sorted({name for one in judged for name in one.signals})


def _leaving_out(name: str, judged: Sequence[Judged]) -> list[Judged]:
    kept = [{key: value for key, value in one.signals.items() if key != name} for one in judged]
    return [replace(one, signals=signals) for one, signals in zip(judged, kept, strict=True)]


def _areas(judged: Sequence[Judged]) -> dict[str, float]:
    """Return the AUROC of each data set with both kinds of questions, by models that did not see the case."""
    if not _names(judged):
        return {}
    probabilities = _out_of_fold(judged)
    observed = np.stack([[float(one.answerable) for one in judged], probabilities], axis=1)
    found = {}
    for data_set in sorted({one.data_set for one in judged}):
        own = observed[[one.data_set == data_set for one in judged]]
        area = float(auroc(own, np.ones((1, len(own))))[0])
        if not math.isnan(area):
            found[data_set] = round(area, 6)
    return found


def _balanced(judged: Sequence[Judged]) -> Vector:
    """Return weights by which each data set counts the same, and in it, where it has both, each kind of question."""
    counts = Counter((one.data_set, one.answerable) for one in judged)
    kinds = Counter(data_set for data_set, _ in counts)
    each = np.array([1 / (kinds[one.data_set] * counts[one.data_set, one.answerable]) for one in judged])
    return np.asarray(each / each.mean(), dtype=np.float64)


def _out_of_fold(judged: Sequence[Judged]) -> Vector:
    """Return for each case the probability that models give which were fitted without its cluster."""
    clusters = sorted({one.cluster for one in judged})
    order = np.random.default_rng(SEED).permutation(len(clusters))
    folds = {cluster: int(order[place]) % _FOLDS for place, cluster in enumerate(clusters)}
    found = np.empty(len(judged))
    for fold in range(_FOLDS):
        others = [one for one in judged if folds[one.cluster] != fold]
        if len({one.answerable for one in others}) < 2:  # noqa: PLR2004  - too few cases to leave any out
            others = list(judged)
        model = fitted(others)
        for place, one in enumerate(judged):
            if folds[one.cluster] == fold:
                found[place] = model.probability(one.signals)
    return found


def _attempts(judged: Sequence[Judged], probabilities: Iterable[float]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            confidence=round(float(probability), _DIGITS), answers=one.answers, right=one.right, cluster=one.cluster
        )
        for one, probability in zip(judged, probabilities, strict=True)
    )


def _travelled(judged: Sequence[Judged], target: Target) -> dict[str, Travelled]:
    """Return what becomes of each data set under model and threshold of the others, where these can be learned."""
    names = sorted({one.data_set for one in judged})
    return {name: travelled for name in names if (travelled := _without(name, judged, target)) is not None}


def _without(name: str, judged: Sequence[Judged], target: Target) -> Travelled | None:
    own = [one for one in judged if one.data_set == name]
    others = [one for one in judged if one.data_set != name]
    if len({one.answerable for one in others}) != 2:  # noqa: PLR2004  - both kinds
        return None
    chosen = best(choices_of(_attempts(others, _out_of_fold(others))), target)
    if chosen is None:
        return None
    model = fitted(others)
    probabilities = np.array([model.probability(one.signals) for one in own])
    answered = [one for one, probability in zip(own, probabilities, strict=True)
                if one.answers and probability >= chosen.threshold]  # fmt: skip
    observed = np.stack([[float(one.answerable) for one in own], probabilities], axis=1)
    area = float(auroc(observed, np.ones((1, len(own))))[0])
    return Travelled(
        auroc=None if math.isnan(area) else round(area, 6),
        coverage=round(len(answered) / len(own), 6),
        risk=round(sum(not one.right for one in answered) / len(answered), 6) if answered else 0.0,
    )


def choices_of(attempts: Sequence[Attempt]) -> tuple[Choice, ...]:
    """Return every threshold that makes a difference, the highest first; the first answers nothing.

    A threshold stands halfway between the least confidence that it answers and the next one below.
    """
    confidences = sorted({attempt.confidence for attempt in attempts})
    next_below = dict(zip(confidences[1:], confidences, strict=False))
    answered, wrong = _counts(attempts, np.ones((1, len(attempts))))
    thresholds = [1.0, *((least + next_below.get(least, least)) / 2 for least in _answered_confidences(attempts))]
    return tuple(
        # Rounded down: what was answered must still be, and the file is read by people.
        Choice(
            threshold=math.floor(threshold * 10**_DIGITS) / 10**_DIGITS,
            cases=len(attempts),
            answered=int(answered[0, place]),
            wrong=int(wrong[0, place]),
        )
        for place, threshold in enumerate(thresholds)
    )


def best(choices: Sequence[Choice], target: Target) -> Choice | None:
    """Return the choice of the highest worth, the lowest threshold among equals; `None` if none meets the target."""
    counts = np.array([(choice.answered, choice.wrong) for choice in choices], dtype=np.float64)
    place = int(_best_places(target.worth(counts[None, :, 0], counts[None, :, 1]))[0])
    return None if place < 0 else choices[place]


def to_json(calibration: Calibration) -> str:
    """Return the file's text; the same bytes for the same run."""
    return json.dumps(calibration.model_dump(mode="json"), indent=1, ensure_ascii=True) + "\n"


def _calibration(
    run: Run,
    system: str,
    attempts: Sequence[Attempt],
    choices: Sequence[Choice],
    chosen: Choice,
    *,
    target: Target,
    skipped: int,
    model: Model,
    travelled: dict[str, Travelled],
    areas: dict[str, float],
    areas_without: dict[str, dict[str, float]],
) -> Calibration:
    replicates = _resampled(attempts, choices, chosen, target)
    held_out = replicates.held_out
    return Calibration(
        format=FORMAT,
        model=model,
        min_relevance=chosen.threshold,
        target=str(target),
        threshold=_interval(chosen.threshold, replicates.thresholds),
        risk=_interval(chosen.risk, replicates.risks),
        held_out_risk=_interval(float(held_out.mean()), held_out) if len(held_out) else None,
        coverage=_interval(chosen.coverage, replicates.coverages),
        curve=tuple(
            CurvePoint(threshold=choice.threshold, coverage=round(choice.coverage, 6), risk=round(choice.risk, 6))
            for choice in _thinned(choices)
        ),
        travelled=travelled,
        auroc=areas,
        auroc_without=areas_without,
        provenance=Provenance(
            run_id=str(run.header.get("run_id", "")),
            system=system,
            data_sets=_digests(run),
            settings=str(run.header.get("settings", "")),
            n=len(attempts),
            unscored=skipped,
            seed=SEED,
        ),
    )


def _answered_confidences(attempts: Sequence[Attempt]) -> list[float]:
    return sorted({attempt.confidence for attempt in attempts if attempt.answers}, reverse=True)


def _counts(attempts: Sequence[Attempt], weights: Matrix) -> tuple[Matrix, Matrix]:
    """Return how many are answered, and how many of them wrongly, by threshold as in `choices_of`.

    Args:
        attempts: At least one that answers.
        weights: `(b, n)`, how often each attempt counts.

    Returns:
        Two arrays `(b, thresholds) float64`.
    """
    answering = [place for place, attempt in enumerate(attempts) if attempt.answers]
    order = np.array(sorted(answering, key=lambda place: -attempts[place].confidence), dtype=np.intp)
    confidences = np.array([attempts[place].confidence for place in order])
    starts = np.flatnonzero(np.append(True, np.diff(confidences) != 0))
    drawn = weights[:, order]
    wrong = drawn * np.array([not attempts[place].right for place in order], dtype=np.float64)
    nothing = np.zeros((len(weights), 1))
    answered, failed = (np.cumsum(np.add.reduceat(one, starts, axis=1), axis=1) for one in (drawn, wrong))
    return np.hstack([nothing, answered]), np.hstack([nothing, failed])


def _best_places(worth: Matrix) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """Return the last place of the highest worth in each row, -1 where none is allowed."""
    last = worth.shape[1] - 1 - worth[:, ::-1].argmax(axis=1)
    return np.where(np.isneginf(worth.max(axis=1)), -1, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replicates:
    """What resamples of the clusters say, one value each; `held_out` only of those that left answers out."""

    thresholds: Vector
    risks: Vector
    coverages: Vector
    held_out: Vector


def _resampled(attempts: Sequence[Attempt], choices: Sequence[Choice], chosen: Choice, target: Target) -> _Replicates:
    """Choose anew on each resample; measure the choice of this run on it, and its own choice on what it left out."""
    names = sorted({attempt.cluster for attempt in attempts})
    places = {name: place for place, name in enumerate(names)}
    members = np.array([places[attempt.cluster] for attempt in attempts])
    random = np.random.default_rng(SEED)
    thresholds = np.array([*(choice.threshold for choice in choices), 1.0])  # The last where none meets the target.
    at, parts = choices.index(chosen), []
    for _ in range(0, RESAMPLES, _CHUNK_ROWS):
        draws = random.integers(len(names), size=(_CHUNK_ROWS, len(names)), dtype=np.uint32)
        drawn = np.stack([np.bincount(row, minlength=len(names)) for row in draws])[:, members].astype(np.float64)
        answered, wrong = _counts(attempts, drawn)
        found = _best_places(target.worth(answered, wrong))
        left, left_wrong = (one[np.arange(_CHUNK_ROWS), found] for one in _counts(attempts, (drawn == 0) * 1.0))
        held_out = np.where((found >= 0) & (left > 0), left_wrong / np.maximum(left, 1), np.nan)
        risk = wrong[:, at] / np.maximum(answered[:, at], 1)
        parts.append(np.stack([thresholds[found], risk, answered[:, at] / drawn.sum(axis=1), held_out]))
    replicates = np.hstack(parts)
    return _Replicates(
        thresholds=replicates[0],
        risks=replicates[1],
        coverages=replicates[2],
        held_out=replicates[3][~np.isnan(replicates[3])],
    )


def _interval(value: float, replicates: Vector) -> Interval:
    ordered = np.sort(replicates)
    tail = int((1 - LEVEL) / 2 * len(ordered))
    low, high = float(ordered[tail]), float(ordered[-1 - tail])
    return Interval(value=round(value, 6), low=round(low, 6), high=round(high, 6))


def _thinned(choices: Sequence[Choice]) -> list[Choice]:
    """Return at most about 200 points of the curve, both ends among them."""
    step = max(1, len(choices) // _MOST_POINTS)
    return [*choices[:-1:step], choices[-1]]


def _digests(run: Run) -> dict[str, str]:
    listed: Sequence[Mapping[str, Any]] = run.header.get("data_sets") or ()
    return {str(one["name"]): str(one.get("digest", "")) for one in listed}
