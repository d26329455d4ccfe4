"""What documents, file names and models say stays text: nothing runs, nothing is fetched, nothing hides the source."""

import json
import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from domain.corpus import Document, DocumentHeader, Passage, Span, passage_id_of, sha256_of
from domain.ports import PreparedDocument
from tests.support.browsing import Visit, ask, served_page
from tests.support.chat_models import PlayedModel
from tests.support.encoders import HashingEncoder
from tests.support.payloads import payloads
from tests.support.records import prepared

pytestmark = pytest.mark.browser

PAYLOADS: Final = payloads()
QUESTION: Final = "Which rare parcel did the harbour clerk weigh?"
ANSWER: Final = "The harbour clerk weighed the rare parcel {payload} on Monday."
LONG_QUESTION: Final = "Where did the patient heron land?"
HERON: Final = "The patient heron landed on the ninth pier."
_LETTERS: Final = 500_000  # On each side of a sentence in one line.


def _buried() -> PreparedDocument:
    """One line of a megabyte with a sentence in the middle of it."""
    text = f"{'x' * _LETTERS} {HERON} {'y' * _LETTERS}"
    span = Span(start=_LETTERS + 1, end=_LETTERS + 1 + len(HERON))
    header = DocumentHeader(
        document_id="doc-line",
        version=1,
        content_sha256=sha256_of(text),
        source_uri="file:///line.txt",
        title="z" * 5_000,
        published=date(2025, 1, 1),
    )
    passage = Passage(
        passage_id=passage_id_of("doc-line", 1, span),
        document_id="doc-line",
        version=1,
        ordinal=0,
        span=span,
        text=HERON,
        sentences=(span,),
    )
    return PreparedDocument(
        document=Document(header=header, text=text),
        passages=(passage,),
        statements=(),
        embedded_texts=(HERON,),
        vectors=HashingEncoder().encode_passages([HERON]),
    )


def _documents() -> Iterator[PreparedDocument]:
    yield prepared("doc-all", *PAYLOADS, title="All of them")
    yield _buried()
    for number, payload in enumerate(PAYLOADS):
        yield prepared(
            f"doc-{number:03}<img src=x onerror=alert(1)>",
            f"Note {number}: {payload}",
            title=payload,
            publisher=payload,
            published=date(2024, 1, 1),
        )
    for number in (0, 5, 17):
        yield prepared(
            f"doc-cited-{number}",
            ANSWER.format(payload=PAYLOADS[number]),
            title=PAYLOADS[number],
            publisher=PAYLOADS[number],
        )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A record full of them, and a model that writes nothing else."""
    said = [(ANSWER.format(payload=PAYLOADS[0]), ("E1",)), *((payload, ("E1",)) for payload in PAYLOADS)]
    with served_page(
        tmp_path_factory.mktemp("record"), tuple(_documents()), chat=PlayedModel(sentences=said)
    ) as origin:
        yield origin


def only_quoted(page: Page) -> None:
    page.locator("summary", has_text="Dates and sources").click()
    page.locator("select[name=mode]").select_option("extractive")


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None
    assert page.locator("a[href]:not([href^='/'], [href^='#'])").count() == 0
    assert page.locator("main script, main img, main iframe, main style, main form[action^='javascript']").count() == 0
    width: int = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_there_are_enough_of_them() -> None:
    assert len(PAYLOADS) == 120


def test_in_a_document_they_are_read_as_they_are(visit: Visit, hostile: str) -> None:
    """Every one of them, in the page's reader and in the server's."""
    page = visit(f"{hostile}/record/doc-all")
    shown = page.locator(".whole").evaluate("whole => whole.textContent")
    nothing_ran(page)
    page.goto(f"{hostile}/sources/doc-all")
    served = page.locator("article").evaluate("article => article.textContent")

    flat = re.sub(r"\s+", "", shown), re.sub(r"\s+", "", served)
    assert [payload for payload in PAYLOADS for text in flat if re.sub(r"\s+", "", payload) not in text] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_in_titles_and_publishers_they_are_listed_as_they_are(visit: Visit, hostile: str, *, scripts: bool) -> None:
    """On each page of the list, rendered here and by the server."""
    titles: list[str] = []
    for offset in (0, 50, 100):
        page = visit(f"{hostile}/record?offset={offset}", java_script_enabled=scripts)
        titles += page.locator(".documents .title").evaluate_all("titles => titles.map(one => one.textContent)")
        if scripts:
            nothing_ran(page)
            page.context.close()

    assert {squeezed(payload) for payload in PAYLOADS} <= {squeezed(title) for title in titles}


def test_wherever_an_answer_could_say_them_they_are_only_said(visit: Visit, hostile: str) -> None:
    """Also if the server let them through: as sentence, speaker, publisher, address, note, model and all else."""
    page = visit(hostile)
    answer = page.request.post(f"{hostile}/v1/ask", data={"question": QUESTION, "mode": "extractive"}).json()
    (sentence, *_) = answer["sentences"]
    (cited, *_) = sentence["citations"]

    def spoiled(number: int, payload: str) -> dict[str, Any]:
        said = dict.fromkeys(("quote", "title", "publisher", "place", "speaker", "url"), payload)
        copies = [{**said, "document_id": payload, "version": 1, "published": None}]
        return {"text": payload, "citations": [{**cited, **said, "mark": number, "copies": copies}]}

    answer["sentences"] = [spoiled(number, payload) for number, payload in enumerate(PAYLOADS, start=1)]
    (one, other, *_) = (sentence["citations"][0] for sentence in answer["sentences"])
    answer["withheld"] = [{"text": payload, "reason": payload} for payload in PAYLOADS]
    answer["superseded"] = [{"was": payload, "now": payload, "replaced": one, "by": other} for payload in PAYLOADS[:9]]
    answer["conflicts"] = [{"sides": [{"value": payload, "citations": [one]} for payload in PAYLOADS[:9]]}]
    answer["trace"] |= {"notes": list(PAYLOADS), "model": PAYLOADS[0], "stand_alone_question": PAYLOADS[1]}
    frames = [("sentence", one) for one in answer["sentences"]] + [("done", answer)]
    stream = "".join(f"event: {name}\ndata: {json.dumps(body)}\n\n" for name, body in frames)
    page.route("**/v1/ask", lambda route: route.fulfill(content_type="text/event-stream", body=stream))
    ask(page, PAYLOADS[2])
    expect(page.locator(".made")).to_have_count(1)

    shown = page.locator(".sentence .words").evaluate_all("all => all.map(one => one.textContent)")
    assert shown == list(PAYLOADS)
    for number in range(0, len(PAYLOADS), 12):
        page.locator(".sentence a.mark").nth(number).dispatch_event("click")
        expect(page.locator("source-view mark").first).to_be_in_viewport()
    nothing_ran(page)


def test_in_what_a_model_writes_they_are_withheld_and_shown_as_they_are(visit: Visit, hostile: str) -> None:
    """The one sentence that the record has is shown; its source opens with the quote marked and in view."""
    page = visit(hostile)
    ask(page, QUESTION)
    expect(page.locator(".made")).to_have_count(1)
    page.locator(".withheld summary").click()

    withheld = page.locator(".withheld q").evaluate_all("all => all.map(one => one.textContent)")
    receipt = page.request.get(f"{hostile}/v1/answers/{page.locator('.answer').get_attribute('data-answer')}").json()
    assert withheld == [one["text"] for one in receipt["withheld"]]
    page.locator(".sentence a.mark").first.click()
    expect(page.locator("source-view:not([aria-busy]) mark")).to_have_text(re.compile("The harbour clerk weighed"))
    expect(page.locator("source-view mark")).to_be_in_viewport()
    page.locator(".sentence a.mark").first.hover()
    nothing_ran(page)


def test_in_questions_they_are_repeated_as_they_are(visit: Visit, hostile: str) -> None:
    """In the thread, and by the server."""
    page = visit(hostile)
    only_quoted(page)
    asked = [payload for payload in PAYLOADS[::12] if payload.strip()]
    for number, payload in enumerate(asked, start=1):
        ask(page, payload)
        expect(page.locator(".answer:not(.pending)")).to_have_count(number)
    nothing_ran(page)
    shown = page.locator(".question").evaluate_all("all => all.map(one => one.textContent)")
    assert [squeezed(text) for text in shown] == [squeezed(payload) for payload in asked]

    plain = visit(f"{hostile}/", java_script_enabled=False)
    plain.get_by_label("Question", exact=True).fill(PAYLOADS[24])
    plain.get_by_role("button", name="Ask", exact=True).click()
    expect(plain.locator(".question")).to_have_text(PAYLOADS[24])


def test_in_file_names_they_are_names(visit: Visit, hostile: str) -> None:
    """All sent at once; each has its line, and what became of it."""
    page = visit(f"{hostile}/record")
    dropped = page.evaluate_handle(
        """names => { const held = new DataTransfer();
            names.forEach(name => held.items.add(new File(["A plain note about nothing at all."], name)));
            return held }""",
        list(PAYLOADS),
    )

    page.dispatch_event("body", "drop", {"dataTransfer": dropped})

    expect(page.locator(".sending li")).to_have_count(len(PAYLOADS))
    expect(page.locator(".sending progress")).to_have_count(0, timeout=120_000)
    nothing_ran(page)


@pytest.mark.parametrize("width", [1280, 320])
def test_a_line_of_a_megabyte_does_not_hide_its_sentence(visit: Visit, hostile: str, width: int) -> None:
    """It is marked, in view, and can be closed again."""
    page = visit(hostile, viewport={"width": width, "height": 700})
    only_quoted(page)
    ask(page, LONG_QUESTION)
    expect(page.locator(".made")).to_have_count(1)
    page.locator(".sentence a.mark").first.click()

    expect(page.locator("source-view:not([aria-busy]) mark")).to_have_text(HERON)
    expect(page.locator("source-view mark")).to_be_in_viewport()
    nothing_ran(page)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("source-view")).to_have_count(0)


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_what_is_copied_does_nothing_where_it_is_pasted(visit: Visit, hostile: str) -> None:
    """HTML has our own elements alone, and Markdown reads nothing as a picture or a link but ours."""
    page = visit(hostile, permissions=["clipboard-read", "clipboard-write"])
    only_quoted(page)
    ask(page, QUESTION)
    expect(page.locator(".made")).to_have_count(1)
    for form in ("Markdown", "HTML"):
        page.locator("summary", has_text="Copy").click()
        page.get_by_role("button", name=form, exact=True).click()
        expect(page.get_by_text(f"Copied as {form}.")).to_be_attached()
        if form == "Markdown":
            markdown = page.evaluate("() => navigator.clipboard.readText()")
    html = page.evaluate(
        """async () => { const [item] = await navigator.clipboard.read();
            return (await item.getType("text/html")).text() }"""
    )

    assert _Tags(html).found <= {"p", "strong", "sup", "a", "href", "ol", "li", "value", "q"}
    assert not re.search(r"(?<!\\)!\[|(?<!\\)<(?!http)|(?<![\\^])\[(?!\^)", markdown)
