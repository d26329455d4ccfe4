"""Tables, JSON and JUnit XML of a run."""

from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from rich.table import Table

from domain.errors import ConfigurationError
from eval.bounds import check_bounds, parse_bounds
from eval.metrics.uncertainty import Estimate
from eval.report.junit import junit_xml
from eval.report.machine import report_json
from eval.report.terminal import run_tables
from eval.report.wording import change_text, checker_text, figure_text, interval_text, p_value_text
from eval.run_file import Run
from eval.summary import summarise
from tests.support.runs import header_of, synthetic_run


def test_a_violated_bound_is_a_junit_failure_and_a_held_one_is_not() -> None:
    """One test case per bound; a bound on a system that did not run is skipped."""
    run = synthetic_run(seed=1, cases=40)
    bounds = parse_bounds(
        [
            {"metric": "contains", "at_least": 0.99},
            {"metric": "wrong_answers", "at_most": 1.0},
            {"metric": "contains", "at_least": 0.1, "system": "bm25"},
        ],
        source="a test",
    )

    suite = ET.fromstring(junit_xml(check_bounds(summarise(run), bounds)))  # noqa: S314  - made above

    assert suite.attrib == {
        "name": "dateline eval",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert [[child.tag for child in case] for case in suite] == [["failure"], ["system-out"], ["skipped"]]
    assert suite[0].attrib["name"] == "every set dateline contains ≥ 0.99"


def test_a_floor_on_a_figure_that_is_missing_is_violated() -> None:
    """A suite that demands what nothing measured must not be green."""
    bounds = parse_bounds([{"metric": "contains", "slice": "kind:no_such", "at_least": 0.5}], source="a test")

    (check,) = check_bounds(summarise(synthetic_run(seed=1, cases=20)), bounds)

    assert check.status == "violated"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"metric": "contians", "at_least": 0.5}, "no metric 'contians'"),
        ({"metric": "contains"}, "needs at_least, at_most or may_fall"),
        ({"metric": "total_ms_p50", "may_fall": 10}, "depends on the machine"),
        ({"metric": "coverage", "may_fall": 0.1}, "no good direction"),
        ({"metric": "contains", "at_lest": 0.5}, "at_lest"),
    ],
)
def test_a_bound_that_cannot_work_is_refused(row: dict[str, object], message: str) -> None:
    """Misspelt, empty, timed or directionless bounds are errors of the suite."""
    with pytest.raises(ConfigurationError, match=message):
        parse_bounds([row], source="a test")


def test_the_json_is_the_same_bytes_in_any_order_of_lines() -> None:
    """The run file's order, which a resumed run changes, is not in the report."""
    run = synthetic_run(seed=3, cases=40)
    turned = Run(header=run.header, lines=tuple(reversed(run.lines)))

    assert report_json(run, summarise(run), ()) == report_json(turned, summarise(turned), ())


def test_the_terminal_shows_intervals_counts_and_failures() -> None:
    """With 40 cases of which 2 failed, coverage stands on 38 and says so."""
    (table, *_) = run_tables(summarise(synthetic_run(seed=1, cases=40, unscored=2)))

    shown = _text(table)
    row = next(line for line in shown.splitlines() if line.startswith("coverage"))
    assert "n 38, 2 unscored" in row
    assert "–" in row


def test_figures_are_worded_by_their_unit() -> None:
    """Shares are percentages and their differences points; milliseconds become seconds from 1000 on."""
    assert figure_text(0.8256, "share") == "82.6 %"
    assert figure_text(0.74, "score") == "0.740"
    assert figure_text(1240.0, "ms") == "1.24 s"
    assert figure_text(None, "share") == "–"
    assert change_text(-0.0179, "share") == "-1.8 pp"
    assert p_value_text(0.0001) == "< 0.001"
    assert interval_text(Estimate(mean=0.5, low=0.4, high=0.6, n=9), "share") == "40.0 – 60.0"
    assert interval_text(Estimate(mean=0.5, low=None, high=None, n=1), "share") == ""


def test_support_is_worded_with_the_checkers_own_error() -> None:
    """Without a measured error the reader is told to read nothing into it."""
    measured = {
        "sets": [{"name": "wice_dev", "n": 349, "balanced_accuracy": {"mean": 0.66, "low": 0.61, "high": 0.71}}]
    }

    assert "was not measured" in checker_text(header_of())
    assert "wice dev 66.0 % (61.0 – 71.0) of 349 claims" in checker_text(header_of(checker_error=measured))
    assert "another version's balanced" in checker_text(header_of(checker_error={**measured, "is_current": False}))


def test_claims_that_the_checker_learned_from_are_told_from_those_kept_from_it() -> None:
    measured = {
        "sets": [{"name": "wice_dev", "n": 349, "balanced_accuracy": {"mean": 0.66, "low": 0.61, "high": 0.71}}]
    }

    crossed = checker_text(header_of(checker_error={**measured, "crossed": True}))
    learned = checker_text(header_of(checker_error={**measured, "learned_from": ["wice_dev"]}))
    other = checker_text(header_of(checker_error={**measured, "learned_from": []}))

    assert "349 claims kept from it in training." in crossed
    assert "349 claims that it has learned from." in learned
    assert other.endswith("349 claims.")


def _text(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()
