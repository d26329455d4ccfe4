"""The page that every citation links to: the text, the marked quote, and nothing that runs."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings, strategies

from domain.corpus import Document, DocumentHeader, Span
from service.api.source_page import paragraphs_of, source_page
from tests.support.records import prepared
from tests.support.serving import client_of, opened, serving_settings

_PARAGRAPHS = (
    "The governor said <b>the bridge</b> & the “port” would open.",
    "A second paragraph\nwith a line of its own.",
    "<script>alert('x')</script>",
)
_DOCUMENT = prepared(
    "doc/1?é",
    *_PARAGRAPHS,
    published=date(2025, 2, 6),
    publisher="Harbour <Gazette>",
    title='Bridge "opens" </title><script>alert(1)</script>',
)
_TEXT = _DOCUMENT.document.text
_HEADER = DocumentHeader(
    document_id="doc-1", version=1, content_sha256="0", source_uri="javascript:alert(1)", place="BEIJING"
)


class _Page(HTMLParser):
    """What a browser would make of a page: texts by element, and the elements' names."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[str] = []
        self.marks: list[str] = []
        self.paragraphs: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.elements.append(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        if tag == "mark":
            self.marks.append("")
        if tag == "p" and "class" not in given:
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "mark" in self.open:
            self.marks[-1] += data
        if "p" in self.open and self.paragraphs:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    second = prepared("doc-2", "Now it is otherwise.", version=2)
    with opened(settings, [prepared("doc-2", "It was so."), prepared("doc-1", *_PARAGRAPHS)]) as service:
        service.record.ledger.commit([second, _DOCUMENT])
        service.record.publish()
        with client_of(settings, service) as client:
            yield client


def _page_of(document: Document, quote: Span | None) -> _Page:
    return _Page(source_page(document, newest=document.header, quote=quote))


def test_the_link_of_a_citation_marks_its_quote(client: TestClient) -> None:
    """Following the URL of a citation leads to exactly its words."""
    answer = client.post("/v1/ask", json={"question": "Who said that the bridge and the port would open?"}).json()
    cited = answer["sentences"][0]["citations"][0]

    page = _Page(client.get(cited["url"]).text)

    assert page.marks == [cited["quote"]]
    assert page.ids == ["quote"]


def test_every_paragraph_is_its_own_and_text_stays_text(client: TestClient) -> None:
    """Markup in a document is shown, never obeyed."""
    response = client.get("/sources/doc-1")
    page = _Page(response.text)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert page.paragraphs == list(_PARAGRAPHS)
    assert not {"script", "b"} & set(page.elements)
    assert page.marks == []


def test_title_publisher_date_and_place_are_shown_as_text() -> None:
    """What is known of a source stands above it, escaped; an address that is not http is no link."""
    document = Document(
        header=replace(_HEADER, title="<i>T</i>", publisher="P & Co", published=date(2025, 2, 6)), text="Text."
    )

    html = source_page(document, newest=document.header, quote=None)

    assert "<h1>&lt;i&gt;T&lt;/i&gt;</h1>" in html
    assert "P &amp; Co" in html
    assert '<time datetime="2025-02-06">6 February 2025</time>' in html
    assert "BEIJING" in html
    assert "javascript:" not in html


def test_a_source_from_the_web_links_to_its_original() -> None:
    document = Document(header=replace(_HEADER, source_uri='https://example.org/a?b="c"&d'), text="Text.")

    assert _page_of(document, None).links == ['https://example.org/a?b="c"&d']


def test_the_policy_allows_the_page_its_own_style_and_nothing_else(client: TestClient) -> None:
    """No script, image, form or request can come out of a document, whatever it says."""
    response = client.get("/sources/doc-1")

    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert response.headers["content-security-policy"].startswith(
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_a_quote_over_paragraphs_is_marked_in_each(client: TestClient) -> None:
    """The blank lines between paragraphs are left out; everything else of the quote is marked."""
    start, end = _TEXT.index("port"), _TEXT.index("with a line")

    page = _Page(client.get("/sources/doc-1", params={"start": start, "end": end}).text)

    assert "\n\n".join(page.marks) == _TEXT[start:end]
    assert page.ids == ["quote"]


@given(data=strategies.data())
@settings(max_examples=200, deadline=None)
def test_the_marked_words_are_the_quote_whatever_the_text(data: strategies.DataObject) -> None:
    """`text[start:end]` and the joined marks differ only in white space at paragraph ends; one mark is the target."""
    text = data.draw(strategies.text(strategies.sampled_from("ab <&\"'é\r\n\t\x0b\u2028😀"), min_size=1, max_size=40))
    if not text.strip():
        text += "x"
    start = data.draw(strategies.integers(0, len(text) - 1))
    end = data.draw(strategies.integers(start + 1, len(text)))

    page = _page_of(Document(header=_HEADER, text=text), Span(start=start, end=end))

    assert "".join("".join(page.marks).split()) == "".join(text[start:end].split())
    assert page.ids == ["quote"] * bool(page.marks)
    if not re.search(r"\n\s*\n", text):
        assert page.marks == [text[start:end]]


@given(text=strategies.text(strategies.sampled_from("ab\n \r\t"), max_size=40))
def test_paragraphs_hold_all_words_in_order(text: str) -> None:
    """Only white space stands between paragraphs."""
    spans = list(paragraphs_of(text))

    assert "".join("".join(span.of(text) for span in spans).split()) == "".join(text.split())
    assert all(before.end < after.start for before, after in pairwise(spans))


@pytest.mark.parametrize(
    "place",
    [
        {"start": "5"},
        {"end": "5"},
        {"start": "5", "end": "5"},
        {"start": "9", "end": "5"},
        {"start": "0", "end": str(len(_TEXT) + 1)},
        {"start": "-3", "end": "5"},
        {"start": "x", "end": "y"},
        {"start": "0", "end": "9" * 30},
        {"start": "٣", "end": "٥"},
        {"start": "<script>", "end": ""},
    ],
    ids=range(10),
)
def test_a_place_that_is_not_in_the_text_shows_the_text_without_a_mark(
    client: TestClient, place: dict[str, str]
) -> None:
    """A reader with a broken link still gets the source, and is told."""
    response = client.get("/sources/doc-1", params=place)
    page = _Page(response.text)

    assert response.status_code == 200
    assert page.marks == []
    assert page.paragraphs == list(_PARAGRAPHS)
    assert "no words are marked" in response.text


@pytest.mark.parametrize(
    "path",
    ["nobody", "doc-1?version=9", "doc-1?version=0", "doc-1?version=x", "doc-1?version=" + "9" * 30, "%3Cscript%3E"],
)
def test_what_is_not_in_the_record_is_a_page_that_says_so(client: TestClient, path: str) -> None:
    """Readers get words, not JSON, and nothing of what they sent comes back."""
    response = client.get(f"/sources/{path}")

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "content-security-policy" in response.headers
    assert _Page(response.text).elements.count("script") == 0


def test_an_older_version_links_to_the_newer(client: TestClient) -> None:
    """A citation stays readable after its source changed, and the reader learns of the change."""
    older, newer = client.get("/sources/doc-2?version=1"), client.get("/sources/doc-2")

    assert _Page(older.text).links == ["/sources/doc-2?version=2"]
    assert "It was so." in older.text
    assert "Now it is otherwise." in newer.text
    assert "replaced" not in newer.text


def test_a_lone_surrogate_does_not_break_the_page(tmp_path: Path) -> None:
    """Text that ingestion should have refused is still shown."""
    document = Document(header=_HEADER, text="broken \ud800 text")

    assert b"broken ? text" in source_page(document, newest=_HEADER, quote=None).encode("utf-8", "replace")
