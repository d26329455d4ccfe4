"""What a reader does with the record: looks for documents, reads them, sends new ones, and takes some out."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from domain.settings import IngestSettings
from service.keys import KeyFile, Scope
from tests.support.browsing import DOCUMENTS, FERRY, GOVERNOR, Visit, ask, served_page
from tests.support.web_server import page as web_page
from tests.support.web_server import web_server

pytestmark = pytest.mark.browser

STORY = "TORVAL, Feb. 8, 2025 (Harbour Gazette) -- The tram to Torval runs every ten minutes, the council said.\n"


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own."""
    with served_page(tmp_path / "record") as origin:
        yield origin


def opened(page: Page, address: str) -> None:
    """Go somewhere, and wait for the page's script; before it, links lead to the pages of the server."""
    page.goto(address)
    page.locator("body[data-ready]").wait_for()


def test_documents_are_listed_searched_and_filtered(visit: Visit, origin: str) -> None:
    """Newest first; words lead to the passages that hold them; the form is a plain one."""
    page = visit(f"{origin}/record")
    expect(page.locator("#total")).to_have_text(f"{len(DOCUMENTS)} documents")
    assert page.locator(".documents .title").all_inner_texts()[:2] == ["Bridge later", "The port"]

    page.get_by_label("Publisher").fill("Harbour Gazette")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".documents .title")).to_have_text(["Bridge to open"])
    page.get_by_label("Publisher").fill("")
    page.get_by_label("Words").fill("two quays for grain ships")
    page.get_by_role("button", name="Find").click()

    expect(page.locator(".documents .title").first).to_have_text("The port")
    expect(page.locator(".documents .found").first).to_contain_text("two quays for grain ships")


def test_a_document_is_read_with_its_versions_and_the_answers_that_cite_it(visit: Visit, origin: str) -> None:
    page = visit(origin)
    ask(page, FERRY)
    expect(page.locator(".made")).to_have_count(1)
    cited = page.locator(".timeline .document a").first.inner_text()

    opened(page, f"{origin}/record")
    page.get_by_role("link", name=cited, exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(cited)
    expect(page.locator(".whole")).to_have_text("The ferry to Costrel sails at nine.")
    expect(page.get_by_text("Version 1")).to_be_visible()
    page.get_by_role("link", name=FERRY).click()
    expect(page.locator(".question")).to_have_text(FERRY)


def test_dropped_files_say_how_far_they_are_and_why_one_failed(visit: Visit, changing: str) -> None:
    """One becomes a document that answers cite, another is no document; each line says so."""
    page = visit(f"{changing}/record")
    dropped = page.evaluate_handle(
        """story => { const held = new DataTransfer();
            held.items.add(new File([story], "tram.txt", {type: "text/plain"}));
            held.items.add(new File([new Uint8Array([0x25, 0x50, 0x44, 0x46, 0x2d, 0x31, 0x0a, 0x00])], "broken.pdf",
                {type: "application/pdf"}));
            return held }""",
        STORY,
    )

    page.dispatch_event("body", "drop", {"dataTransfer": dropped})

    lines = page.locator(".sending li")
    expect(lines.nth(0)).to_contain_text("1 document added")
    expect(lines.nth(1)).to_have_class("failed")
    assert len(lines.nth(1).locator(".state").inner_text()) > 10
    expect(page.locator(".documents")).to_contain_text("Harbour Gazette · 8 February")
    page.get_by_role("link", name="Read it").click()
    expect(page.locator(".whole")).to_contain_text("The tram to Torval runs every ten minutes")


def test_files_can_be_chosen_too(visit: Visit, changing: str) -> None:
    """By keyboard and screen reader there is nothing to drop."""
    page = visit(f"{changing}/record")

    page.get_by_label("choose them").set_input_files(
        {"name": "tram.txt", "mimeType": "text/plain", "buffer": STORY.encode()}
    )

    expect(page.locator(".sending li")).to_contain_text("1 document added")


@pytest.mark.parametrize(
    ("trusted", "told"), [(True, "1 document added"), (False, "is not a public address")], ids=["open", "closed"]
)
def test_an_address_can_be_sent(visit: Visit, tmp_path: Path, *, trusted: bool, told: str) -> None:
    """The server fetches it, or the line says why it does not."""
    ingest = IngestSettings(allow_private_networks=trusted)
    with served_page(tmp_path, ingest=ingest) as origin, web_server() as elsewhere:
        written = web_page(f"<p>{STORY}</p>".encode(), "Content-Type: text/html")
        view = visit(f"{origin}/record")

        view.get_by_label("Or from an address").fill(elsewhere.answers("/tram", written))
        view.keyboard.press("Enter")

        expect(view.locator(".sending .file")).to_have_text(elsewhere.url("/tram"))
        expect(view.locator(".sending .state")).to_contain_text(told)


def test_a_document_is_deleted_only_when_that_is_confirmed(visit: Visit, changing: str) -> None:
    """From then on it is neither listed nor cited, and an answer that rested on it is withdrawn."""
    page = visit(changing)
    ask(page, FERRY)
    expect(page.locator(".made")).to_have_count(1)
    answer = page.locator(".permalink").get_attribute("href")
    for title in ("Ferry times", "Timetable"):
        opened(page, f"{changing}/record")
        page.get_by_role("link", name=title).click()
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("heading", name="The record")).to_be_visible()
        expect(page.get_by_role("link", name=title)).to_have_count(0)

    page.goto(f"{changing}{answer}")
    expect(page.get_by_role("alert")).to_contain_text("cites a document that was deleted since")


def test_a_document_that_is_not_there_is_told(visit: Visit, origin: str) -> None:
    page = visit(f"{origin}/record/doc-nowhere")

    expect(page.get_by_role("alert")).to_contain_text(re.compile("is not in the record"))


def test_a_key_of_one_collection_shows_that_one(visit: Visit, tmp_path: Path) -> None:
    """Also where an address names another, and where nothing names any."""
    admin, _ = KeyFile(tmp_path).create(name="admin", scope=Scope.ADMIN)
    bound, _ = KeyFile(tmp_path).create(name="reader", scope=Scope.READ, collections=("treaties",))
    with served_page(tmp_path, keys="required") as origin:
        keyed = {"Authorization": f"Bearer {admin}"}
        for name in ("treaties", "wires"):
            httpx.post(f"{origin}/v1/collections", json={"name": name}, headers=keyed).raise_for_status()
        for path in ("/record", "/record?collection=wires", "/record?collection=%C3%BC%0A", "/record?collection=gone"):
            page = visit(f"{origin}{path}", ready="dialog.key")
            page.get_by_role("textbox", name="Key").fill(bound)
            page.get_by_role("button", name="Use this key").click()
            page.locator("body[data-ready]").wait_for()

            expect(page.locator("#total")).to_have_text("0 documents")
            expect(page.get_by_label("Collection")).to_have_value("treaties")


def test_a_key_that_may_only_read_is_told_so(visit: Visit, tmp_path: Path) -> None:
    """What it may not do fails with the reason, in its place."""
    key, _ = KeyFile(tmp_path).create(name="reader", scope=Scope.READ)
    with served_page(tmp_path, keys="required") as origin:
        page = visit(f"{origin}/record/doc-bridge", ready="dialog.key")
        page.get_by_role("textbox", name="Key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator(".whole")).to_contain_text(GOVERNOR)
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Delete it").click()

        expect(page.get_by_role("alert")).to_contain_text("needs a key with the scope write")
