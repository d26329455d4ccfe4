"""The HTML page of a comparison."""

from dataclasses import replace

import pytest

from eval.bounds import parse_bounds
from eval.compare import compare
from eval.metrics.uncertainty import Difference
from eval.outcomes import Outcome
from eval.report.comparison import comparison_page
from eval.report.wording import change_interval_text, direction_text
from eval.run_file import Run
from tests.support.page_tags import HOSTILE, addresses_of, tags_of
from tests.support.runs import synthetic_run

BOUNDS = parse_bounds([{"metric": "contains", "may_fall": 0.02}], source="a test")
NAMES = ("base.jsonl", "new.jsonl")


@pytest.fixture(scope="module")
def html() -> str:
    base = synthetic_run(seed=1, cases=60, started="2026-01-02T03:04:05+00:00")
    new = synthetic_run(seed=1, cases=62, skill=0.4, slowness=2, unscored=3, commit="9876fed")
    return comparison_page(base, new, compare(base, new, BOUNDS), names=NAMES)


def test_the_page_loads_nothing_from_elsewhere(html: str) -> None:
    """No script, no address but places on the page itself, and the policy of the report."""
    assert {"script", "iframe", "object", "embed", "link", "img"} & set(tags_of(html)) == set()
    assert [address for address in addresses_of(html) if not address.startswith("#")] == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in html


def test_the_page_tells_what_the_terminal_tells(html: str) -> None:
    """Runs, pairing, figures with their verdicts in words, flips apart, regressions."""
    for part in (
        *NAMES,
        "2026-01-02T03:04:05+00:00",
        "9876fed",
        "59 cases scored in both of 60 shared; not compared: 0 only in base, 2 only in new, 0 altered",
        "Scored in base and failed in new: 1 (q59)",
        "Went wrong: ",
        ">worse<",
        ">within noise<",
        "Bounds of the suite that the new run breaks",
        "0.02 is allowed",
    ):
        assert part in html


def test_the_same_run_twice_says_that_nothing_changed() -> None:
    """Without bounds nothing can be a regression, and the page says so rather than 0."""
    run = synthetic_run(seed=1, cases=20)

    html = comparison_page(run, run, compare(run, run, ()), names=NAMES)

    assert "there are no bounds: nothing counts as one" in html
    assert "0 better, 0 worse" in html
    assert "No case went from right to wrong or the other way." in html


def test_every_header_says_what_it_heads(html: str) -> None:
    """Tables are read aloud: each has a caption, each header cell a scope."""
    headers = [tag for tag in html.split("<") if tag.startswith(("th ", "th>"))]

    assert headers
    assert [tag for tag in headers if "scope=" not in tag] == []
    assert html.count("<table") == html.count("<caption>")


def test_hostile_text_stays_text() -> None:
    """Questions, names of cases, systems and files, and the header are strangers' words."""
    run = synthetic_run(seed=1, cases=10, skill=1.0, started=HOSTILE, commit=HOSTILE)
    lines = tuple(
        replace(line, data_set=HOSTILE, system=HOSTILE, case=replace(line.case, question=HOSTILE)) for line in run.lines
    )
    base = Run(header=run.header, lines=lines)
    refused = Outcome(status="refused", refusal_reason=HOSTILE)
    new = Run(header=run.header, lines=tuple(replace(line, outcome=refused) for line in lines))

    html = comparison_page(base, new, compare(base, new, ()), names=(HOSTILE, HOSTILE))

    assert {"script", "img"} & set(tags_of(html)) == set()
    assert "Went wrong: 8" in html
    html.encode("utf-8")


def test_only_slices_that_are_asked_for_are_compared() -> None:
    """Those of the bounds are among them: a regression must not hang on what is shown."""
    base, new = synthetic_run(seed=1, cases=60), synthetic_run(seed=1, cases=60, skill=0.4)
    bounds = parse_bounds([{"metric": "contains", "may_fall": 0.0, "slice": "kind:figure"}], source="a test")

    some, everything = compare(base, new, bounds, slices={"all"}), compare(base, new, bounds)

    assert {change.slice for change in some.changes} == {"all", "kind:figure"}
    assert [one for one in everything.changes if one.slice in {"all", "kind:figure"}] == list(some.changes)
    assert some.regressions == everything.regressions != ()


@pytest.mark.parametrize(
    ("low", "high", "metric", "said"),
    [
        (-0.3, -0.1, "contains", "worse"),
        (0.1, 0.3, "contains", "better"),
        (0.1, 0.3, "wrong_answers", "worse"),
        (-0.1, 0.3, "contains", "within noise"),
        (0.1, 0.3, "coverage", "moved"),
        (None, None, "contains", "within noise"),
    ],
)
def test_a_difference_is_judged_in_words(low: float | None, high: float | None, metric: str, said: str) -> None:
    """Its interval decides, and in which direction the metric is good."""
    run = synthetic_run(seed=1, cases=20)
    (change,) = [one for one in compare(run, run, ()).changes if (one.metric.name, one.slice) == (metric, "all")]
    mean = 0.2 if low is None or low > 0 else -0.2
    difference = Difference(mean=mean, low=low, high=high, p_value=0.04, n=20)

    assert direction_text(replace(change, difference=difference)) == said


def test_an_interval_of_a_difference_has_signs() -> None:
    """Shares are in percentage points; a single cluster has no interval."""
    known = Difference(mean=0.0, low=-0.125, high=0.05, p_value=1.0, n=20)

    assert change_interval_text(known, "share") == "-12.5 pp – +5.0 pp"
    assert change_interval_text(replace(known, low=None, high=None), "share") == ""
