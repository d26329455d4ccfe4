"""What a reader does with the page: asks, reads, looks at the words behind a sentence, and goes on asking."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from domain.errors import ChatModelError
from service.keys import KeyFile, Scope
from tests.support.browsing import (
    BRIDGE,
    BUILT,
    CREDIT,
    DOCUMENTS,
    FERRY,
    FILM,
    GOVERNOR,
    LATER,
    PORT,
    PRESIDENT,
    QUAYS,
    SteppingModel,
    Visit,
    ask,
    send_text,
    served_page,
)
from tests.support.chat_models import PlayedModel

pytestmark = pytest.mark.browser

COMPOSED = ((QUAYS, ("E1",)), (BUILT, ("E2",)))
WRONG = "The port of Sorrel has nine quays for grain ships."


@pytest.fixture
def model() -> SteppingModel:
    return SteppingModel(sentences=COMPOSED)


@pytest.fixture
def writing(tmp_path: Path, model: SteppingModel) -> Iterator[str]:
    """A server whose chat model writes a sentence each time that the test lets it."""
    with served_page(tmp_path, chat=model) as origin:
        yield origin


def marked(page: Page) -> list[str]:
    """The words that are highlighted in the open source, once they stand in their surroundings."""
    expect(page.locator("source-view:not([aria-busy]) mark").first).to_be_visible()
    return page.locator("source-view mark").all_inner_texts()


def answered(page: Page, number: int = 1) -> None:
    expect(page.locator(".made")).to_have_count(number)


def test_a_citation_opens_the_source_with_exactly_its_quote_marked(visit: Visit, origin: str) -> None:
    """Also where characters outside the basic plane stand before it; the words are scrolled into view."""
    page = visit(origin)
    page.locator("summary", has_text="Dates and sources").click()
    page.get_by_label("As of").fill("2025-03-01")
    ask(page, BRIDGE)
    answered(page)

    page.locator(".sentence a.mark").first.click()

    assert marked(page) == [GOVERNOR]
    expect(page.locator("source-view mark")).to_be_in_viewport()
    expect(page.locator("source-view h3")).to_have_text("Bridge to open")
    expect(page.locator("source-view")).to_contain_text("Harbour Gazette · 6 February 2025")
    expect(page.locator("source-view .text p")).to_have_count(43)


def test_as_of_a_day_the_answer_is_that_of_the_day(visit: Visit, origin: str) -> None:
    """The same question, another date, other words; the answer says which date it was asked for."""
    page = visit(origin)
    ask(page, BRIDGE)
    answered(page)
    assert LATER in page.locator(".sentence .words").all_inner_texts()

    page.locator("summary", has_text="Dates and sources").click()
    page.get_by_label("As of").fill("2025-03-01")
    ask(page, BRIDGE)
    answered(page, 2)

    last = page.locator(".answer").last
    assert last.locator(".sentence .words").all_inner_texts() == [GOVERNOR]
    expect(last.locator(".scope")).to_have_text("as of 1 March 2025")


def test_the_publisher_limits_what_answers(visit: Visit, origin: str) -> None:
    """A publisher can be chosen from those of the record."""
    page = visit(origin)
    page.locator("summary", has_text="Dates and sources").click()
    page.get_by_label("Publisher").fill("Harbour Gazette")

    names = page.locator("#publishers option").evaluate_all("options => options.map(one => one.value)")
    ask(page, BRIDGE)
    answered(page)

    assert {"Harbour Gazette", "Meridian Wire"} <= set(names)
    assert page.locator(".sentence .words").all_inner_texts() == [GOVERNOR]


def test_a_true_quote_is_shown_while_the_model_writes_then_sentence_by_sentence(
    visit: Visit, writing: str, model: SteppingModel
) -> None:
    """Nothing waits for the end, screen readers hear each sentence, and nothing on the page moves meanwhile."""
    page = visit(writing)
    page.evaluate(
        """() => { window.shifts = []; new PerformanceObserver(list => list.getEntries().forEach(
            entry => entry.hadRecentInput || window.shifts.push(entry.value)))
            .observe({type: "layout-shift", buffered: true}) }"""
    )
    ask(page, PORT)

    expect(page.locator(".found blockquote")).to_have_text(re.compile("port of Sorrel"))
    expect(page.locator(".sentence")).to_have_count(0)
    model.steps.release()
    expect(page.locator(".sentence")).to_have_count(1)
    expect(page.locator(".found")).to_have_count(0)
    expect(page.locator("#said")).to_contain_text(COMPOSED[0][0])
    model.steps.release()
    answered(page)

    assert page.locator(".sentence .words").all_inner_texts() == [text for text, _ in COMPOSED]
    expect(page.locator(".made")).to_contain_text("Composed by played and checked against 2 documents")
    assert sum(page.evaluate("window.shifts")) < 0.02


def test_stop_ends_the_work_and_keeps_what_was_checked(visit: Visit, writing: str, model: SteppingModel) -> None:
    """The sentence that came stays; the field is free for the next question, and the model too."""
    page = visit(writing)
    ask(page, PORT)
    model.steps.release()
    expect(page.locator(".sentence")).to_have_count(1)

    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".notice")).to_have_text("Stopped. What was checked until then stands.")
    expect(page.locator(".sentence")).to_have_count(1)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    model.steps.release(3)  # The answer that was stopped may take one before it knows.
    page.get_by_role("button", name="Ask again").click()
    answered(page)
    expect(page.locator(".answer")).to_have_count(1)


def test_a_follow_up_is_asked_with_what_was_said_before(visit: Visit, origin: str) -> None:
    """The thread is the history of the next question."""
    page = visit(origin)
    ask(page, "What did Governor Lena Marsh say about the northern bridge of Torval?")
    answered(page)

    with page.expect_request("**/v1/ask") as sent:
        ask(page, "And when will it open?")
    answered(page, 2)

    history = json.loads(sent.value.post_data or "")["history"]
    assert [turn["role"] for turn in history] == ["user", "assistant"]
    assert "Governor Lena Marsh said" in history[1]["text"]
    page.locator(".answer").last.locator("summary", has_text="How this was made").click()
    expect(page.locator(".answer").last.locator(".how")).to_contain_text(
        re.compile(r"will it open \(.*northern bridge, Torval\)")
    )


def test_an_earlier_question_can_be_edited_and_asked_again(visit: Visit, origin: str) -> None:
    """What followed it is replaced."""
    page = visit(origin)
    ask(page, CREDIT)
    answered(page)
    ask(page, FERRY)
    answered(page, 2)

    page.get_by_role("button", name="Edit").first.click()
    expect(page.get_by_label("Question", exact=True)).to_have_value(CREDIT)
    ask(page, FILM)
    expect(page.locator(".question")).to_have_text([FILM])
    answered(page)


def test_a_refusal_says_why_and_shows_the_nearest_passages(visit: Visit, origin: str) -> None:
    """The nearest passages open like any source."""
    page = visit(origin)
    ask(page, "Which composer wrote the ferry march for the northern opera?")
    answered(page)

    expect(page.locator(".verdict")).to_have_text("The record does not say. The nearest passages are listed.")
    expect(page.locator(".told")).to_contain_text("but does not answer it")
    expect(page.locator(".sentence")).to_have_count(0)
    page.locator(".nearest a.mark").first.click()
    assert marked(page) == [page.locator(".nearest blockquote").first.inner_text()]


def test_what_sources_disagree_on_stands_side_by_side_with_its_dates(visit: Visit, origin: str) -> None:
    """Each side with its words and its source."""
    page = visit(origin)
    ask(page, FILM)
    answered(page)

    sides = page.locator(".conflict .side")
    assert sides.locator(".value").all_inner_texts() == ["James Onwe", "Mara Tilling"]
    expect(sides.nth(0)).to_contain_text("Reel · 1 March 2023")
    tops = sides.evaluate_all("sides => sides.map(one => one.getBoundingClientRect().top)")
    assert tops[0] == tops[1]


def test_a_replaced_figure_is_struck_with_what_replaced_it(visit: Visit, origin: str) -> None:
    page = visit(origin)
    ask(page, CREDIT)
    answered(page)

    replaced = page.locator(".superseded li")
    expect(replaced.locator("del")).to_have_text(re.compile(r"2\.4"))
    expect(replaced.locator("ins")).to_have_text(re.compile(r"2\.9"))
    assert "line-through" in replaced.locator("del").evaluate("one => getComputedStyle(one).textDecorationLine")
    days = page.locator(".timeline time").all_inner_texts()
    assert days == ["8 May 2024", "22 June 2024"]


def test_copies_of_one_story_are_folded_into_one_source(visit: Visit, origin: str) -> None:
    """The other publisher is named, not counted as a second source."""
    page = visit(origin)
    ask(page, FERRY)
    answered(page)

    expect(page.locator(".made")).to_contain_text("Quoted from 1 document")
    expect(page.locator(".timeline .copies")).to_have_text(re.compile("Also in (Norrland Press|Costrel Lines)"))


def test_a_question_back_is_answered_with_a_button(visit: Visit, origin: str) -> None:
    page = visit(origin)
    ask(page, PRESIDENT)
    answered(page)

    page.get_by_role("button", name="Ysolde Karn").click()
    answered(page, 2)

    assert page.locator(".sentence .words").all_inner_texts() == ["President Ysolde Karn is 47 years old."]


def test_hovering_or_focusing_a_mark_shows_its_quote(visit: Visit, origin: str) -> None:
    """And Escape puts it away."""
    page = visit(origin)
    ask(page, FERRY)
    answered(page)

    page.locator(".sentence a.mark").first.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("The ferry to Costrel sails at nine.")
    page.mouse.move(0, 0)
    expect(page.get_by_role("tooltip")).to_be_hidden()
    page.locator(".sentence a.mark").first.focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()


def test_everything_is_reached_by_keyboard_alone(visit: Visit, origin: str) -> None:
    """Ask, step to a mark, open it, step through the sources, close, and be where one was."""
    page = visit(origin)
    page.keyboard.type(CREDIT)
    page.keyboard.press("Enter")
    answered(page)
    page.locator(".question").focus()

    page.keyboard.press("j")
    expect(page.locator(".told a.mark").first).to_be_focused()
    page.keyboard.press("Enter")
    marked(page)
    expect(page.locator(".steps")).to_contain_text("1 of 3")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".steps")).to_contain_text("2 of 3")
    expect(page.locator("source-view h3")).to_have_text("Joint statement")
    page.keyboard.press("k")
    expect(page.locator(".steps")).to_contain_text("1 of 3")
    page.keyboard.press("Escape")

    expect(page.locator("source-view")).to_have_count(0)
    expect(page.locator(".told a.mark").first).to_be_focused()


def test_what_was_withheld_can_be_looked_at(visit: Visit, tmp_path: Path) -> None:
    """The line opens, and says of each sentence why."""
    chat = PlayedModel(sentences=((WRONG, ("E1",)), COMPOSED[0]))
    with served_page(tmp_path, chat=chat) as origin:
        page = visit(origin)
        ask(page, PORT)
        answered(page)

        page.get_by_text("1 sentence was withheld: not supported by the record").click()

        expect(page.locator(".withheld li")).to_have_text(f"{WRONG} a number in it is not in the cited words")
        assert page.locator(".sentence .words").all_inner_texts() == [COMPOSED[0][0]]


def test_without_a_model_that_answers_the_record_is_quoted(visit: Visit, tmp_path: Path) -> None:
    """The answer says so, and that it is quoted."""
    chat = PlayedModel(error=ChatModelError("The chat model cannot be reached"))
    with served_page(tmp_path, chat=chat) as origin:
        page = visit(origin)
        ask(page, BRIDGE)
        answered(page)

        expect(page.locator(".notes")).to_contain_text("The chat model cannot be reached")
        expect(page.locator(".made")).to_contain_text("Quoted from")
        assert LATER in page.locator(".sentence .words").all_inner_texts()


def test_an_answer_has_an_address_that_outlives_the_server(visit: Visit, tmp_path: Path) -> None:
    """After a restart the same words stand under it, and can be asked about."""
    with served_page(tmp_path) as origin:
        page = visit(origin)
        ask(page, CREDIT)
        answered(page)
        words = page.locator(".sentence").all_inner_texts()
        address = page.locator(".permalink").get_attribute("href")

    with served_page(tmp_path) as origin:
        again = visit(f"{origin}{address}")
        answered(again)
        assert again.locator(".sentence").all_inner_texts() == words
        ask(again, FERRY)
        answered(again, 2)


def test_the_address_of_an_answer_opens_it_in_its_collection(visit: Visit, tmp_path: Path) -> None:
    """Whichever collection the tab that opens it showed before."""
    with served_page(tmp_path) as origin:
        page = visit(origin)
        ask(page, FERRY)
        answered(page)
        elsewhere = page.locator(".permalink").get_attribute("href")
        page.request.post(f"{origin}/v1/collections", data={"name": "treaties"})
        send_text(page, f"{origin}/v1/collections/treaties", text="The treaty of Marrick ends the salt duty in 1911.")
        page.get_by_role("button", name="New thread").click()
        page.get_by_label("Collection").select_option("treaties")
        expect(page.locator("#holds")).to_contain_text("1 document")
        ask(page, "When does the treaty of Marrick end the salt duty?")
        answered(page)
        address = page.locator(".permalink").get_attribute("href")
        page.get_by_label("Collection").select_option("default")
        expect(page.locator("#holds")).to_contain_text(f"{len(DOCUMENTS)} documents")

        for one in (page, visit(f"{origin}{address}")):
            one.goto(f"{origin}{address}")
            expect(one.locator(".sentence")).to_contain_text("The treaty of Marrick ends the salt duty in 1911.")
            expect(one.get_by_label("Collection")).to_have_value("treaties")
            one.goto(f"{origin}{elsewhere}")
            expect(one.locator(".question")).to_have_text(FERRY)
            expect(one.locator(".made")).to_be_visible()


def test_an_answer_that_is_not_there_is_told(visit: Visit, origin: str) -> None:
    page = visit(f"{origin}/answers/ans_0123456789abcdef01234567")

    expect(page.get_by_role("alert")).to_contain_text("is not in the record")


def test_a_reload_shows_the_thread_again_and_a_new_one_begins_when_wanted(visit: Visit, origin: str) -> None:
    page = visit(origin)
    for number, question in enumerate((FERRY, FILM), start=1):
        ask(page, question)
        answered(page, number)

    page.reload()
    expect(page.locator(".question")).to_have_text([FERRY, FILM])
    page.get_by_role("button", name="New thread").click()

    expect(page.get_by_role("heading", name="Ask the record")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(0)


def test_suggestions_come_from_the_record(visit: Visit, origin: str) -> None:
    """A first question is one click away, and has an answer."""
    page = visit(origin)

    page.get_by_role("link", name="What did Governor Lena Marsh say?").click()
    answered(page)

    expect(page.locator(".sentence").first).to_contain_text("Governor Lena Marsh said")


def test_an_answer_is_copied_with_footnotes(visit: Visit, origin: str) -> None:
    """As Markdown, as plain text and as HTML, each with the quote and a link that opens it."""
    page = visit(origin, permissions=["clipboard-read", "clipboard-write"])
    ask(page, FERRY)
    answered(page)

    def copied(form: str) -> str:
        page.locator("summary", has_text="Copy").click()
        page.get_by_role("button", name=form, exact=True).click()
        expect(page.get_by_text(f"Copied as {form}.")).to_be_attached()
        text: str = page.evaluate("() => navigator.clipboard.readText()")
        return text

    link = rf"{re.escape(origin)}/sources/doc-ferry\S*\?version=1&start=0&end=35#quote"
    assert re.search(rf"sails at nine\. \[\^1\]\n\n\[\^1\]: “The ferry .+ <{link}>$", copied("Markdown"))
    assert re.search(
        rf"sails at nine\. \[1\]\n\n\[1\] “The ferry to Costrel sails at nine\.” .+ {link}$", copied("Plain text")
    )
    copied("HTML")
    html = page.evaluate("async () => (await (await navigator.clipboard.read())[0].getType('text/html')).text()")
    assert "<q>The ferry to Costrel sails at nine.</q>" in html


def test_readers_say_whether_the_words_support_a_sentence(visit: Visit, tmp_path: Path) -> None:
    """Beside the source, and of the whole answer what it lacks; both are kept as feedback."""
    with served_page(tmp_path) as origin:
        page = visit(origin)
        ask(page, FERRY)
        answered(page)
        page.locator(".sentence a.mark").first.click()
        page.get_by_role("group", name="Your judgement").get_by_role("button", name="No").click()
        expect(page.locator(".judgement")).to_contain_text("Thank you, noted.")
        page.locator("summary", has_text="Something is missing").click()
        page.get_by_label("What does the record say").fill("It sails on Sundays too.")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".actions")).to_contain_text("Thank you, noted.")

        kept = page.request.get(f"{origin}/v1/feedback").json()["feedback"]

    assert [(one["verdict"], one["sentence"], one["expected"]) for one in kept] == [
        ("missing", None, "It sails on Sundays too."),
        ("does_not_support", 0, None),
    ]


def test_a_server_that_is_gone_is_told_and_can_be_tried_again(visit: Visit, origin: str) -> None:
    """The question is not lost."""
    page = visit(origin)

    def refuse(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/v1/ask", refuse)
    ask(page, FERRY)
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached. Is it running?")
    page.unroute("**/v1/ask", refuse)
    page.get_by_role("button", name="Try again").click()
    answered(page)
    expect(page.locator(".question")).to_have_text([FERRY])


def test_on_a_phone_the_source_opens_below_the_text(visit: Visit, origin: str) -> None:
    """Nothing is wider than the screen, down to 320 pixels."""
    page = visit(origin, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    ask(page, CREDIT)
    answered(page)
    page.locator(".sentence a.mark").first.tap()
    marked(page)

    text, source = page.locator(".told").bounding_box(), page.locator("source-view").bounding_box()
    assert text is not None
    assert source is not None
    assert source["y"] >= text["y"] + text["height"]
    expect(page.locator("source-view mark")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_at_twice_the_size_nothing_is_cut_off(visit: Visit, origin: str) -> None:
    """200 % zoom is half the width; the page still has no sideways scrolling."""
    page = visit(origin, viewport={"width": 640, "height": 400}, device_scale_factor=2)
    ask(page, FILM)
    answered(page)
    page.locator(".told a.mark").first.click()
    marked(page)

    assert page.evaluate("document.documentElement.scrollWidth") == 640


def test_text_that_is_written_from_right_to_left_is_shown_so(visit: Visit, origin: str) -> None:
    page = visit(f"{origin}/record/doc-bridge")

    hebrew = page.locator(".whole p").nth(2)
    assert hebrew.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert page.locator(".whole p").first.evaluate("one => getComputedStyle(one).direction") == "ltr"


def test_a_printed_answer_has_its_sources_and_no_controls(visit: Visit, origin: str) -> None:
    page = visit(origin)
    ask(page, CREDIT)
    answered(page)
    page.emulate_media(media="print")

    expect(page.locator(".timeline")).to_be_visible()
    expect(page.locator(".sentence").first).to_be_visible()
    for control in ("#ask", ".actions", ".masthead nav", ".how"):
        expect(page.locator(control).first).to_be_hidden()


def test_the_page_asks_for_a_key_where_the_server_does(visit: Visit, tmp_path: Path) -> None:
    """It is kept in the tab alone, sent with each request, and asked for again when it opens nothing any more."""
    keys = KeyFile(tmp_path)
    key, kept = keys.create(name="reader", scope=Scope.READ)
    with served_page(tmp_path, keys="required") as origin:
        page = visit_with_key(visit, origin, key)
        ask(page, FERRY)
        answered(page)
        page.locator(".sentence a.mark").first.click()
        assert marked(page) == ["The ferry to Costrel sails at nine."]
        assert urlsplit(page.url).query == ""
        assert page.evaluate("localStorage.length") == 0
        keys.revoke(kept.key_id)
        ask(page, FERRY)
        expect(page.get_by_role("dialog")).to_contain_text("The server does not know this key")


def visit_with_key(visit: Visit, origin: str, key: str) -> Page:
    """Open the page and give it a key; without one it is not ready."""
    page = visit(origin, ready="dialog.key")
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    page.locator("body[data-ready]").wait_for()
    return page
