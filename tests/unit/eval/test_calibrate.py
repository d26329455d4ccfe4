"""The threshold that a run teaches, and the service that loads it."""

import json
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.settings import AnswerSettings, Settings, load_settings
from eval.calibrate import AtMostWrong, Attempt, BestUtility, Choice, Target, best, calibrate, choices_of, to_json
from service.calibration import calibrated, read_calibration
from service.wiring import open_service
from tests.support.encoders import HashingEncoder
from tests.support.runs import synthetic_run


def _attempts(*confident: tuple[float, bool]) -> list[Attempt]:
    return [
        Attempt(confidence=confidence, answers=True, right=right, cluster=str(place))
        for place, (confidence, right) in enumerate(confident)
    ]


def test_every_threshold_is_counted_by_hand() -> None:
    """Right at .9, wrong at .6, right at .4: thresholds halfway, 0/0, 1/0, 2/1, 3/1 answered and wrong."""
    choices = choices_of(_attempts((0.4, True), (0.9, True), (0.6, False)))

    assert choices == (
        Choice(threshold=1.0, cases=3, answered=0, wrong=0),
        Choice(threshold=0.75, cases=3, answered=1, wrong=0),
        Choice(threshold=0.5, cases=3, answered=2, wrong=1),
        Choice(threshold=0.4, cases=3, answered=3, wrong=1),
    )


@pytest.mark.parametrize(
    ("target", "threshold"),
    [
        (AtMostWrong(share=0.0), 0.75),
        (AtMostWrong(share=1 / 3), 0.4),
        (BestUtility(cost=0.5), 0.4),  # 2 right - 0.5 = 1.5 against 1.
        (BestUtility(cost=1.0), 0.4),  # 2 - 1 = 1 against 1: the lower threshold of equals.
        (BestUtility(cost=2.0), 0.75),  # 2 - 2 = 0 against 1.
    ],
)
def test_the_target_decides(target: Target, threshold: float) -> None:
    """The same cases as above."""
    chosen = best(choices_of(_attempts((0.4, True), (0.9, True), (0.6, False))), target)

    assert chosen is not None
    assert chosen.threshold == threshold


def test_what_was_refused_for_another_reason_is_never_answered() -> None:
    """A refusal above the threshold stays one: it counts as a case, not as an answer."""
    refused = Attempt(confidence=0.95, answers=False, right=False, cluster="r")

    choices = choices_of([refused, *_attempts((0.9, True))])

    assert [(choice.answered, choice.cases) for choice in choices] == [(0, 2), (1, 2)]


def test_more_tolerance_answers_more() -> None:
    """The threshold falls, and coverage rises, with the share of wrong answers that is allowed."""
    run = synthetic_run(seed=2)

    found = [calibrate(run, AtMostWrong(share=share)) for share in (0.02, 0.05, 0.1, 0.5)]

    thresholds = [one.min_relevance for one in found]
    assert thresholds == sorted(thresholds, reverse=True)
    assert [one.coverage.value for one in found] == sorted(one.coverage.value for one in found)
    assert all(one.risk.value <= share for one, share in zip(found, (0.02, 0.05, 0.1, 0.5), strict=True))


def test_a_dearer_mistake_raises_the_threshold() -> None:
    """Utility with costs 0, 1, 3 and 10."""
    run = synthetic_run(seed=2)

    thresholds = [calibrate(run, BestUtility(cost=cost)).min_relevance for cost in (0, 1, 3, 10)]

    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


def test_the_file_says_where_it_comes_from_and_is_always_the_same() -> None:
    """Run, data, settings, number of cases; curve and intervals; no clock."""
    run = synthetic_run(seed=2, unscored=2)

    calibration = calibrate(run, AtMostWrong(share=0.1))

    assert to_json(calibration) == to_json(calibrate(run, AtMostWrong(share=0.1)))
    assert calibration.provenance.run_id == "run-1"
    assert calibration.provenance.data_sets == {"sample": "ab" * 32}
    assert (calibration.provenance.n, calibration.provenance.unscored) == (118, 2)
    assert calibration.threshold.low <= calibration.threshold.value <= calibration.threshold.high
    assert calibration.held_out_risk is not None
    assert [point.coverage for point in calibration.curve] == sorted(point.coverage for point in calibration.curve)


def test_a_target_that_nothing_meets_is_told_with_the_best_there_is() -> None:
    """Everything is wrong: no threshold keeps mistakes at 1 %."""
    with pytest.raises(ConfigurationError, match="No threshold gives"):
        calibrate(synthetic_run(seed=1, skill=0.0, cases=20), AtMostWrong(share=0.01))


def test_a_system_without_confidence_cannot_be_calibrated() -> None:
    """There is nothing to set a threshold on."""
    with pytest.raises(ConfigurationError, match="'plain-rag'"):
        calibrate(synthetic_run(seed=1, cases=20), AtMostWrong(share=0.1), system="plain-rag")


def test_the_service_takes_the_threshold_from_the_file(tmp_path: Path) -> None:
    """It takes the place of `min_relevance`; without a file nothing changes."""
    calibration = calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))
    file = tmp_path / "calibration.json"
    file.write_text(to_json(calibration))

    assert calibrated(AnswerSettings(calibration=file)).min_relevance == calibration.min_relevance
    assert calibrated(AnswerSettings()).min_relevance == AnswerSettings().min_relevance
    assert read_calibration(file) == calibration


def test_an_opened_service_refuses_below_the_learned_threshold(tmp_path: Path) -> None:
    """The file reaches the assistant; a missing one stops the service before anything is opened."""
    file = tmp_path / "calibration.json"
    file.write_text(to_json(calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))))
    settings = load_settings(data_dir=tmp_path / "record", chat={"model": "extractive"})

    def with_file(path: Path) -> Settings:
        return settings.model_copy(update={"answer": AnswerSettings(calibration=path)})

    with open_service(with_file(file), access="write", encoder=HashingEncoder()) as service:
        assert service.assistant._settings.min_relevance == read_calibration(file).min_relevance
    with (
        pytest.raises(ConfigurationError, match="missing"),
        open_service(with_file(tmp_path / "missing"), access="write", encoder=HashingEncoder()),
    ):
        pass


@pytest.mark.parametrize("content", [None, "", "[]", '{"min_relevance": 0.4}', "\xff"])
def test_a_file_that_is_no_calibration_names_itself_and_the_remedy(tmp_path: Path, content: str | None) -> None:
    """Missing, empty, of another form, incomplete, not UTF-8."""
    file = tmp_path / "calibration.json"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))

    with pytest.raises(ConfigurationError, match=r"calibration\.json") as caught:
        calibrated(AnswerSettings(calibration=file))

    assert "dateline eval calibrate" in caught.value.hint


def test_a_threshold_out_of_range_is_refused(tmp_path: Path) -> None:
    """A file edited by hand is held to the same rule as the setting."""
    body = json.loads(to_json(calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))))
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({**body, "min_relevance": 1.5}))

    with pytest.raises(ConfigurationError, match="min_relevance"):
        read_calibration(file)


def test_the_fingerprint_changes_with_the_files_content_and_not_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines that keep the same calibration in different folders behave alike."""
    monkeypatch.chdir(tmp_path)
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(content)

    def fingerprint(name: str) -> str:
        monkeypatch.setenv("DATELINE_ANSWER__CALIBRATION", str(tmp_path / name))
        return load_settings().fingerprint()

    plain = load_settings().fingerprint()
    assert fingerprint("a") == fingerprint("b")
    assert len({plain, fingerprint("a"), fingerprint("c"), fingerprint("missing")}) == 4
