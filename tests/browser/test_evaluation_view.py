"""The view of the evaluation: runs listed, a report opened in place, two compared; with a key, and without scripts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from eval.report.folder import RunFolder
from service.keys import KeyFile, Scope
from tests.support.browsing import Visit, served_page
from tests.support.example_record import ExampleRuns

pytestmark = pytest.mark.browser

BASELINE = Path(__file__).parents[2] / "eval/baselines/sample.jsonl.gz"


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """A server with two runs of our own suite, and a file that is none."""
    runs = tmp_path / "runs"
    runs.mkdir()
    for name in ("first", "second"):
        shutil.copy(BASELINE, runs / f"{name}.jsonl.gz")
    (runs / "cut.jsonl").write_text('{"kind": "hea')
    with served_page(tmp_path / "data", runs=RunFolder(runs)) as origin:
        yield origin


def compared(page: Page) -> None:
    page.get_by_role("combobox", name="Compare").select_option(index=0)
    page.get_by_role("combobox", name="with the earlier").select_option(index=1)
    page.get_by_role("button", name="Compare").press("Enter")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_report_and_a_comparison_are_opened_in_place(visit: Visit, origin: str, *, scripts: bool) -> None:
    page = visit(f"{origin}/evaluation", java_script_enabled=scripts)
    expect(page.locator("#runs li")).to_have_count(3)
    expect(page.locator("#runs li", has_text="cut.jsonl")).to_contain_text("not a run file")
    expect(page.locator("iframe")).to_have_count(0)

    page.get_by_role("link", name="first.jsonl.gz").click()
    expect(page.get_by_role("heading", name="Report on first.jsonl.gz")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Dateline evaluation")).to_be_visible()
    compared(page)
    expect(page.get_by_role("heading", name="What changed")).to_be_visible()
    expect(page.frame_locator("iframe").locator("table").first).to_be_visible()


def test_where_a_key_is_asked_for_it_is_the_same(visit: Visit, tmp_path: Path) -> None:
    """The list is read with the key; the frame, which sends none, opens by the signature of each run."""
    key, _ = KeyFile(tmp_path).create(name="reader", scope=Scope.READ)
    with served_page(tmp_path, runs=ExampleRuns(), keys="required") as origin:
        page = visit(f"{origin}/evaluation", ready="dialog.key")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        page.get_by_role("link", name="sample.jsonl").click()
        expect(page.frame_locator("iframe").get_by_text("Report on sample.jsonl")).to_be_visible()
        page.get_by_label("with the earlier").select_option("earlier.jsonl")
        page.get_by_role("button", name="Compare").press("Enter")

        expect(page.frame_locator("iframe").get_by_text("From earlier.jsonl to sample.jsonl")).to_be_visible()


def test_both_renderings_of_the_list_say_the_same(visit: Visit, tmp_path: Path) -> None:
    key, _ = KeyFile(tmp_path / "keyed").create(name="reader", scope=Scope.READ)
    runs, address = ExampleRuns(), "evaluation?run=sample.jsonl&base=earlier.jsonl"
    with served_page(tmp_path / "open", runs=runs) as origin:
        rendered = visit(f"{origin}/{address}", java_script_enabled=False).locator("#evaluation").inner_text()
    with served_page(tmp_path / "keyed", runs=runs, keys="required") as origin:
        page = visit(f"{origin}/{address}", ready="dialog.key")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("iframe")).to_have_count(1)
        scripted = page.locator("#evaluation").inner_text()

    assert scripted == rendered
