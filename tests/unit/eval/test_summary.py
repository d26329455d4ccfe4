import random
from dataclasses import replace

import pytest

from domain.answers import Turn
from eval.cases import Case, Gold
from eval.metrics.uncertainty import Estimate
from eval.outcomes import Found, Outcome, Quote, Sentence
from eval.run_file import Run, ScoredLine
from eval.summary import METRICS, Row, Summary, slices_of, summarise


def test_metrics_are_named_once_and_go_with_their_unit() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert [metric.name for metric in METRICS if metric.unit == "share" and metric.statistic is not None] == []


def test_figures_of_no_single_case_have_no_values() -> None:
    (auroc,) = (metric for metric in METRICS if metric.name == "auroc")

    with pytest.raises(ValueError, match="'auroc' has no value per case"):
        auroc.values([])


def test_a_summary_holds_what_can_be_checked_by_hand() -> None:
    """Of 8 answerable cases q1 and q2 are refused and q4 failed: 2 of 7."""
    rows = _rows(summarise(_run()))

    refused = rows["sample", "dateline", "all", "wrong_refusals"]
    assert refused.mean == pytest.approx(2 / 7)
    assert (refused.n, refused.unscored) == (7, 1)
    wrong = rows["sample", "dateline", "all", "wrong_answers"]
    assert (wrong.mean, wrong.low, wrong.n) == (0.0, 0.0, 4)
    assert wrong.high == pytest.approx(1 - 0.025 ** (1 / 4))
    assert rows["sample", "dateline", "answerable:no", "coverage"].n == 4
    assert rows["sample", "dateline", "answerable:no", "coverage"].unscored == 0


def test_systems_that_rank_have_no_figures_of_answers() -> None:
    """They have their ranking and their times; what they do not do is not counted as 0."""
    groups = {metric.name: metric.group for metric in METRICS}

    found = {groups[row.metric] for row in summarise(_run()).rows if row.system == "bm25"}

    assert found == {"ranking", "cost"}


def test_rules_stand_beside_systems_that_answer() -> None:
    """4 of the 11 cases that did not fail are unanswerable: always answering has that share as its area."""
    rows = _rows(summarise(_run()))

    assert rows["sample", "always-answer", "all", "wrong_answers"].mean == 1.0
    assert rows["sample", "always-refuse", "all", "wrong_refusals"].mean == 1.0
    assert rows["sample", "always-answer", "all", "auroc"].mean == 0.5
    assert rows["sample", "always-answer", "all", "risk_coverage_area"].mean == pytest.approx(4 / 11)


def test_rules_are_left_out_where_nothing_answers() -> None:
    lines = tuple(line for line in _run().lines if line.system == "bm25")

    assert {row.system for row in summarise(Run(header={}, lines=lines)).rows} == {"bm25"}


def test_slices_say_what_a_case_is() -> None:
    case = Case(
        case_id="q", question="And then?", kind="figure", year=2024, history=(Turn(role="user", text="What happened?"),)
    )

    assert slices_of(case) == ("all", "kind:figure", "answerable:yes", "turn:later", "year:2024")


def test_a_slice_that_holds_every_case_is_not_repeated() -> None:
    """All cases are first turns, so `turn:first` would only repeat `all`."""
    slices = list(dict.fromkeys(row.slice for row in summarise(_run()).rows))

    assert slices[0] == "all"
    assert sorted(slices) == ["all", "answerable:no", "answerable:yes", "kind:a", "kind:b", "year:2023", "year:2024"]


def test_the_order_of_lines_does_not_change_a_byte() -> None:
    run = _run()
    lines = list(run.lines)
    expected = summarise(run).to_json()

    for seed in range(3):
        random.Random(seed).shuffle(lines)
        assert summarise(Run(header=run.header, lines=tuple(lines))).to_json() == expected


def test_the_order_of_fields_does_not_change_a_byte() -> None:
    run = _run()
    turned = tuple(
        replace(line, outcome=replace(line.outcome, timings_ms=dict(reversed(line.outcome.timings_ms.items()))))
        for line in run.lines
    )

    assert summarise(Run(header={}, lines=turned)).to_json() == summarise(run).to_json()


def test_a_file_that_was_written_and_read_gives_the_same_bytes() -> None:
    run = _run()
    read = tuple(
        replace(line, case=Case.of_json(line.case.as_json()), outcome=Outcome.of_json(line.outcome.as_json()))
        for line in run.lines
    )

    assert summarise(Run(header={}, lines=read)).to_json() == summarise(run).to_json()


def test_deleting_any_line_changes_a_count() -> None:
    """Each line is in some n, so nobody can leave a bad case out unseen."""
    run = _run()
    whole = _counts(summarise(run))

    for place in range(len(run.lines)):
        without = Run(header={}, lines=run.lines[:place] + run.lines[place + 1 :])
        assert _counts(summarise(without)) != whole


def test_a_failed_case_is_in_the_tally_and_in_no_figure() -> None:
    """Failing is not scoring 0: the mean stays what the other cases make it."""
    run = _run()
    failed = Outcome(status="unscored", reason="TimeoutError")
    with_one = [replace(line, outcome=failed) if line.key == run.lines[0].key else line for line in run.lines]
    without = [line for line in run.lines if line.key != run.lines[0].key]

    marked, left_out = (summarise(Run(header={}, lines=tuple(lines))) for lines in (with_one, without))

    own = [row for row in marked.rows if row.system == run.lines[0].system]
    figures = {(row.slice, row.metric): (row.estimate.mean, row.estimate.n) for row in own}
    assert figures == {
        (row.slice, row.metric): (row.estimate.mean, row.estimate.n)
        for row in left_out.rows
        if row.system == run.lines[0].system
    }
    assert marked.tallies[1].unscored == left_out.tallies[1].unscored + 1
    assert marked.tallies[1].cases == left_out.tallies[1].cases + 1


def test_an_empty_run_has_an_empty_summary() -> None:
    assert summarise(Run(header={}, lines=())) == Summary(rows=(), tallies=())


def test_a_slice_of_which_every_case_failed_stands_without_a_figure() -> None:
    failed = Outcome(status="unscored", reason="TimeoutError")
    lines = [
        replace(line, outcome=failed) if line.system == "dateline" and line.case.kind == "b" else line
        for line in _run().lines
    ]

    rows = _rows(summarise(Run(header={}, lines=tuple(lines))))

    assert rows["sample", "dateline", "kind:b", "coverage"] == Estimate(mean=None, low=None, high=None, n=0, unscored=6)


def test_a_system_that_always_failed_is_counted() -> None:
    failed = Outcome(status="unscored", reason="TimeoutError")
    lines = tuple(replace(line, outcome=failed) for line in _run().lines if line.system == "dateline")

    summary = summarise(Run(header={}, lines=lines))

    assert summary.rows == ()
    assert [(tally.cases, tally.unscored) for tally in summary.tallies] == [(12, 12)]


def _run() -> Run:
    """Twelve cases, two systems: q1 and q2 are refused, q4 failed, each third is unanswerable from q0 on."""
    lines = []
    for number in range(12):
        answerable = number % 3 != 0
        case = Case(
            case_id=f"q{number}",
            question=f"How many ships passed lock {number}?",
            answers=(f"{number + 30} ships",) if answerable else (),
            answerable=answerable,
            kind="ab"[number % 2],
            gold=(Gold(doc_id=f"d{number}", text=_story(number)),) if answerable else (),
            cluster=f"c{number}",
            year=2023 + number % 2,
        )
        found = tuple(
            Found(doc_id=f"d{place}", text=_story(place), score=1.0) for place in range(number, number + 3 + number % 2)
        )
        lines += [
            ScoredLine(data_set="sample", system="dateline", case=case, outcome=_outcome(number, answerable, found)),
            ScoredLine(
                data_set="sample",
                system="bm25",
                case=case,
                outcome=Outcome(status="retrieved", found=found[1:], timings_ms={"retrieve": 1.5, "total": 2.0}),
            ),
        ]
    return Run(header={}, lines=tuple(lines))


def _outcome(number: int, answerable: bool, found: tuple[Found, ...]) -> Outcome:  # noqa: FBT001  - a fixture
    timings = {"retrieve": 3.0 + number, "write": 40.0, "total": 50.0 + number}
    if number == 4:
        return Outcome(status="unscored", reason="ValueError: boom")
    if not answerable or number in {1, 2}:
        return Outcome(status="refused", confidence=0.1 * (number % 4), found=found, timings_ms=timings)
    quote = Quote(doc_id=f"d{number}", text=_story(number), verbatim=True, support=0.9)
    return Outcome(
        status="answered",
        text=_story(number),
        sentences=(Sentence(text=_story(number), quotes=(quote,)),),
        found=found,
        confidence=0.05 * number + 0.3,
        timings_ms=timings,
    )


def _story(number: int) -> str:
    return f"The canal office counted {number + 30} ships at lock {number} in spring."


def _rows(summary: Summary) -> dict[tuple[str, str, str, str], Estimate]:
    return {(row.data_set, row.system, row.slice, row.metric): row.estimate for row in summary.rows}


def _counts(summary: Summary) -> list[tuple[str, int]]:
    def name(row: Row) -> str:
        return f"{row.system} {row.slice} {row.metric}"

    figures = [(name(row), row.estimate.n) for row in summary.rows]
    return figures + [(tally.system, tally.cases) for tally in summary.tallies]
