"""Every state of the page, held against the rules of axe-core, by day and by night."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_asking import COMPOSED, WRONG
from tests.support.browsing import CREDIT, FERRY, FILM, PORT, PRESIDENT, SteppingModel, Visit, ask, served_page
from tests.support.chat_models import PlayedModel
from tests.support.example_record import ExampleRuns

pytestmark = pytest.mark.browser

NIGHT: Final[dict[str, object]] = {"runOnly": ["color-contrast"]}


def faults(page: Page, options: dict[str, object] | None = None) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def is_sound(page: Page) -> None:
    """By day all rules, by night those of colours."""
    page.emulate_media(color_scheme="light")
    by_day = faults(page)
    page.emulate_media(color_scheme="dark")

    assert by_day == []
    assert faults(page, NIGHT) == []


def answered(page: Page, question: str) -> None:
    ask(page, question)
    expect(page.locator(".made")).to_have_count(1)


def open_source(page: Page) -> None:
    answered(page, FERRY)
    page.locator(".sentence a.mark").first.click()
    expect(page.locator("source-view:not([aria-busy])")).to_be_visible()


def opened(name: str) -> Callable[[Page], None]:
    def open_one(page: Page) -> None:
        answered(page, FERRY)
        page.locator("summary", has_text=name).click()

    return open_one


def hint(page: Page) -> None:
    answered(page, FERRY)
    page.locator(".sentence a.mark").first.hover()
    expect(page.get_by_role("tooltip")).to_be_visible()


def limits(page: Page) -> None:
    page.locator("summary", has_text="Dates and sources").click()


def editing(page: Page) -> None:
    answered(page, FERRY)
    page.get_by_role("button", name="Edit").click()


def failure(page: Page) -> None:
    page.route("**/v1/ask", lambda route: route.abort("connectionrefused"))
    ask(page, FERRY)
    expect(page.get_by_role("alert")).to_be_visible()


STATES: Final[dict[str, Callable[[Page], None]]] = {
    "start": lambda _: None,
    "limits": limits,
    "quoted": lambda page: answered(page, FERRY),
    "replaced": lambda page: answered(page, CREDIT),
    "conflict": lambda page: answered(page, FILM),
    "question back": lambda page: answered(page, PRESIDENT),
    "refusal": lambda page: answered(page, "Which composer wrote the ferry march for the northern opera?"),
    "source": open_source,
    "copying": opened("Copy"),
    "stages": opened("How this was made"),
    "missing": opened("Something is missing"),
    "hint": hint,
    "editing": editing,
    "failure": failure,
}


@pytest.mark.parametrize("state", STATES)
def test_asking_is_open_to_everybody(visit: Visit, origin: str, state: str) -> None:
    page = visit(origin)

    STATES[state](page)

    is_sound(page)


def test_so_is_an_answer_while_it_is_written_and_with_what_was_withheld(visit: Visit, tmp_path: Path) -> None:
    model = SteppingModel(sentences=(*COMPOSED, (WRONG, ("E1",))))
    with served_page(tmp_path, chat=model) as origin:
        page = visit(origin)
        ask(page, PORT)
        expect(page.locator(".found")).to_be_visible()
        is_sound(page)
        model.steps.release()
        expect(page.locator(".sentence")).to_have_count(1)
        is_sound(page)
        model.steps.release(2)
        page.locator(".withheld summary").click()
        is_sound(page)


def test_so_is_an_answer_under_its_address_and_without_scripts(visit: Visit, origin: str) -> None:
    page = visit(origin)
    answered(page, CREDIT)
    page.goto(f"{origin}{page.locator('.permalink').get_attribute('href')}")
    expect(page.locator(".made")).to_have_count(1)
    is_sound(page)


def test_so_is_the_record(visit: Visit, tmp_path: Path) -> None:
    """The list, a file that failed, a document, and the question before it is deleted."""
    with served_page(tmp_path, chat=PlayedModel()) as origin:
        page = visit(f"{origin}/record")
        page.get_by_label("choose them").set_input_files({"name": "a.pdf", "mimeType": "x/y", "buffer": b"%PDF-1"})
        expect(page.locator(".failed")).to_be_visible()
        is_sound(page)
        page.get_by_label("Words").fill("ferry")
        page.get_by_role("button", name="Find").click()
        expect(page.locator(".found").first).to_be_visible()
        is_sound(page)
        page.goto(f"{origin}/record/doc-bridge")
        page.get_by_role("button", name="Delete…").wait_for()
        is_sound(page)
        page.get_by_role("button", name="Delete…").click()
        is_sound(page)


def test_so_is_the_question_for_a_key(visit: Visit, tmp_path: Path) -> None:
    with served_page(tmp_path, keys="required") as origin:
        is_sound(visit(origin, ready="dialog.key"))


@pytest.fixture
def narrow(visit: Visit, origin: str) -> Page:
    return visit(origin, viewport={"width": 320, "height": 600}, is_mobile=True, has_touch=True)


def test_so_is_a_phone(narrow: Page) -> None:
    """And what fingers meet is large enough for them."""
    open_source(narrow)

    is_sound(narrow)
    assert faults(narrow, {"runOnly": ["target-size"]}) == []


def test_nothing_moves_by_itself(visit: Visit, origin: str) -> None:
    """For those who want less motion, and for all others too."""
    page = visit(origin)
    open_source(page)

    assert page.evaluate("() => document.getAnimations().length") == 0


def test_focus_goes_through_the_page_in_the_order_of_reading(narrow: Page) -> None:
    """The way past the masthead first, then the pages, the field, and what belongs to it."""
    page, reached = narrow, []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.textContent.trim() || document.activeElement.name"))

    assert reached[:8] == [
        "Skip to the question",
        "Dateline",
        "Ask",
        "Record",
        "Evaluation",
        "q",
        "Ask",
        "Dates and sources",
    ]


def test_so_is_the_evaluation(visit: Visit, tmp_path: Path) -> None:
    """The list, without runs too, and with a report below it."""
    with served_page(tmp_path, runs=ExampleRuns()) as origin:
        for query in ("", "?run=sample.jsonl", "?run=sample.jsonl&base=earlier.jsonl", "?run=none.jsonl"):
            is_sound(visit(f"{origin}/evaluation{query}"))
    with served_page(tmp_path) as origin:
        is_sound(visit(f"{origin}/evaluation"))
