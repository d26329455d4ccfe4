"""The HTML page and its figures."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from eval.bounds import check_bounds, parse_bounds
from eval.outcomes import Outcome, Quote, Sentence
from eval.report.case_list import case_list, quote_in_context
from eval.report.figures import (
    Bar,
    Bin,
    Curve,
    Point,
    latency_figure,
    reliability_figure,
    risk_coverage_figure,
    rows_figure,
)
from eval.report.page import page
from eval.run_file import Run, ScoredLine
from eval.summary import summarise
from tests.support.page_tags import HOSTILE
from tests.support.runs import synthetic_run


class _Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "data", "action", "srcset"}]
        if tag not in {"meta", "line", "circle", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"line", "circle", "polyline"}:
            return
        assert self.open.pop() == tag


def _page(run: Run) -> str:
    return page(run, summarise(run))


def _parsed(html: str) -> _Page:
    found = _Page()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def html() -> str:
    run = synthetic_run(seed=1, cases=60, unscored=2, systems=("dateline", "plain-rag"))
    bounds = parse_bounds([{"metric": "contains", "at_least": 0.99}], source="a test")
    summary = summarise(run)
    return page(run, summary, checks=check_bounds(summary, bounds))


def test_the_page_loads_nothing_from_elsewhere(html: str) -> None:
    """No script, no address but places on the page itself, no import in the style; and every tag is closed."""
    found = _parsed(html)

    assert found.open == []
    assert {"script", "iframe", "object", "embed", "link", "img"} & set(found.tags) == set()
    assert [address for address in found.addresses if not address.startswith("#")] == []
    assert re.findall(r"url\(|@import", html) == []


def test_what_scrolls_can_be_scrolled_with_the_keyboard(html: str) -> None:
    """Wide tables do on a phone: each has a name and a place in the order of tabs; each header says what it heads."""
    scrolled = re.findall(r'<div class="scroll"[^>]*>', html)

    assert [tag for tag in scrolled if 'role="region" tabindex="0" aria-label="' not in tag] == []
    assert re.findall(r"<th(?! scope=)[ >][^>]*>", html) == []


def test_the_page_shows_every_part(html: str) -> None:
    """Systems and rules, figures, bounds, cases, provenance."""
    for part in (
        "always-refuse",
        "Risk and coverage",
        "Reliability of the confidence",
        "Latency",
        "By kind of question",
        "By year of publication",
        "What the suite demands",
        "violated",
        "wrong refusal",
        "4 failed and are counted as unscored",
        "feedc0de",
    ):
        assert part in html
    assert html.count("<svg") >= 5


def test_hostile_text_stays_text() -> None:
    """Questions, answers, quotes, names and reasons are strangers' words; the policy forbids scripts besides."""
    run = synthetic_run(seed=1, cases=10)
    lines = [
        ScoredLine(
            data_set=f"set {HOSTILE}",
            system=HOSTILE,
            case=replace(line.case, question=HOSTILE, answers=(HOSTILE,), kind=f"{HOSTILE}{number % 2}"),
            outcome=Outcome(
                status="answered",
                sentences=(Sentence(text=HOSTILE, quotes=(Quote(doc_id=HOSTILE, text=HOSTILE, verbatim=True),)),),
                withheld=(HOSTILE,),
                timings_ms={"total": 1.0},
            ),
        )
        for number, line in enumerate(run.lines)
    ]

    html = _page(Run(header={**run.header, "run_id": HOSTILE}, lines=tuple(lines)))

    found = _parsed(html)
    assert {"script", "img"} & set(found.tags) == set()
    assert "default-src 'none'" in html
    html.encode("utf-8")


def test_the_page_is_the_same_bytes_in_any_order_of_lines() -> None:
    """It is made of the run file alone, without clock, locale or place."""
    run = synthetic_run(seed=5, cases=40)
    turned = Run(header=run.header, lines=tuple(reversed(run.lines)))

    assert _page(run) == _page(turned)


def test_a_lost_line_changes_the_page() -> None:
    """Each line is counted: n goes from 40 to 39."""
    run = synthetic_run(seed=5, cases=40)
    shorter = Run(header=run.header, lines=run.lines[1:])

    assert "n 40<" in _page(run)
    assert "n 40<" not in _page(shorter)


def test_an_empty_run_has_a_page() -> None:
    """A run that was stopped before its first case still says what it was."""
    html = _page(Run(header=synthetic_run(seed=1).header, lines=()))

    assert "0 cases of 0 data sets" in html


def test_the_worst_cases_come_first_and_the_rest_is_counted() -> None:
    """Of 60 cases at skill 0.5 the list begins with answers to the unanswerable; 50 are not shown."""
    listed = case_list("dateline", synthetic_run(seed=1, cases=60, skill=0.5).lines, limit=10)

    assert [case.tone for case in listed.cases] == ["bad"] * 10
    assert listed.cases[0].verdict == "answered the unanswerable"
    assert (len(listed.cases), listed.rest) == (10, 50)
    assert sum(count for _, _, count in listed.counts) == 60


def test_a_quote_stands_in_its_passage() -> None:
    """The passage is cut to what is near the quote; a quote from no found passage stands alone."""
    (line, *_) = [line for line in synthetic_run(seed=1).lines if line.outcome.sentences]
    passage = replace(line.outcome.found[0], text="Before it. The quote. After it.")
    quote = Quote(doc_id=passage.doc_id, text="The quote.", verbatim=True, speaker="The harbour office")

    inside = quote_in_context(quote, [passage])
    alone = quote_in_context(replace(quote, text="Elsewhere."), [passage])

    assert (inside.before, inside.quoted, inside.after) == ("Before it. ", "The quote.", " After it.")
    assert inside.source == f"{passage.doc_id} · The harbour office"
    assert (alone.before, alone.quoted, alone.after) == ("", "Elsewhere.", "")


FIGURES = {
    "risk and coverage": risk_coverage_figure(
        [Curve(name=HOSTILE, series=9, points=(Point(0.1, 0), Point(1, 0.3)), marked=(Point(0.6, 0.1),))]
    ),
    "no risk": risk_coverage_figure([]),
    "reliability": reliability_figure([Bin(confidence=0.3, right=0.2, low=0.1, high=0.4, n=5)]),
    "no reliability": reliability_figure([]),
    "latency": latency_figure([Curve(name="a & b", series=0, points=(Point(1.2, 0.5), Point(3.1, 1)))]),
    "no latency": latency_figure([]),
    "rows": rows_figure(HOSTILE, [Bar(name=HOSTILE, system=HOSTILE, series=1, mean=0.5, low=0.2, high=0.7, n=9)]),
    "no rows": rows_figure("Nothing", []),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_well_formed(name: str) -> None:
    """Any parser of XML reads them, whatever the names of systems; they say in words what they show."""
    root = ET.fromstring(FIGURES[name])  # noqa: S314  - made above

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["aria-label"]
    assert not [node for node in root.iter() if node.tag.endswith("script")]


def test_a_figure_draws_what_it_is_given() -> None:
    """Full coverage at the left and right edge of the area, risk 0 at its bottom: (56, 256) and (402, 14)."""
    svg = risk_coverage_figure([Curve(name="x", series=0, points=(Point(0, 0), Point(1, 0.25)))])

    assert 'points="56,256 402,14"' in svg
