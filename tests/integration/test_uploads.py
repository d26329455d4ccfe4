"""What is sent to a server becomes documents: kept at once, read by jobs, gone when it is deleted."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from domain.answers import Question
from domain.events import AnswerEvent, Done, EvidenceChosen
from ingest.intake import Intake
from service.api.app import create_app
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import client_of, opened, scripted, serving_settings

_PATIENCE_S = 60.0
HARBOUR = "The Sorrel harbour opened a second quay for grain ships on Tuesday."
QUESTION = "What did the Sorrel harbour open?"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, OpenService]]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with (
        opened(settings, [prepared("doc-other", "A lighthouse keeper counted the gulls.")]) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        yield client, service


@pytest.fixture
def client(served: tuple[TestClient, OpenService]) -> TestClient:
    return served[0]


def finished(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a job to end and return it."""
    deadline = time.monotonic() + _PATIENCE_S
    while job["state"] not in {"done", "failed"}:
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
        job = client.get(f"/v1/jobs/{job['job_id']}").json()
    return job


def sent(client: TestClient, **document: Any) -> dict[str, Any]:
    """Send a text and wait for its job."""
    response = client.post("/v1/documents", json=document)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/jobs/{response.json()['job_id']}"
    return finished(client, response.json())


def test_a_text_becomes_a_document_that_answers_cite(client: TestClient) -> None:
    """It is searchable when its job is done, with what was said of it."""
    job = sent(client, text=HARBOUR, title="A second quay", publisher="Sorrel Gazette", published="2025-03-04")

    (document,) = job["documents"]
    stored = client.get(document["url"]).json()
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()
    assert (job["state"], job["added"], job["reason"]) == ("done", 1, None)
    assert (stored["text"], stored["title"], stored["published"]) == (HARBOUR, "A second quay", "2025-03-04")
    assert answer["sentences"][0]["citations"][0]["document_id"] == document["document_id"]


def test_a_file_is_read_as_what_it_is(client: TestClient) -> None:
    """Its content decides, the fields of the form say the rest, and its name is never a path."""
    page = b"<html><head><title>Ferry</title></head><body><p>The ferry to Costrel sails at noon.</p></body></html>"
    response = client.post(
        "/v1/documents",
        files={"file": ("../../etc/ferry.html", page, "text/html")},
        data={"publisher": "Costrel Lines", "published": "2024-02-29"},
    )

    job = finished(client, response.json())
    stored = client.get(job["documents"][0]["url"]).json()
    assert stored["text"].strip().endswith("The ferry to Costrel sails at noon.")
    assert (stored["publisher"], stored["published"], stored["media_type"]) == (
        "Costrel Lines",
        "2024-02-29",
        "text/html",
    )


def test_a_file_of_lines_is_as_many_documents(client: TestClient) -> None:
    """A line that cannot be read does not keep the others out; the job is done and names it."""
    lines = [json.dumps({"id": str(number), "text": f"Mill number {number} grinds barley."}) for number in range(3)]
    response = client.post("/v1/documents", files={"file": ("mills.jsonl", "\n".join([*lines, "{"]).encode())})

    job = finished(client, response.json())

    assert (job["state"], job["added"], len(job["documents"]), len(job["failures"])) == ("done", 3, 3, 1)


def test_the_same_content_is_the_same_document(client: TestClient) -> None:
    """Sent again it is unchanged; under a name of the sender's own another text is its next version."""
    first, again = (sent(client, text="The mayor of Velm opened a school.") for _ in range(2))
    old = sent(client, text="Bread costs two dorins.", uri="prices/bread")
    new = sent(client, text="Bread costs three dorins.", uri="prices/bread")

    assert first["documents"] == again["documents"]
    assert (first["added"], again["added"], again["unchanged"]) == (1, 0, 1)
    assert old["documents"] == new["documents"]
    assert new["updated"] == 1
    assert client.get(new["documents"][0]["url"]).json()["version"] == 2


def test_an_idempotency_key_makes_one_job(client: TestClient) -> None:
    """The same request is the same job; another one under its key is refused."""
    headers = {"Idempotency-Key": "order-7"}
    body = {"text": "Two cranes stand at the quay of Onse."}

    first = client.post("/v1/documents", json=body, headers=headers)
    again = client.post("/v1/documents", json=body, headers=headers)
    other = client.post("/v1/documents", json={"text": "Something else."}, headers=headers)

    assert first.json()["job_id"] == again.json()["job_id"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", "empty_source"),
        ("blank.txt", b" \n\n ", "no_text"),
        ("broken.pdf", b"%PDF-1.7 and nothing more", "damaged_file"),
    ],
)
def test_what_cannot_be_read_is_a_failed_job_with_a_reason(
    client: TestClient, name: str, content: bytes, code: str
) -> None:
    """The server goes on, and the job says why, for people and for programs."""
    job = finished(client, client.post("/v1/documents", files={"file": (name, content)}).json())

    assert (job["state"], job["reason"]["code"], job["documents"]) == ("failed", code, [])
    assert job["reason"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"text": "a", "url": "http://example.com"}, None),
        ({"url": "http://example.com", "uri": "mine"}, None),
        ({"text": ""}, "text"),
        ({"text": "a", "published": "2025-02-30"}, "published"),
        ({"text": "a", "language": "english"}, "language"),
        ({"text": "a", "unknown": 1}, "unknown"),
        ({"text": 7}, "text"),
        ([], None),
    ],
)
def test_a_document_that_cannot_be_taken_is_refused(client: TestClient, body: Any, param: str | None) -> None:
    """Before anything is kept, with the field at fault."""
    response = client.post("/v1/documents", json=body)

    assert (response.status_code, response.json()["error"]["param"]) == (422, param)


def test_h13_forms_are_bounded_and_come_from_our_own_pages(client: TestClient) -> None:
    """No file, a field twice, too much of it, a broken form, a page of another site."""
    small = {"file": ("a.txt", b"One boat.")}
    cases = [
        (client.post("/v1/documents", data={"title": "x"}, files={"other": ("a", b"b")}), 422),
        (client.post("/v1/documents", files=small, data={"nonsense": "x"}), 422),
        (client.post("/v1/documents", files=small, data={"title": ["a", "b"]}), 422),
        (client.post("/v1/documents", content=b"x", headers={"Content-Type": "multipart/form-data"}), 400),
        (client.post("/v1/documents", content=b"x", headers={"Content-Type": "text/plain"}), 415),
        (client.post("/v1/documents", files=small, headers={"Origin": "https://evil.example"}), 403),
        (client.post("/v1/documents", files=small, headers={"Origin": "http://localhost"}), 202),
    ]

    assert [response.status_code for response, _ in cases] == [status for _, status in cases]
    assert all(response.json()["error"]["message"] for response, status in cases if status != 202)


def test_h5_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    """By its declared length, and by what comes where none is declared."""
    settings = serving_settings(tmp_path)
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"max_source_bytes": 1_000})})
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        bit_over = client.post("/v1/documents", files={"file": ("a.txt", b"x" * 1_001)})
        far_over = client.post("/v1/documents", files={"file": ("a.txt", b"x" * 200_000)})
        fits = client.post("/v1/documents", files={"file": ("a.txt", b"x" * 1_000)})

    assert [one.status_code for one in (bit_over, far_over, fits)] == [413, 413, 202]
    assert bit_over.json()["error"]["code"] == "body_too_large"


def test_too_many_waiting_uploads_are_refused_for_now(tmp_path: Path) -> None:
    """With the time after which to try again."""
    settings = serving_settings(tmp_path, max_uploads=1)
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=_Idle), base_url="http://localhost") as client,
    ):
        first, second = (client.post("/v1/documents", json={"text": f"Boat {number}."}) for number in range(2))

    assert (first.status_code, second.status_code, second.json()["error"]["code"]) == (202, 503, "too_many_uploads")
    assert second.headers["retry-after"]


def test_a_deleted_document_is_cited_no_more(client: TestClient) -> None:
    """Neither found, nor shown, nor listed; deleting it again says that there is none. Sent again, it is back."""
    text = "The observatory on Mount Telm was closed in April."
    question = {"question": "When was the observatory on Mount Telm closed?"}
    document_id = sent(client, text=text)["documents"][0]["document_id"]
    assert text in client.post("/v1/ask", json=question).text

    deleted = client.delete(f"/v1/documents/{document_id}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert text not in client.post("/v1/ask", json=question).text
    assert document_id not in client.get("/v1/documents", params={"limit": 500}).text
    assert client.get(f"/v1/documents/{document_id}").status_code == 404
    assert client.delete(f"/v1/documents/{document_id}").status_code == 404
    assert sent(client, text=text)["documents"][0]["document_id"] == document_id
    assert text in client.post("/v1/ask", json=question).text


def test_an_answer_under_way_does_not_cite_what_is_deleted_meanwhile(
    served: tuple[TestClient, OpenService], tmp_path: Path
) -> None:
    """The document goes after it was found and before it is quoted: no event after that holds its words."""
    client, service = served
    text = "The registrar of Pell counted nine windmills in May."
    document_id = sent(client, text=text)["documents"][0]["document_id"]
    events = service.assistant.events(Question(text="How many windmills did the registrar of Pell count?"))
    before: list[AnswerEvent] = []
    for event in events:
        before.append(event)
        if isinstance(event, EvidenceChosen):
            break

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield before[0]
        yield from events

    assert client.delete(f"/v1/documents/{document_id}").status_code == 204
    with client_of(serving_settings(tmp_path), scripted(service, script)) as other:
        response = other.post("/v1/ask", json={"question": "How many windmills?"})

    assert not any(isinstance(event, Done) for event in before)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "document_gone")
    assert text not in response.text


def test_a_purge_removes_every_byte(tmp_path: Path) -> None:
    """Of a text that was sent, read and deleted nothing is left in the data folder."""
    settings = serving_settings(tmp_path)
    canary = "Quillfeather Brandywine signed the ledger of the ferry."
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        document_id = sent(client, text=canary)["documents"][0]["document_id"]
        client.delete(f"/v1/documents/{document_id}")
        response = client.post("/v1/purge")
        job = finished(client, response.json())

    assert (response.status_code, job["state"], job["source"]) == (202, "done", "purge")
    held = [path for path in tmp_path.rglob("*") if path.is_file() and b"Quillfeather" in path.read_bytes()]
    assert held == []


def test_jobs_are_listed_newest_first(client: TestClient) -> None:
    """With the same fields as one alone; one that there is not is 404."""
    job = sent(client, text="A new bell hangs in the tower of Rusk.")

    newest, *_ = client.get("/v1/jobs", params={"limit": 2}).json()["jobs"]

    assert newest == job
    assert client.get("/v1/jobs/job_0").status_code == 404


def test_a_server_without_intake_takes_nothing(served: tuple[TestClient, OpenService], tmp_path: Path) -> None:
    """It says so instead of keeping what nobody would read."""
    with TestClient(create_app(serving_settings(tmp_path), service=served[1]), base_url="http://localhost") as client:
        response = client.post("/v1/documents", json={"text": "One boat."})

    assert (response.status_code, response.json()["error"]["code"]) == (503, "takes_no_documents")


class _Idle:
    """An intake that never reads."""

    def __init__(self, record: object, settings: object) -> None:
        del record, settings

    def start(self) -> None: ...

    def wake(self) -> None: ...

    def stop(self) -> None: ...

    def check_address(self, url: str) -> None: ...

    def progress(self, job_id: str) -> dict[str, Any] | None:
        del job_id
        return None


def test_uploads_survive_a_restart(tmp_path: Path) -> None:
    """What one server acknowledged and did not read, the next one reads, once each."""
    settings = serving_settings(tmp_path)
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=_Idle), base_url="http://localhost") as client,
    ):
        jobs = [client.post("/v1/documents", json={"text": f"Ferry {number} sails."}).json() for number in range(5)]
        service.record.ledger.uploads.take()  # One was being read when the process died.

    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        ended = [finished(client, client.get(f"/v1/jobs/{job['job_id']}").json()) for job in jobs]
        total = client.get("/v1/documents").json()["total"]

    assert [job["state"] for job in ended] == ["done"] * 5
    assert [job["added"] for job in ended] == [1] * 5
    assert total == 5
