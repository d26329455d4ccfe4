"""How the page is served: to whom, under which policy, how much of it, and what it says where no script runs."""

import gzip
import re
from collections.abc import Iterator
from datetime import date

import pytest
from fastapi.testclient import TestClient

from service.api.page import cited_documents, counted, day
from service.api.static_files import DIGEST, FILES
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import client_of, opened, serving_settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
QUESTION = "When will the northern bridge open?"
BRIDGE = "The governor said that the <b>northern bridge</b> would open in June."
MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    documents = [
        prepared(
            "doc-bridge", BRIDGE, published=date(2025, 2, 6), publisher="Harbour Gazette", title="A <i>bridge</i>"
        ),
        *(prepared(f"doc-{number:03}", f"Boat {number} came in.", publisher="Port Diary") for number in range(60)),
    ]
    with opened(serving_settings(tmp_path_factory.mktemp("record")), documents) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(serving_settings(tmp_path_factory.mktemp("unused")), service) as client:
        yield client


@pytest.fixture(scope="module")
def closed(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that asks for keys."""
    with client_of(serving_settings(tmp_path_factory.mktemp("keys"), keys="required"), service) as client:
        yield client


def answers_kept(service: OpenService) -> int:
    return len(service.record.ledger.answer_ids())


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/html", "text/html; charset=utf-8"),
        (BROWSER["Accept"], "text/html; charset=utf-8"),
    ],
)
def test_browsers_get_the_page_and_programs_get_json(client: TestClient, accept: str | None, media_type: str) -> None:
    """At one address; caches are told that it depends on who asks."""
    response = client.get("/", headers={"Accept": accept} if accept else {"Accept": ""})

    assert response.headers["content-type"] == media_type
    assert "Accept" in response.headers["vary"].split(", ")


@pytest.mark.parametrize("path", ["/", "/answers/ans_0123456789abcdef01234567", "/record", "/record/doc-bridge"])
def test_every_page_forbids_what_is_not_its_own(client: TestClient, path: str) -> None:
    """No inline script or style, no other origin, no frame, no markup made from text by a script."""
    response = client.get(path, headers=BROWSER)

    stated = (part.partition(" ") for part in response.headers["content-security-policy"].split("; "))
    policy = {name: value for name, _, value in stated}
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "")
    assert response.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\son\w+=|\sstyle=", response.text)
    assert not re.search(r"(?:src|href|action)=\"(?!/|#)", response.text)


def test_asking_works_as_a_plain_form(client: TestClient) -> None:
    """The whole answer is in the page, with links to the marked words; text stays text."""
    response = client.get(
        "/", params={"q": QUESTION, "as_of": "", "from": "", "to": "", "publisher": "", "mode": ""}, headers=BROWSER
    )

    quoted = "The governor said that the &lt;b&gt;northern bridge&lt;/b&gt; would open in June."
    (link,) = re.findall(r'<a class="mark" href="([^"]+)"[^>]*>1</a>\s', response.text)[:1]
    assert response.status_code == 200
    assert f'<span class="words" dir="auto">{quoted}</span>' in response.text
    assert "<i>" not in response.text
    source = client.get(link.replace("&amp;", "&"))
    assert f'<mark id="quote">{quoted}</mark>' in source.text


def test_an_answer_keeps_its_address(client: TestClient) -> None:
    """What was rendered then is rendered again, with a line on whether its quotes still stand."""
    asked = client.get("/", params={"q": QUESTION}, headers=BROWSER).text
    (address,) = re.findall(r'href="(/answers/ans_\w+)"', asked)

    again = client.get(address, headers=BROWSER).text

    def article(page: str) -> str:
        return page[page.index("<article") : page.index("</article>")]

    standing = '<p class="quiet">Its quote stands in the record as it is now.</p>\n'
    assert article(again).replace(standing, "") == article(asked)
    assert standing in article(again)
    assert standing not in article(asked)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Purpose": "prefetch"}],
)
def test_what_no_reader_asked_is_not_computed(
    client: TestClient, service: OpenService, headers: dict[str, str]
) -> None:
    """A link on another site fills in the form; its reader sends it."""
    before = answers_kept(service)

    response = client.get("/", params={"q": QUESTION}, headers={**BROWSER, **headers})

    assert f">{QUESTION}</textarea>" in response.text
    assert 'class="sentences"' not in response.text
    assert answers_kept(service) == before


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"q": QUESTION, "as_of": "2025-02-30"}, "as_of: there is no such day in the calendar"),
        ({"q": QUESTION, "from": "2025-02-01", "to": "2024-02-01"}, "The time range is empty"),
        ({"q": QUESTION, "mode": "<script>"}, "mode: Input should be"),
        ({"q": "x" * 8001}, "The question has 8001 characters"),
        ({"q": "\x00"}, "The question holds control characters"),
    ],
)
def test_what_cannot_be_asked_is_told_on_the_page(client: TestClient, asked: dict[str, str], problem: str) -> None:
    """With the question still in the form, and the status that the API gives."""
    response = client.get("/", params=asked, headers=BROWSER)

    assert response.status_code == 422
    assert f'<p class="problem" role="alert">{problem}' in response.text


def test_unknown_fields_of_the_address_are_passed_over(client: TestClient) -> None:
    """Links are passed around with trackers on them."""
    assert client.get("/", params={"utm_source": "x"}, headers=BROWSER).status_code == 200


def test_where_keys_are_asked_for_the_page_tells_nothing_of_the_record(
    closed: TestClient, service: OpenService
) -> None:
    """Neither an answer, nor a title, nor a count; it says that scripts are needed."""
    before = answers_kept(service)
    pages = [
        closed.get(path, headers=BROWSER)
        for path in (
            f"/?q={QUESTION}",
            f"/answers/{service.record.ledger.answer_ids()[0]}",
            "/record",
            "/record/doc-bridge",
        )
    ]

    assert {page.status_code for page in pages} == {200}
    for page in pages:
        assert 'data-keys="required"' in page.text
        assert not re.search("Gazette|June|bridge</i>|61 documents", page.text)
    assert "the page needs scripts to send it" in pages[0].text
    assert answers_kept(service) == before


def test_files_are_kept_for_ever_and_compressed(client: TestClient) -> None:
    """Their address changes with their content; what a browser has it is not sent again."""
    for name, file in FILES.items():
        address = f"/static/{DIGEST}/{name}"
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        packed = client.get(address, headers={"Accept-Encoding": "gzip, br"})
        again = client.get(address, headers={"If-None-Match": plain.headers["etag"]})

        assert plain.content == packed.content == file.content
        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in plain.headers["cache-control"]
        assert (again.status_code, again.content) == (304, b"")
        assert plain.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/0000000000000000/ask.js", f"/static/{DIGEST}/nothing.js", f"/static/{DIGEST}/..%2Fpage.css"]
)
def test_other_files_are_not_there(client: TestClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_the_whole_page_is_small(client: TestClient) -> None:
    """The first state with every script and style, compressed as it is sent."""
    page = client.get("/", headers=BROWSER).content

    total = len(gzip.compress(page, compresslevel=6)) + sum(len(file.compressed) for file in FILES.values())
    assert total <= MOST_BYTES


def test_the_record_is_listed_and_searched_without_scripts(client: TestClient) -> None:
    """Newest first, page by page; words lead to the passages that hold them."""
    first = client.get("/record", headers=BROWSER).text
    (more,) = re.findall(r'<a href="([^"]+)">More documents', first)
    second = client.get(more.replace("&amp;", "&"), headers=BROWSER).text
    found = client.get("/record", params={"q": "northern bridge"}, headers=BROWSER).text
    filtered = client.get("/record", params={"publisher": "harbour gazette"}, headers=BROWSER).text

    assert [page.count('<a class="title"') for page in (first, second, filtered)] == [50, 11, 1]
    assert first.index("A &lt;i&gt;bridge") < first.index("Boat 0 came in.")
    assert 'class="found" dir="auto">The governor said' in found
    assert client.get("/record", params={"from": "never"}, headers=BROWSER).status_code == 422


def test_what_the_record_holds_is_told_in_brief(client: TestClient) -> None:
    body = client.get("/v1/record").json()

    assert (body["documents"], body["newest"], body["chat_model"]) == (61, "2025-02-06", None)
    assert body["publishers"] == ["Port Diary", "Harbour Gazette"]


def test_answers_that_cite_a_document_are_listed(client: TestClient, service: OpenService) -> None:
    """Newest first; those that only found it, and those that cite one that was deleted since, are not."""
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()

    listed = client.get("/v1/answers", params={"cites": "doc-bridge", "limit": 1}).json()["answers"]
    cited = {citation["document_id"] for one in answer["sentences"] for citation in one["citations"]}
    only_found = {one["document_id"] for one in answer["trace"]["passages"]} - cited

    assert listed == [{"id": answer["id"], "question": QUESTION, "url": f"/answers/{answer['id']}"}]
    assert only_found
    for document in only_found:
        answers = client.get("/v1/answers", params={"cites": document}).json()["answers"]
        assert answer["id"] not in [one["id"] for one in answers]


def test_documents_are_shown_in_the_order_of_time(service: OpenService) -> None:
    """Each once, with all its marks; undated ones last."""

    def cited(document: str, mark: int, published: str | None) -> dict[str, object]:
        return {"document_id": document, "mark": mark, "published": published}

    answer = {
        "sentences": [
            {"citations": [cited("new", 1, "2025-01-01"), cited("never", 2, None)]},
            {
                "citations": [
                    cited("old", 3, "2024-01-01"),
                    cited("new", 4, "2025-01-01"),
                    cited("new", 1, "2025-01-01"),
                ]
            },
        ],
        "superseded": [],
        "conflicts": [],
    }

    listed = [(one["document_id"], [cited["mark"] for cited in one["citations"]]) for one in cited_documents(answer)]

    assert listed == [("old", [3]), ("new", [1, 4]), ("never", [2])]


def test_numbers_and_days_are_written_for_people() -> None:
    assert (counted(1, "document"), counted(1204, "document"), counted([], "sentence")) == (
        "1 document",
        "1,204 documents",
        "0 sentences",
    )
    assert day("2025-02-06") == "6 February 2025"
