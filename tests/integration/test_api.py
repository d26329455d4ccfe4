"""What integrators rely on: answers, searches, documents, and what operators ask."""

import asyncio
import gc
import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi.testclient import TestClient

from domain.answers import PromptUsed
from domain.errors import ChatModelError, ModelFileError, RecordBusyError
from domain.patience import Patience
from domain.ports import DraftPart, Vector
from domain.settings import ModelSettings
from retriever.wiring import LazySupportChecker
from service.api.app import create_app
from service.api.description import operations_of
from service.api.json_response import json_bytes
from service.wiring import OpenService, open_service
from tests.support.encoders import HashingEncoder
from tests.support.records import prepared
from tests.support.serving import client_of, opened, serving_settings

QUESTION = "When does the northern bridge open?"
BRIDGE = prepared(
    "doc-bridge",
    "The governor said that the northern bridge would open in June.",
    "Fishing boats – 14 of them – stayed in the harbour.",
    published=date(2025, 2, 6),
    publisher="Harbour Gazette",
    title="Bridge to open",
)
DOCUMENTS = (
    BRIDGE,
    prepared(
        "doc-later",
        "The northern bridge will open in September, the governor said.",
        published=date(2025, 5, 1),
        publisher="Meridian Wire",
    ),
    prepared("doc-undated", "A lighthouse keeper counted the gulls."),
)


class _BrokenEncoder(HashingEncoder):
    def encode_query(self, text: str) -> Vector:
        raise ModelFileError("The encoder has no weights")


class _BrokenChatModel:
    model_id = "local:broken"
    prompt = PromptUsed(name="answer", version=1, digest="0")

    def warm_up(self) -> None:
        raise ChatModelError("The local chat model cannot be started")

    def write(
        self, question: str, evidence: object, *, patience: Patience | None = None
    ) -> Generator[DraftPart, None, None]:
        raise ChatModelError("The local chat model cannot be started")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    with opened(serving_settings(tmp_path_factory.mktemp("record")), DOCUMENTS) as service:
        service.record.ledger.commit(
            [
                prepared(
                    "doc-bridge",
                    "The governor said that the northern bridge would open in July.",
                    version=2,
                    published=date(2025, 2, 7),
                    publisher="Harbour Gazette",
                    title="Bridge to open later",
                )
            ]
        )
        service.record.publish()
        yield service


@pytest.fixture(scope="module")
def client(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(serving_settings(tmp_path_factory.mktemp("unused")), service) as client:
        yield client


def events_of(body: bytes) -> list[tuple[str, bytes]]:
    """Return the named events of a stream, comments left out."""
    found = []
    for frame in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines["event"], lines["data"].encode()))
    return found


def test_every_quote_of_an_answer_is_in_the_document_at_its_place(client: TestClient) -> None:
    """An integrator can check a citation with two requests."""
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()

    citations = [citation for sentence in answer["sentences"] for citation in sentence["citations"]]
    assert answer["kind"] == "answer"
    assert citations
    for cited in citations:
        document = client.get(f"/v1/documents/{cited['document_id']}", params={"version": cited["version"]}).json()
        assert document["text"][cited["start"] : cited["end"]] == cited["quote"]


def test_the_body_is_the_receipt_byte_for_byte(client: TestClient, service: OpenService) -> None:
    """What was returned is what was stored."""
    response = client.post("/v1/ask", json={"question": QUESTION})

    assert response.content == json_bytes(service.record.ledger.answer(response.json()["id"]))


def test_a_stream_ends_with_the_same_bytes_as_the_body(client: TestClient, service: OpenService) -> None:
    """JSON and events are two renderings of one answer."""
    response = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "text/event-stream"})

    events = events_of(response.content)
    done = events[-1][1]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert list(dict.fromkeys(name for name, _ in events)) == [
        "understood",
        "passages",
        "evidence",
        "sentence",
        "done",
    ]
    assert done == json_bytes(service.record.ledger.answer(json.loads(done)["id"]))


def test_streamed_sentences_are_the_sentences_of_the_answer(client: TestClient) -> None:
    """Nothing that was shown is taken back."""
    response = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "text/event-stream"})

    events = events_of(response.content)
    streamed = [json.loads(data) for name, data in events if name == "sentence"]
    assert streamed == json.loads(events[-1][1])["sentences"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream;q=0", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream, */*;q=0.1", "text/event-stream"),
        ("application/json;q=0.5, text/event-stream;q=0.9", "text/event-stream"),
    ],
)
def test_the_accept_header_chooses_the_rendering(client: TestClient, accept: str, media_type: str) -> None:
    """Events come to those who prefer them; everybody else gets JSON."""
    response = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": accept})

    assert response.headers["content-type"].startswith(media_type)


def test_as_of_hides_later_documents(client: TestClient) -> None:
    """The same question on an earlier day has the answer of that day."""
    answer = client.post("/v1/ask", json={"question": QUESTION, "as_of": "2025-03-01"}).json()

    assert "July" in answer["text"]
    assert "September" not in answer["text"]
    assert answer["trace"]["time_scope"]["as_of"] == "2025-03-01"


def test_a_question_is_taken_while_all_threads_for_other_routes_are_busy(client: TestClient) -> None:
    """Admission waits for none of them: under load a question is answered or turned away at once."""
    portal = client.portal
    assert portal is not None
    limiter = portal.call(to_thread.current_default_thread_limiter)
    threads, limiter.total_tokens = limiter.total_tokens, 0

    try:
        answer = portal.start_task_soon(_ask_within, client.app, 10.0).result()
    finally:
        portal.call(setattr, limiter, "total_tokens", threads)

    assert answer.json()["kind"] == "answer"


def test_a_question_outside_the_record_is_a_refusal_and_not_an_error(client: TestClient) -> None:
    """Nothing in scope: status 200, kind refusal, a reason."""
    response = client.post("/v1/ask", json={"question": QUESTION, "to": "1999-12-31"})

    assert response.status_code == 200
    assert response.json()["kind"] == "refusal"
    assert response.json()["refusal"]["reason"] == "nothing_in_time_scope"


def test_null_is_the_same_as_absent(client: TestClient) -> None:
    """Clients that send every field need not leave any out."""
    everything = dict.fromkeys(["mode", "as_of", "from", "to", "publisher", "history"])

    response = client.post("/v1/ask", json={"question": QUESTION, **everything})

    assert response.status_code == 200
    assert response.json()["kind"] == "answer"


def test_history_is_taken(client: TestClient) -> None:
    """A follow-up may come with the turns before it."""
    history = [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": "In July."}]

    response = client.post("/v1/ask", json={"question": "Who said that?", "history": history})

    assert response.status_code == 200


def test_asking_for_a_model_that_there_is_not_is_answered_with_a_note(client: TestClient) -> None:
    """Without a model the record is quoted, and the answer says so."""
    answer = client.post("/v1/ask", json={"question": QUESTION, "mode": "model"}).json()

    assert answer["mode"] == "extractive"
    assert "No chat model" in " ".join(answer["trace"]["notes"])


def test_json_is_not_escaped(client: TestClient) -> None:
    """Text is sent as UTF-8, so that people can read it on the wire."""
    response = client.post("/v1/search", json={"query": "boats – 14"})

    assert "–".encode() in response.content
    assert b"\\u2013" not in response.content


def test_search_returns_ranked_passages_in_scope(client: TestClient) -> None:
    """Passages come best first, at most as many as wanted, from the wanted publisher."""
    found = client.post(
        "/v1/search", json={"query": "northern bridge", "publisher": "meridian wire", "limit": 1}
    ).json()

    assert [passage["document_id"] for passage in found["passages"]] == ["doc-later"]
    assert found["passages"][0]["rank"] == 1
    assert found["time_scope"]["publisher"] == "meridian wire"


def test_documents_are_paged_with_their_total(client: TestClient) -> None:
    """Pages do not overlap, and the total counts all of them."""
    pages = [client.get("/v1/documents", params={"limit": 2, "offset": offset}).json() for offset in (0, 2)]

    assert [[row["document_id"] for row in page["documents"]] for page in pages] == [
        ["doc-later", "doc-bridge"],
        ["doc-undated"],
    ]
    assert [page["total"] for page in pages] == [3, 3]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"publisher": "HARBOUR gazette"}, ["doc-bridge"]),
        ({"from": "2025-03-01"}, ["doc-later"]),
        ({"to": "2025-03-01"}, ["doc-bridge"]),
        ({"as_of": "2025-02-07"}, ["doc-bridge"]),
        ({"as_of": "2025-02-06"}, []),
    ],
)
def test_documents_are_filtered(client: TestClient, filters: dict[str, str], expected: list[str]) -> None:
    """Filters mean for the list what they mean for an answer."""
    body = client.get("/v1/documents", params=filters).json()

    assert [row["document_id"] for row in body["documents"]] == expected
    assert body["total"] == len(expected)


def test_a_document_shows_the_current_version_and_names_all(client: TestClient) -> None:
    """Without a version the newest is shown, and the others are a request away."""
    current = client.get("/v1/documents/doc-bridge").json()
    first = client.get("/v1/documents/doc-bridge", params={"version": 1}).json()

    assert (current["version"], first["version"]) == (2, 1)
    assert [version["version"] for version in current["versions"]] == [1, 2]
    assert first["text"] == BRIDGE.document.text


def test_passages_and_sentences_are_spans_of_the_text(client: TestClient) -> None:
    """Offsets count code points of the returned text."""
    document = client.get("/v1/documents/doc-bridge", params={"version": 1}).json()

    words = [document["text"][passage["start"] : passage["end"]] for passage in document["passages"]]
    sentences = [
        document["text"][span["start"] : span["end"]]
        for passage in document["passages"]
        for span in passage["sentences"]
    ]
    assert words == [passage.text for passage in BRIDGE.passages]
    assert sentences == words


def test_health_says_that_the_process_lives(client: TestClient) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_readiness_says_what_the_service_can_do(client: TestClient) -> None:
    """Operators see the record, the models and the index's state without asking a question."""
    response = client.get("/readyz")
    body = response.json()

    assert response.status_code == 200
    assert (body["ready"], body["documents"], body["passages"]) == (True, 3, 3)
    assert (body["chat_model"], body["encoder"]) == (None, "hashing-64")
    assert body["index"]["state"] in {"ready", "checking", "rebuilding"}


def test_without_an_encoder_the_service_is_alive_but_not_ready(service: OpenService, tmp_path: Path) -> None:
    """A missing model file shows in readiness before the first question fails."""
    record = service.record
    encoder, record.encoder = record.encoder, _BrokenEncoder()
    try:
        with client_of(serving_settings(tmp_path), service) as client:
            _wait_for_encoder(client)
            ready, alive = client.get("/readyz"), client.get("/healthz")
    finally:
        record.encoder = encoder

    assert (ready.status_code, ready.json()["reason"]) == (503, "model_file_error")
    assert alive.status_code == 200


def test_what_was_loaded_for_good_is_no_longer_searched_for_garbage(client: TestClient) -> None:
    """A full collection through all libraries would hold up every request for half a second."""
    client.app.state.collections.serving("default").warm_up._thread.join()  # type: ignore[attr-defined]

    assert gc.get_freeze_count() > len(gc.get_objects())


def test_a_chat_model_that_cannot_start_does_not_keep_the_service_from_answering(
    service: OpenService, tmp_path: Path
) -> None:
    """Warm-up fails in the background; answers quote and say why."""
    with client_of(serving_settings(tmp_path), replace(service, chat=_BrokenChatModel())) as client:
        assert client.get("/readyz").json()["chat_model"] == "local:broken"
        assert client.post("/v1/ask", json={"question": QUESTION}).json()["kind"] == "answer"


@pytest.mark.parametrize(("chat", "status"), [(_BrokenChatModel(), 503), (None, 200)], ids=["written", "quoted"])
def test_without_a_support_checker_what_would_be_written_is_not_served(
    service: OpenService, tmp_path: Path, chat: _BrokenChatModel | None, status: int
) -> None:
    """Its weights are missing: a service that writes is not ready, one that only quotes needs none."""
    missing = LazySupportChecker(ModelSettings(support=tmp_path))
    with client_of(serving_settings(tmp_path), replace(service, chat=chat, checker=missing)) as client:
        _wait_for_encoder(client)

        assert client.get("/readyz").status_code == status


def test_an_application_of_its_own_opens_and_closes_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service given, the record is held as long as the application runs, and free after it."""
    settings = serving_settings(tmp_path / "data")
    monkeypatch.setattr("service.api.app.open_service", partial(open_service, encoder=HashingEncoder()))
    for _ in range(2):
        with TestClient(create_app(settings), base_url="http://localhost") as client:
            answer = client.post("/v1/ask", json={"question": QUESTION}).json()
            assert answer["refusal"]["reason"] == "no_document"
            with pytest.raises(RecordBusyError), open_service(settings, access="write", encoder=HashingEncoder()):
                pass


def test_the_interface_is_described_without_pages_from_other_origins(client: TestClient) -> None:
    """The description is served; the pages that would load scripts from elsewhere are not."""
    described = client.get("/openapi.json").json()

    assert {"/v1/ask", "/v1/search", "/v1/documents", "/v1/documents/{document_id}"} <= set(described["paths"])
    assert [client.get(page).status_code for page in ("/docs", "/redoc")] == [404, 404]


def test_the_root_lists_what_there_is(client: TestClient) -> None:
    """Whoever arrives at the root finds the way to all the rest."""
    routes: list[str] = client.get("/").json()["routes"]

    described = {name for name, _ in operations_of(client.get("/openapi.json").json())}
    assert set(routes) - described == {"POST /mcp", "GET /openapi.json"}
    assert {"POST /v1/ask", "GET /v1/runs/report", "DELETE /v1/documents/{document_id}"} <= described <= set(routes)


async def _ask_within(app: Any, seconds: float) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with asyncio.timeout(seconds), httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
        return await asking.post("/v1/ask", json={"question": QUESTION})


def _wait_for_encoder(client: TestClient) -> None:
    client.app.state.collections.serving("default").warm_up._encoder_done.wait()  # type: ignore[attr-defined]
