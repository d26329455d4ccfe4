"""The model and the threshold that a run teaches, and the service that loads them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import ConfigurationError
from domain.settings import AnswerSettings, Settings, load_settings
from eval.calibrate import (
    AtMostWrong,
    Attempt,
    BestUtility,
    Choice,
    Judged,
    Target,
    _out_of_fold,
    best,
    calibrate,
    choices_of,
    fitted,
    judged_of,
    to_json,
)
from eval.run_file import Run
from service.calibration import read_calibration, refusal_rule
from service.wiring import open_service
from tests.support.encoders import HashingEncoder
from tests.support.runs import synthetic_run


def _attempts(*confident: tuple[float, bool]) -> list[Attempt]:
    return [
        Attempt(confidence=confidence, answers=True, right=right, cluster=str(place))
        for place, (confidence, right) in enumerate(confident)
    ]


def judged(*cases: tuple[float, bool], data_set: str = "sample", times: int = 1) -> list[Judged]:
    """Cases as `(signal "sure", answerable)`, all answered, each `times` over and in a cluster of its own."""
    return [
        Judged(
            data_set=data_set,
            signals={"sure": sure},
            answerable=answerable,
            answers=True,
            right=answerable,
            cluster=f"{data_set} {place}",
        )
        for place, (sure, answerable) in enumerate(cases * times)
    ]


def over_data_sets(**runs: Run) -> Run:
    """One run over several data sets, each with the lines of one run."""
    lines = [replace(line, data_set=name) for name, run in runs.items() for line in run.lines]
    return Run(header=next(iter(runs.values())).header, lines=tuple(lines))


def turned_round(run: Run) -> Run:
    """The same run in which the signal says the contrary."""
    lines = [
        replace(line, outcome=replace(line.outcome, signals={"sure": -line.outcome.signals["sure"]}))
        for line in run.lines
    ]
    return replace(run, lines=tuple(lines))


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


def test_a_system_without_signals_cannot_be_calibrated() -> None:
    """There is nothing to learn from: it is not in the run, or does not say what it goes by."""
    silent = synthetic_run(seed=1, cases=20)
    lines = tuple(replace(line, outcome=replace(line.outcome, signals={})) for line in silent.lines)

    with pytest.raises(ConfigurationError, match="'plain-rag'"):
        calibrate(silent, AtMostWrong(share=0.1), system="plain-rag")
    with pytest.raises(ConfigurationError, match="with signals"):
        calibrate(replace(silent, lines=lines), AtMostWrong(share=0.1))


@pytest.mark.parametrize("answerable", [True, False])
def test_cases_of_one_kind_cannot_be_told_apart(*, answerable: bool) -> None:
    """What was never seen cannot be learned."""
    run = synthetic_run(seed=1)
    of_one_kind = replace(run, lines=tuple(line for line in run.lines if line.case.answerable is answerable))

    with pytest.raises(ConfigurationError, match="All cases of the run are answerable, or none is"):
        calibrate(of_one_kind, BestUtility(cost=1.0))


def test_what_is_learned_from_is_each_case_with_signals_and_a_verdict() -> None:
    """The label, the answer and its verdict, and the cluster of its data set; failed cases are counted apart."""
    run = synthetic_run(seed=2, cases=20, unscored=3)

    found, skipped = judged_of(run.lines)

    assert (len(found), skipped) == (17, 3)
    first, second = run.lines[:2]
    assert [one.cluster for one in found[:2]] == ["sample d0", "sample d1"]
    assert [(one.signals, one.answerable, one.answers) for one in found[:2]] == [
        (line.outcome.signals, line.case.answerable, line.outcome.status == "answered") for line in (first, second)
    ]
    assert all(one.answers for one in found if one.right)


def test_a_signal_that_separates_gets_a_weight_of_its_sign() -> None:
    """What is high where the record answers counts for an answer, what is high where it does not against one."""
    kinds = [place % 2 == 0 for place in range(40)]
    cases = [
        replace(one, signals={"near": float(one.answerable), "missing": float(not one.answerable), "noise": noise})
        for one, noise in zip(judged(*((0.0, kind) for kind in kinds)), [0.0, 0.0, 1.0, 1.0] * 10, strict=True)
    ]

    model = fitted(cases)

    assert model.weights["near"] > 0 > model.weights["missing"]
    assert model.weights["noise"] == pytest.approx(0, abs=1e-3)
    assert all((model.probability(one.signals) > 0.5) is one.answerable for one in cases)


def test_the_kinds_count_the_same_however_many_there_are() -> None:
    """Ten unanswerable cases to one answerable, and a signal that says nothing: even chances."""
    model = fitted([*judged((-1.0, True), (1.0, True)), *judged((-1.0, False), (1.0, False), times=10)])

    assert model.weights["sure"] == pytest.approx(0, abs=1e-3)
    assert model.probability({"sure": 0.0}) == pytest.approx(0.5, abs=1e-3)


def test_data_sets_count_the_same_whatever_their_size() -> None:
    """What two data sets say against each other cancels out, though one is twenty times the other."""
    small = judged((1.0, True), (-1.0, False), data_set="small", times=5)
    large = judged((-1.0, True), (1.0, False), data_set="large", times=100)

    assert fitted(small).weights["sure"] > 1
    assert fitted(large).weights["sure"] < -1
    assert fitted([*small, *large]).weights["sure"] == pytest.approx(0, abs=1e-3)


def test_a_data_set_of_one_kind_counts_no_less_and_no_more() -> None:
    """Half and half in one set, none in the other, and a signal that says nothing: (1/2 + 0) / 2 is answerable."""
    both = judged((-1.0, True), (1.0, True), (-1.0, False), (1.0, False), data_set="both")
    none = judged((-1.0, False), (1.0, False), data_set="none", times=7)

    assert fitted([*both, *none]).probability({"sure": 0.0}) == pytest.approx(0.25, abs=1e-3)


def test_a_signal_that_a_case_lacks_is_nothing() -> None:
    """As in the service: a name that is not given counts 0."""
    cases = judged((1.0, True), (0.0, False), times=10)
    without = [replace(one, signals={} if one.signals["sure"] == 0 else one.signals) for one in cases]

    assert fitted(without) == fitted(cases)


def test_probabilities_are_of_models_that_did_not_see_the_case() -> None:
    """Its own label, and that of its cluster, do not move a case's probability; they move those of others."""
    random = np.random.default_rng(4)
    cases = judged(*((float(random.normal(place % 2, 1)), place % 2 == 1) for place in range(40)))
    cases[1] = replace(cases[1], cluster=cases[0].cluster)
    turned = [replace(one, answerable=not one.answerable) if place < 2 else one for place, one in enumerate(cases)]

    before, after = _out_of_fold(cases), _out_of_fold(turned)

    assert after[:2].tolist() == before[:2].tolist()
    assert np.abs(after[2:] - before[2:]).max() > 0.01


@pytest.mark.parametrize("clusters", [1, 2, 3])
def test_too_few_clusters_to_leave_any_out_are_all_learned_from(clusters: int) -> None:
    """A handful of cases still has probabilities: those of the one model that there is, where no other can be."""
    cases = [
        replace(one, cluster=str(place % clusters)) for place, one in enumerate(judged((1.0, True), (-1.0, False)))
    ]

    model = fitted(cases)

    assert _out_of_fold(cases).tolist() == [model.probability(one.signals) for one in cases]


def test_a_lone_data_set_has_not_travelled() -> None:
    assert calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05)).travelled == {}


def test_each_data_set_is_tried_with_what_the_others_teach() -> None:
    """Coverage and risk are those of the other set's model and threshold; the area is that of the signal itself."""
    one, two = over_data_sets(one=synthetic_run(seed=2)), over_data_sets(two=synthetic_run(seed=3))
    target = AtMostWrong(share=0.05)

    travelled = calibrate(replace(one, lines=(*one.lines, *two.lines)), target).travelled

    assert travelled.keys() == {"one", "two"}
    taught = calibrate(one, target)
    tried, _ = judged_of(two.lines)
    given = [case for case in tried if case.answers and taught.model.probability(case.signals) >= taught.min_relevance]
    assert travelled["two"].coverage == pytest.approx(len(given) / len(tried), abs=1e-6)
    assert travelled["two"].risk == pytest.approx(sum(not case.right for case in given) / len(given), abs=1e-6)
    sure, unsure = ([case.signals["sure"] for case in tried if case.answerable is kind] for kind in (True, False))
    pairs = [(high > low) + 0.5 * (high == low) for high in sure for low in unsure]
    assert travelled["two"].auroc == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_a_data_set_of_another_kind_shows_that_nothing_travelled() -> None:
    """Where the signal says the contrary, the other set's model is worse than chance."""
    run = over_data_sets(one=synthetic_run(seed=2), other=turned_round(synthetic_run(seed=3)))

    travelled = calibrate(run, BestUtility(cost=0.0)).travelled

    assert [one.auroc is not None and one.auroc < 0.5 for one in travelled.values()] == [True, True]


def test_a_data_set_of_one_kind_has_no_area() -> None:
    """It is tried, and does not teach: the other set cannot be tried without questions of both kinds."""
    answerable = synthetic_run(seed=3)
    lines = tuple(line for line in answerable.lines if line.case.answerable)
    run = over_data_sets(both=synthetic_run(seed=2), answerable=replace(answerable, lines=lines))

    travelled = calibrate(run, AtMostWrong(share=0.05)).travelled

    assert travelled.keys() == {"answerable"}
    assert travelled["answerable"].auroc is None


def test_the_service_takes_model_and_threshold_from_the_file(tmp_path: Path) -> None:
    """What was written is what is read."""
    calibration = calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))
    file = tmp_path / "calibration.json"
    file.write_text(to_json(calibration))

    rule = refusal_rule(AnswerSettings(calibration=file))

    assert (rule.model, rule.threshold) == (calibration.model, calibration.min_relevance)
    assert read_calibration(file) == calibration


def test_an_opened_service_refuses_below_the_learned_threshold(tmp_path: Path) -> None:
    """The file reaches the assistant; a missing one stops the service before anything is opened."""
    file = tmp_path / "calibration.json"
    file.write_text(to_json(calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))))
    settings = load_settings(data_dir=tmp_path / "record", chat={"model": "extractive"})

    def with_file(path: Path) -> Settings:
        return settings.model_copy(update={"answer": AnswerSettings(calibration=path)})

    with open_service(with_file(file), access="write", encoder=HashingEncoder()) as service:
        assert service.assistant._rule == refusal_rule(AnswerSettings(calibration=file))
    with (
        pytest.raises(ConfigurationError, match="missing"),
        open_service(with_file(tmp_path / "missing"), access="write", encoder=HashingEncoder()),
    ):
        pass


@pytest.mark.parametrize("content", [None, "", "[]", '{"format": 2, "min_relevance": 0.4}', "\xff"])
def test_a_file_that_is_no_calibration_names_itself_and_the_remedy(tmp_path: Path, content: str | None) -> None:
    """Missing, empty, of another form, incomplete, not UTF-8."""
    file = tmp_path / "calibration.json"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))

    with pytest.raises(ConfigurationError, match=r"calibration\.json") as caught:
        refusal_rule(AnswerSettings(calibration=file))

    assert "dateline eval calibrate" in caught.value.hint


def test_a_file_of_the_older_form_is_refused(tmp_path: Path) -> None:
    """It has no model, so that its threshold is of something else."""
    body = json.loads(to_json(calibrate(synthetic_run(seed=2), AtMostWrong(share=0.05))))
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({**body, "format": 1}))

    with pytest.raises(ConfigurationError, match="format"):
        read_calibration(file)


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


def test_the_file_says_what_each_signal_is_worth() -> None:
    """A signal that tells the kinds apart is missed when it is left out; one that is noise is not."""
    run = synthetic_run(seed=2)
    noisy = tuple(
        replace(line, outcome=replace(line.outcome, signals={**line.outcome.signals, "noise": float(place % 3)}))
        for place, line in enumerate(run.lines)
    )
    (told,) = run.lines[0].outcome.signals

    found = calibrate(replace(run, lines=noisy), BestUtility(cost=1.0))

    assert found.auroc["sample"] > found.auroc_without[told]["sample"] + 0.1
    assert found.auroc_without["noise"]["sample"] == pytest.approx(found.auroc["sample"], abs=0.05)
