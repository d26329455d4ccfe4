"""Regressions are caught, changes without an effect are not."""

from dataclasses import replace

import pytest
from rich.console import Console

from eval.bounds import Bound, parse_bounds
from eval.compare import compare, renamed
from eval.outcomes import Outcome
from eval.report.terminal import comparison_tables
from eval.run_file import Run, ScoredLine
from eval.verdicts import Verdict
from tests.support.runs import synthetic_run

SEEDS = range(5)
BOUNDS = parse_bounds(
    [
        {"metric": "hit@10", "may_fall": 0.02},
        {"metric": "contains", "may_fall": 0.02},
        {"metric": "wrong_answers", "may_fall": 0.05},
        {"metric": "wrong_refusals", "may_fall": 0.05},
    ],
    source="a test",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_regression_is_caught(seed: int) -> None:
    """Skill falls from 0.8 to 0.6: about one case in five goes wrong."""
    comparison = compare(synthetic_run(seed=seed), synthetic_run(seed=seed, skill=0.6), BOUNDS)

    assert {"hit@10", "contains"} <= {one.metric for one in comparison.regressions}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_without_an_effect_is_not_a_regression(seed: int) -> None:
    """One case in fifty is drawn anew and everything takes three times as long: nothing to report."""
    new = synthetic_run(seed=seed, flips=0.02, slowness=3)

    assert compare(synthetic_run(seed=seed), new, BOUNDS).regressions == ()


def test_the_same_run_has_no_difference() -> None:
    """Every difference is 0, no case flipped, however many seeds the bootstrap has."""
    run = synthetic_run(seed=1, cases=40)

    comparison = compare(run, run, BOUNDS)

    assert {change.difference.mean for change in comparison.changes} <= {0.0, None}
    assert not any(change.significant for change in comparison.changes)
    assert (comparison.flips, comparison.regressions) == ((), ())


def test_flipped_cases_are_listed_new_mistakes_first() -> None:
    """One case becomes wrong, one becomes right; the list names both with their verdicts."""
    run = synthetic_run(seed=1, cases=40)
    wrong = next(line for line in run.lines if line.outcome.status == "refused" and line.case.answerable)
    right = next(line for line in run.lines if line.outcome.status == "answered" and line.case.answerable)
    answered = replace(wrong.outcome, status="answered", text=wrong.case.answers[0], refusal_reason=None)
    refused = Outcome(status="refused", refusal_reason="not_answered_by_the_record")
    swapped = {
        wrong.key: replace(wrong, outcome=answered),
        right.key: replace(right, outcome=refused),
    }

    flips = compare(run, _with(run, swapped), ()).flips

    assert [(flip.case_id, flip.new, flip.improved) for flip in flips] == [
        (right.case.case_id, Verdict.WRONG_REFUSAL, False),
        (wrong.case.case_id, Verdict.RIGHT_ANSWER, True),
    ]


def test_only_the_same_cases_are_compared_and_the_others_counted() -> None:
    """Of 20 cases the new run lacks 2, has another question under the name of 1, and failed on 1."""
    run = synthetic_run(seed=1, cases=20)
    altered, failed = run.lines[2], run.lines[3]
    new = _with(
        Run(header=run.header, lines=run.lines[2:]),
        {
            altered.key: replace(altered, case=replace(altered.case, question="Another?")),
            failed.key: replace(failed, outcome=Outcome(status="unscored", reason="boom")),
        },
    )

    (pairing,) = compare(run, new, ()).pairings

    assert (pairing.shared, pairing.scored) == (17, 16)
    assert (pairing.only_base, pairing.only_new, pairing.altered) == (2, 0, 1)
    assert pairing.newly_unscored == (failed.case.case_id,)


def test_a_case_that_fails_now_is_a_regression() -> None:
    """Crashing on the hard cases must not be a way to raise a mean."""
    comparison = compare(synthetic_run(seed=1), synthetic_run(seed=1, unscored=3), BOUNDS)

    assert [one.reason for one in comparison.regressions] == ["3 cases that were scored fail now: q117, q118, q119"]


def test_a_floor_is_held_against_the_new_run_whatever_the_base_was() -> None:
    """Both runs are below the floor; the new one is a regression all the same."""
    run = synthetic_run(seed=1, cases=40)

    comparison = compare(run, run, [Bound(metric="contains", at_least=0.99)])

    assert [one.metric for one in comparison.regressions] == ["contains"]


def test_slices_can_be_bounded_on_their_own() -> None:
    """All superseded figures go wrong, the rest stays: only the slice's bound breaks at a tolerance of 40 points."""
    run = synthetic_run(seed=1)
    worse = {
        line.key: replace(line, outcome=Outcome(status="refused"))
        for line in run.lines
        if line.case.kind == "superseded"
    }
    bounds = parse_bounds(
        [
            {"metric": "contains", "may_fall": 0.4},
            {"metric": "contains", "may_fall": 0.4, "slice": "kind:superseded"},
        ],
        source="a test",
    )

    regressions = compare(run, _with(run, worse), bounds).regressions

    assert [(one.metric, one.slice) for one in regressions] == [("contains", "kind:superseded")]


def test_two_systems_of_a_run_can_be_compared() -> None:
    """Renamed to one name, they are paired like two runs."""
    run = synthetic_run(seed=1, cases=20, systems=("dateline", "bm25"))

    comparison = compare(renamed(run, "bm25", to="dateline"), renamed(run, "dateline", to="dateline"), ())

    assert [(pairing.system, pairing.scored) for pairing in comparison.pairings] == [("dateline", 20)]


def test_a_comparison_can_be_read_and_parsed() -> None:
    """The terminal names the regressions; the JSON holds plain, rounded values."""
    comparison = compare(synthetic_run(seed=1, cases=60), synthetic_run(seed=1, cases=60, skill=0.4), BOUNDS)
    console = Console(width=200)
    with console.capture() as captured:
        for table in comparison_tables(comparison):
            console.print(table)

    assert "Regressions" in captured.get()
    assert "went wrong" in captured.get()
    assert comparison.as_json()["regressions"][0]["metric"] == "hit@10"


def _with(run: Run, changed: dict[tuple[str, str, str], ScoredLine]) -> Run:
    return Run(header=run.header, lines=tuple(changed.get(line.key, line) for line in run.lines))
