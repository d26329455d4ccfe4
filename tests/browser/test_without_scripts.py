"""The page without scripts, held to what it shows with them: two renderings of one answer."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_asking import COMPOSED, WRONG
from tests.support.browsing import BRIDGE, CREDIT, FERRY, FILM, PORT, PRESIDENT, Visit, send_text, served_page
from tests.support.chat_models import PlayedModel

pytestmark = pytest.mark.browser

NOT_ANSWERED = "Which composer wrote the ferry march for the northern opera?"
MILL = "How many sacks of barley does the mill of Quorn grind a day?"
ONLY_WITH_SCRIPTS = (".actions", ".how")


def said(article: Locator) -> list[str]:
    """All that an answer says, text by text, folded parts too, less the controls that only scripts have."""
    texts: list[str] = article.evaluate(
        """(article, left_out) => { const copy = article.cloneNode(true), texts = [];
            left_out.forEach(one => copy.querySelectorAll(one).forEach(found => found.remove()));
            copy.normalize();
            const nodes = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
            while (nodes.nextNode()) texts.push(nodes.currentNode.data);
            return texts }""",
        list(ONLY_WITH_SCRIPTS),
    )
    return [" ".join(text.split()) for text in texts if text.strip()]


def links(article: Locator) -> list[tuple[str, str, str]]:
    found: list[list[str]] = article.locator("a").evaluate_all(
        """links => links.map(one => [
            one.getAttribute("href"), one.textContent.trim(), one.getAttribute("aria-label") ?? ""])"""
    )
    return [(address, text, label) for address, text, label in found]


def submitted(page: Page, question: str) -> Locator:
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    article = page.locator("article.answer")
    expect(article).to_have_count(1)
    return article


@pytest.mark.parametrize("question", [BRIDGE, CREDIT, FERRY, FILM, PRESIDENT, NOT_ANSWERED])
def test_both_renderings_of_an_answer_say_the_same(visit: Visit, origin: str, question: str) -> None:
    """Words, order, dates and links, whatever kind of answer it is."""
    plain = visit(origin, java_script_enabled=False)
    answer = submitted(plain, question).get_attribute("data-answer")
    plain.goto(f"{origin}/answers/{answer}")
    rendered = plain.locator("article.answer")

    scripted = visit(f"{origin}/answers/{answer}").locator("article.answer")

    assert said(scripted) == said(rendered)
    assert links(scripted) == links(rendered)


def test_a_composed_answer_is_the_same_in_both_too(visit: Visit, tmp_path: Path) -> None:
    """With a sentence that was withheld."""
    with served_page(tmp_path, chat=PlayedModel(sentences=(*COMPOSED, (WRONG, ("E1",))))) as origin:
        plain = visit(origin, java_script_enabled=False)
        address = f"{origin}/answers/{submitted(plain, PORT).get_attribute('data-answer')}"
        plain.goto(address)
        rendered, scripted = plain.locator("article.answer"), visit(address).locator("article.answer")

        assert said(scripted) == said(rendered)
        assert links(scripted) == links(rendered)


def test_what_no_longer_stands_is_told_in_both(visit: Visit, tmp_path: Path) -> None:
    """Under the address of an answer whose source was rewritten since."""
    with served_page(tmp_path) as origin:
        plain = visit(origin, java_script_enabled=False)
        send_text(plain, f"{origin}/v1", uri="mill", text="The mill of Quorn grinds 40 sacks of barley a day.")
        address = f"{origin}/answers/{submitted(plain, MILL).get_attribute('data-answer')}"
        send_text(plain, f"{origin}/v1", uri="mill", text="The mill of Quorn grinds no barley any more.")
        plain.goto(address)
        rendered, scripted = plain.locator("article.answer"), visit(address).locator("article.answer")

        expect(rendered).to_contain_text("1 of 1 quote no longer stands")
        assert said(scripted) == said(rendered)
        assert links(scripted) == links(rendered)


def test_limits_count_without_scripts(visit: Visit, origin: str) -> None:
    """The form sends them, and stands open with them afterwards."""
    page = visit(origin, java_script_enabled=False)
    page.locator("summary", has_text="Dates and sources").click()
    page.get_by_label("As of").fill("2025-03-01")
    article = submitted(page, BRIDGE)

    expect(article).to_contain_text("will open in June")
    expect(article).not_to_contain_text("September")
    expect(page.get_by_label("As of")).to_have_value("2025-03-01")
    article.locator("a.mark").first.click()
    expect(page.locator("#quote")).to_contain_text("will open in June")
