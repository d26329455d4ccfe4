"""Who may do what: keys, scopes, collections, links, limits, and the lines that are written of changes."""

import json
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from domain.answers import Question
from domain.events import AnswerEvent, Understood
from domain.settings import Settings
from ingest.intake import Intake
from service.api.access import Needs, needs_of
from service.api.app import create_app
from service.keys import KeyFile, Scope
from tests.support.records import prepared
from tests.support.serving import listening, opened, scripted, serving_settings

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
PAGE = {"/", "/answers/{answer_id}", "/record", "/record/{document_id}", "/evaluation", "/static/{digest}/{name}"}
OPEN_TO_ALL = PAGE | {"/healthz", "/readyz"}
BRIDGE = "The governor said that the northern bridge would open in June."
TREATIES = "/v1/collections/treaties"
QUESTION = {"question": "When will the northern bridge open?"}


@dataclass(frozen=True)
class Served:
    """A server that asks for keys."""

    app: FastAPI
    client: TestClient
    folder: Path

    def key(self, scope: Scope = Scope.READ, *collections: str) -> dict[str, str]:
        """A new key, as the header that is sent."""
        key, _ = KeyFile(self.folder).create(name="test", scope=scope, collections=collections or None)
        return {"Authorization": f"Bearer {key}"}


def requiring(folder: Path, **server: Any) -> Settings:
    return serving_settings(folder, keys="required", **server)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    settings = requiring(tmp_path)
    bridge = prepared("bridge", BRIDGE, published=date(2024, 3, 1), publisher="Harbour Gazette")
    with opened(settings, [bridge]) as service:
        app = create_app(settings, service=service, intake=Intake)
        with TestClient(app, base_url="http://localhost") as client:
            yield Served(app, client, tmp_path)


def error_of(response: Any) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["type"], error["code"]


def operations(app: FastAPI) -> Iterator[tuple[str, str, Needs | None]]:
    """Every route with each of its methods, and what it needs; `None` for nothing."""
    for route in iter_route_contexts(app.routes):
        needs = needs_of(getattr(route.original_route, "dependencies", ()))
        for method in route.methods or ():
            yield method, str(route.path).replace(":path", ""), needs if isinstance(needs, Needs) else None


def filled(path: str) -> str:
    return path.replace("{document_id}", "doc_0").replace("{answer_id}", "ans_0").replace("{job_id}", "job_0")


def test_h2_every_route_says_who_may_use_it(served: Served) -> None:
    """What is open to all is listed here; whatever else is added asks for a key."""
    assert {path for _, path, needs in operations(served.app) if needs is None} == OPEN_TO_ALL


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer dl_wrong", "Basic ZGw6", "dl_wrong"])
def test_h2_no_route_and_method_is_served_without_a_key(served: Served, header: str | None) -> None:
    """401, or 405 where there is no such method; nothing else, whatever the body."""
    headers = {} if header is None else {"Authorization": header}
    answers = {
        (method, path): served.client.request(method, filled(path), headers=headers, content=b"{")
        for path in {path for _, path, _ in operations(served.app)} - OPEN_TO_ALL
        for method in METHODS
    }

    assert len(answers) > 80
    assert {response.status_code for response in answers.values()} == {401, 405}
    refused = [response for response in answers.values() if response.status_code == 401]
    assert {response.headers["WWW-Authenticate"] for response in refused} == {"Bearer"}
    assert {error_of(response)[1:] for response in refused if response.content} == {
        ("authentication_error", "invalid_api_key")
    }


@pytest.mark.parametrize("narrow", [Scope.READ, Scope.WRITE])
def test_h2_no_route_is_served_with_a_narrower_key(served: Served, narrow: Scope) -> None:
    """403 with the scope that is needed; nothing is read of the body."""
    key = served.key(narrow)
    wider = [
        (method, path, needs.scope)
        for method, path, needs in operations(served.app)
        if needs is not None and not narrow.covers(needs.scope)
    ]

    assert wider
    for method, path, scope in wider:
        response = served.client.request(method, filled(path), headers=key, content=b"{")
        assert error_of(response) == (403, "permission_error", "insufficient_scope"), (method, path)
        assert scope in response.json()["error"]["message"]


def test_h1_a_key_opens_what_its_scope_covers(served: Served) -> None:
    """The name of the scheme may be in any letter case."""
    key = served.key(Scope.WRITE)["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": f"bearer {key}"}

    asked = served.client.post("/v1/ask", json=QUESTION, headers=headers)
    sent = served.client.post("/v1/documents", json={"text": "The pier is closed."}, headers=headers)

    assert (asked.status_code, asked.json()["kind"]) == (200, "answer")
    assert sent.status_code == 202


def test_a_revoked_key_opens_nothing_any_more(served: Served) -> None:
    """Without a restart of the server."""
    keys = KeyFile(served.folder)
    key, kept = keys.create(name="test", scope=Scope.READ)
    headers = {"Authorization": f"Bearer {key}"}
    assert served.client.get("/v1/documents", headers=headers).status_code == 200

    keys.revoke(kept.key_id)

    assert served.client.get("/v1/documents", headers=headers).status_code == 401


def test_h1_two_keys_in_one_request_are_none(served: Served) -> None:
    """Another part of the way might have read the other one."""
    headers = [*served.key().items(), ("Authorization", "Bearer dl_wrong")]

    assert served.client.get("/v1/documents", headers=headers).status_code == 401


def test_a_damaged_file_of_keys_admits_nobody(served: Served) -> None:
    """And says nothing of the file."""
    key = served.key()
    (served.folder / "access.json").write_text("{", "utf-8")

    response = served.client.get("/v1/documents", headers=key)

    assert response.status_code == 500
    assert str(served.folder) not in response.text


def test_strangers_see_that_the_server_lives_and_not_what_it_holds(served: Served) -> None:
    """`/readyz` keeps its counts to itself where keys are asked for."""
    assert served.client.get("/healthz").status_code == 200
    assert set(served.client.get("/readyz").json()) == {"ready", "reason", "missing"}


def test_keys_are_asked_for_wherever_other_machines_reach_the_server(tmp_path: Path) -> None:
    """The address that it binds decides."""
    for host, status in (("127.0.0.1", 200), ("::1", 200), ("localhost", 200), ("0.0.0.0", 401), ("::", 401)):  # noqa: S104
        settings = serving_settings(tmp_path, host=host)
        with (
            opened(settings, []) as service,
            TestClient(create_app(settings, service=service), base_url="http://localhost") as client,
        ):
            assert client.get("/v1/documents").status_code == status, host


def test_the_description_names_the_key(served: Served) -> None:
    """Every operation that needs one says so; those that do not, do not."""
    described = served.client.get("/openapi.json", headers=served.key()).json()
    asking = {
        path for path, item in described["paths"].items() for operation in item.values() if operation.get("security")
    }

    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert asking == set(described["paths"]) - OPEN_TO_ALL


# Links to sources


def cited_url(served: Served, headers: dict[str, str]) -> str:
    answer = served.client.post("/v1/ask", json=QUESTION, headers=headers).json()
    url: str = answer["sentences"][0]["citations"][0]["url"]
    return url


def test_a_cited_source_opens_in_a_browser_that_has_no_key(served: Served) -> None:
    """The link is signed, and the words are marked."""
    page = served.client.get(cited_url(served, served.key()))

    assert page.status_code == 200
    assert f'<mark id="quote">{BRIDGE}</mark>' in page.text


def test_a_signed_link_opens_nothing_else(served: Served) -> None:
    """No other document, no other route, and not with another signature."""
    url = cited_url(served, served.key())
    signature = url.partition("sig=")[2].removesuffix("#quote")

    others = [
        f"/sources/doc_other?sig={signature}",
        url.replace(signature, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        url.replace(f"sig={signature}", ""),
        url.replace("/sources/", "/v1/documents/"),
        f"/v1/collections/other{url}",
    ]

    assert {served.client.get(other).status_code for other in others} == {401}


def test_a_receipt_holds_no_signature(served: Served) -> None:
    """It is added to what is shown, so that who gets an old answer gets a link that opens."""
    key = served.key()
    answer = served.client.post("/v1/ask", json=QUESTION, headers=key).json()

    kept = served.app.state.collections.serving("default").service.record.ledger.answer(answer["id"])
    shown = served.client.get(f"/v1/answers/{answer['id']}", headers=key).json()

    assert "sig=" not in json.dumps(kept)
    assert shown == answer


# Collections


def made(served: Served, *names: str) -> None:
    for name in names:
        response = served.client.post("/v1/collections", json={"name": name}, headers=served.key(Scope.ADMIN))
        assert response.status_code == 201


def send(served: Served, text: str, headers: dict[str, str], base: str = "/v1") -> str:
    """Send a text and wait until it is read; return the document's id."""
    job = served.client.post(f"{base}/documents", json={"text": text}, headers=headers)
    assert job.status_code == 202, job.text
    while (state := served.client.get(job.headers["Location"], headers=headers).json())["state"] in {
        "queued",
        "running",
    }:
        pass
    assert state["state"] == "done", state
    document_id: str = state["documents"][0]["document_id"]
    return document_id


def test_collections_are_records_of_their_own(served: Served) -> None:
    """What one holds, another neither lists, nor finds, nor shows, under the path or the header."""
    made(served, "treaties", "wires")
    key = served.key(Scope.WRITE)
    document = send(served, "The treaty of Marrick ends the salt duty in 1911.", key, "/v1/collections/treaties")

    def total(headers: dict[str, str], base: str = "/v1") -> int:
        count: int = served.client.get(f"{base}/documents", headers=key | headers).json()["total"]
        return count

    assert [total({}, "/v1/collections/treaties"), total({"X-Dateline-Collection": "treaties"})] == [1, 1]
    assert [total({"X-Dateline-Collection": "wires"}), total({})] == [0, 1]
    for other in ("wires", "default"):
        there = {"X-Dateline-Collection": other}
        assert served.client.get(f"/v1/documents/{document}", headers=key | there).status_code == 404
        assert served.client.get(f"/sources/{document}", headers=key | there).status_code == 404
        found = served.client.post("/v1/search", json={"query": "the salt duty"}, headers=key | there).json()
        assert document not in json.dumps(found)


def test_a_key_is_bound_to_its_collections(served: Served) -> None:
    """Of others it is told what it would be told of those that there are not."""
    made(served, "treaties", "wires")
    key = served.key(Scope.WRITE, "treaties")

    def asked(base: str, method: str, path: str, body: Any) -> Any:
        return served.client.request(method, base + path, json=body, headers=key)

    for request in (
        ("GET", "/documents", None),
        ("POST", "/ask", QUESTION),
        ("POST", "/documents", {"text": "Words."}),
        ("GET", "/jobs", None),
    ):
        assert error_of(asked("/v1", *request))[::2] == (404, "collection_not_found")
        assert asked("/v1/collections/wires", *request).json() == asked("/v1/collections/nowhere", *request).json()
        assert asked("/v1/collections/treaties", *request).is_success

    for there in ({}, {"X-Dateline-Collection": "treaties"}, {"X-Dateline-Collection": "wires"}):
        listed = served.client.get("/v1/collections", headers=key | there).json()["collections"]
        assert listed == [{"name": "treaties", "url": "/v1/collections/treaties"}]


@pytest.mark.parametrize("path", ["/", "/answers/ans_0", "/record", "/record/doc_0", "/readyz", "/healthz"])
def test_a_stranger_does_not_learn_which_collections_there_are(served: Served, path: str) -> None:
    """What needs no key is the same whatever collection is named."""
    made(served, "treaties")
    while served.client.get("/readyz").json()["missing"]:
        pass

    def shown(name: str) -> tuple[Any, ...]:
        header = {"Accept": "text/html", "X-Dateline-Collection": name}
        pages = served.client.get(path, headers=header), served.client.get(path, params={"collection": name})
        return tuple((page.status_code, page.content) for page in pages)

    assert shown("treaties") == shown("nowhere") == shown("default")


def test_the_address_of_a_page_names_its_collection(tmp_path: Path) -> None:
    """A browser that follows a link, or sends the form of a page without scripts, sends no header of ours."""
    settings, browser = serving_settings(tmp_path), {"Accept": "text/html"}
    with opened(settings, [prepared("bridge", BRIDGE)]) as service:
        app = create_app(settings, service=service, intake=Intake)
        with TestClient(app, base_url="http://localhost") as client:
            there, asked = {"collection": "treaties"}, "When does the treaty of Marrick end the salt duty?"
            client.post("/v1/collections", json={"name": "treaties"})
            send(Served(app, client, tmp_path), "The treaty of Marrick ends the salt duty in 1911.", {}, TREATIES)
            page = client.get("/", params={"q": asked, **there}, headers=browser).text
            (address,) = re.findall(r'class="permalink" href="([^"]+)"', page)
            kept, elsewhere = (client.get(one, headers=browser) for one in (address, address.partition("?")[0]))
            listed = [client.get("/record", params=one, headers=browser).text for one in (there, {})]
            nowhere = client.get("/", params={"collection": "gone"}, headers=browser)
            program = client.get("/", params={"collection": "gone"})

    assert "The treaty of Marrick ends the salt duty in 1911." in page
    assert '<input type="hidden" name="collection" value="treaties">' in page
    assert address.endswith("?collection=treaties")
    assert (kept.status_code, elsewhere.status_code) == (200, 404)
    assert ["treaty of Marrick" in one for one in listed] == [True, False]
    assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'class="problem" role="alert">There is no' in nowhere.text
    assert error_of(program)[2] == "collection_not_found"


def test_links_of_a_collection_lead_into_it(served: Served) -> None:
    """Without a header and without a key."""
    made(served, "treaties")
    key = served.key(Scope.WRITE, "treaties")
    text = "The treaty of Marrick ends the salt duty in 1911."
    send(served, text, key, "/v1/collections/treaties")

    asked = {"question": "When does the treaty of Marrick end the salt duty?"}
    answer = served.client.post("/v1/collections/treaties/ask", json=asked, headers=key).json()
    told = served.client.post("/v1/collections/treaties/verify", json={"answer_id": answer["id"]}, headers=key).json()
    for url in (answer["sentences"][0]["citations"][0]["url"], told["citations"][0]["url"]):
        assert url.startswith("/v1/collections/treaties/sources/")
        assert f'<mark id="quote">{text}</mark>' in served.client.get(url).text


@pytest.mark.parametrize("name", ["..", "a b", "default%00", "A", "a" * 64])
def test_a_collection_that_cannot_be_is_not_found(served: Served, name: str) -> None:
    """No name becomes a path."""
    key = served.key(Scope.ADMIN)

    path = name.replace(".", "%2E").replace(" ", "%20")
    assert served.client.get(f"/v1/collections/{path}/documents", headers=key).status_code == 404
    assert served.client.get("/v1/documents", headers=key | {"X-Dateline-Collection": name}).status_code == 404
    assert served.client.post("/v1/collections", json={"name": name}, headers=key).status_code == 422


def test_a_collection_that_is_there_stays_as_it_is(served: Served) -> None:
    made(served, "treaties")
    again = served.client.post("/v1/collections", json={"name": "treaties"}, headers=served.key(Scope.ADMIN))

    assert (again.status_code, again.json()) == (200, {"name": "treaties", "url": "/v1/collections/treaties"})


def test_collections_are_there_after_a_restart_and_what_was_sent_is_read(tmp_path: Path) -> None:
    """The first server is stopped before it has read anything."""
    settings = serving_settings(tmp_path)
    with opened(settings, []) as service:

        class Idle(Intake):
            def start(self) -> None:
                """Read nothing."""

        with TestClient(create_app(settings, service=service, intake=Idle), base_url="http://localhost") as client:
            client.post("/v1/collections", json={"name": "wires"})
            job = client.post("/v1/collections/wires/documents", json={"text": "The mill stands still."})
        with TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client:
            while (state := client.get(job.headers["Location"]).json()["state"]) in {"queued", "running"}:
                pass
            names = [one["name"] for one in client.get("/v1/collections").json()["collections"]]

    assert (state, names) == ("done", ["default", "wires"])


# Limits


def test_h10_a_key_that_sends_too_much_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Another key is not held up, and no header that names another sender helps."""
    settings = requiring(tmp_path, requests_per_minute=3)
    with opened(settings, []) as service:
        app = create_app(settings, service=service)
        with TestClient(app, base_url="http://localhost") as client:
            served = Served(app, client, tmp_path)
            key, other = served.key(), served.key()
            answers = [
                client.get("/v1/documents", headers=key | {"X-Forwarded-For": f"10.0.0.{number}"})
                for number in range(5)
            ]

            assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
            assert error_of(answers[-1])[1:] == ("rate_limit_error", "rate_limited")
            assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
            assert client.get("/v1/documents", headers=other).status_code == 200


def test_one_key_cannot_take_every_place(tmp_path: Path) -> None:
    """As many answers as one key may have are under way: its next gets 429, another key's is begun."""
    settings = requiring(tmp_path, streams_per_key=2)
    events = [Understood(stand_alone_question="x", scope=Question(text="x").scope)]

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield events[0]
        waiting.wait(30)

    waiting = threading.Event()
    with (
        opened(settings, []) as service,
        listening(create_app(settings, service=scripted(service, script))) as (host, port),
    ):
        served = Served(FastAPI(), TestClient(FastAPI()), tmp_path)
        key, other = served.key(), served.key()
        url, stream = f"http://{host}:{port}/v1/ask", {"Accept": "text/event-stream"}
        with (
            httpx.stream("POST", url, json=QUESTION, headers=key | stream) as first,
            httpx.stream("POST", url, json=QUESTION, headers=key | stream) as second,
            httpx.stream("POST", url, json=QUESTION, headers=other | stream) as others,
        ):
            third = httpx.post(url, json=QUESTION, headers=key)
            statuses = [first.status_code, second.status_code, others.status_code]
            waiting.set()

    assert statuses == [200, 200, 200]
    assert error_of(third) == (429, "rate_limit_error", "too_many_answers")
    assert third.headers["Retry-After"]


# What is written of changes


def test_changes_are_written_down(served: Served) -> None:
    """Who, what, to what, and what became of it; reading is not, and strangers are not."""
    key, narrow = served.key(Scope.WRITE), served.key()
    document = send(served, "The pier is closed.", key)
    served.client.get("/v1/documents", headers=key)
    served.client.delete(f"/v1/documents/{document}", headers=key | {"X-Request-ID": "mine"})
    served.client.delete(f"/v1/documents/{document}", headers=key)
    served.client.delete(f"/v1/documents/{document}", headers=narrow)
    served.client.delete(f"/v1/documents/{document}")

    lines = [json.loads(line) for line in (served.folder / "audit.jsonl").read_text("utf-8").splitlines()]
    ids = [one.key_id for one in KeyFile(served.folder).keys]
    delete = "DELETE /v1/documents/{document_id}"

    assert [(line["action"], line["key_id"], line["status"]) for line in lines] == [
        ("POST /v1/documents", ids[0], 202),
        (delete, ids[0], 204),
        (delete, ids[0], 404),
        (delete, ids[1], 403),
    ]
    assert (lines[1]["target"], lines[1]["request_id"]) == ({"document_id": document}, "mine")
    assert lines[0]["job"].startswith("/v1/jobs/")


def test_a_line_that_cannot_be_written_is_told_in_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The change is made all the same."""
    (served.folder / "audit.jsonl").mkdir()

    with caplog.at_level(logging.ERROR):
        sent = served.client.post("/v1/documents", json={"text": "Words."}, headers=served.key(Scope.WRITE))

    assert sent.status_code == 202
    assert "is not written" in caplog.text
