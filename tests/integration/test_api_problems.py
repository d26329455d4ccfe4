"""Bad requests and failures: always the same body, never a 500 for what a client sent, never a word too much."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from domain.answers import Question, TimeScope
from domain.errors import (
    DatelineError,
    IndexUnavailableError,
    IngestError,
    MalformedReplyError,
    QuestionError,
    RecordDamagedError,
)
from domain.events import AnswerEvent, Understood
from service.api.problems import STATUS_BY_ERROR, problem_of
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import Script, client_of, opened, scripted, serving_settings

_JSON = {"Content-Type": "application/json"}
_UNDERSTOOD = Understood(stand_alone_question="?", scope=TimeScope())
_LIMIT = 20_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with opened(settings, [prepared("doc-1", "The harbour was rebuilt.")]) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(serving_settings(tmp_path_factory.mktemp("unused"), max_body_bytes=_LIMIT), service) as client:
        yield client


def subclasses(kind: type[DatelineError]) -> set[type[DatelineError]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def error_of(response: Any) -> dict[str, Any]:
    """Return the error of a response after checking what all of them have."""
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "code", "param"]
    assert response.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    return error


def test_every_error_has_a_status() -> None:
    """Adding an error without deciding its HTTP status fails here, not in production."""
    assert subclasses(DatelineError) == set(STATUS_BY_ERROR)


def test_every_error_is_documented() -> None:
    """Integrators find each code with its status in docs/api.md."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()

    documented = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE))
    assert {(str(status), kind.code) for kind, status in STATUS_BY_ERROR.items()} <= documented


@pytest.mark.parametrize("kind", STATUS_BY_ERROR, ids=lambda kind: kind.__name__)
def test_h15_server_side_messages_name_no_file(kind: type[DatelineError]) -> None:
    """What our errors say about the server's files stays in its log."""
    extra: dict[type[DatelineError], dict[str, str]] = {
        IngestError: {"reason": "r"},
        MalformedReplyError: {"reply": "r"},
    }
    given = next((more for base, more in extra.items() if issubclass(kind, base)), {})
    problem = problem_of(kind("Cannot write '/srv/data/ledger.sqlite'", **given))

    assert problem.status_code < 500 or "/srv" not in json.dumps(problem.body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"not json", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"x"', 422),
        (b"1e400", 422),
        (b"NaN", 400),
        (b'{"question": NaN}', 400),
        (b'{"question": -Infinity}', 400),
        (b'{"question": "a", "question": "b"}', 400),
        (b'{"question": "a", "history": [{"role": "user", "role": "user", "text": "t"}]}', 400),
        (b"[" * 10_000, 400),
        (b'{"a":' * 3_000, 400),
        (b"9" * 6_000, 400),
        ('{"question": "Who?"}'.encode("utf-16"), 400),
        (b'{"question": "\xff"}', 400),
        (b'{"question": "Who?", "\\ud800": 1}', 422),
        (b'\xef\xbb\xbf{"question": "Who?"}', 400),
    ],
    ids=range(19),
)
def test_h4_a_body_that_is_no_sound_json_object_is_refused(client: TestClient, body: bytes, status: int) -> None:
    """Whatever the bytes are, the answer is a 4xx with our body."""
    response = client.post("/v1/ask", content=body, headers=_JSON)

    assert response.status_code == status
    assert error_of(response)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "question"),
        ({"question": None}, "question"),
        ({"question": ""}, "question"),
        ({"question": " \n"}, "question"),
        ({"question": 7}, "question"),
        ({"question": ["Who?"]}, "question"),
        ({"question": "a" * 9000}, "question"),
        ({"question": "Who\x00?"}, "question"),
        ({"question": "Who \x1b[31m?"}, "question"),
        ({"question": "Who \ud800?"}, "question"),
        ({"question": "Who?", "mode": "fast"}, "mode"),
        ({"question": "Who?", "as_of": "2025-02-30"}, "as_of"),
        ({"question": "Who?", "from": "2025-13-01"}, "from"),
        ({"question": "Who?", "to": "06.02.2025"}, "to"),
        ({"question": "Who?", "to": "2025-02-06T10:00:00"}, "to"),
        ({"question": "Who?", "as_of": 1738800000}, "as_of"),
        ({"question": "Who?", "from": "2025-03-01", "to": "2025-02-01"}, "from"),
        ({"question": "Who?", "publisher": ""}, "publisher"),
        ({"question": "Who?", "publisher": "p" * 301}, "publisher"),
        ({"question": "Who?", "publisher": "\ud800"}, "publisher"),
        ({"question": "Who?", "publisher": "a\x00"}, "publisher"),
        ({"question": "Who?", "history": [{"role": "system", "text": "t"}]}, "history.0.role"),
        ({"question": "Who?", "history": [{"role": "user", "text": "\udfff"}]}, "history.0.text"),
        ({"question": "Who?", "history": [{"role": "user", "text": "t"}] * 51}, "history"),
        ({"question": "Who?", "top_k": 3}, "top_k"),
        ({"question": "Who?", "from_": "2025-01-01"}, "from_"),
    ],
    ids=range(26),
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_h6_ask_a_field_at_fault_is_named(client: TestClient, fields: dict[str, Any], param: str, accept: str) -> None:
    """Both renderings refuse before anything is sent, and name the field."""
    response = client.post("/v1/ask", content=json.dumps(fields), headers=_JSON | {"Accept": accept})

    assert response.status_code == 422
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": "q" * 9000}, "query"),
        ({"query": "harbour", "limit": 0}, "limit"),
        ({"query": "harbour", "limit": 1_000_000}, "limit"),
        ({"query": "harbour", "limit": "3"}, "limit"),
        ({"query": "harbour", "from": "2025-03-01", "to": "2025-02-01"}, "from"),
        ({"question": "harbour"}, "query"),
    ],
    ids=range(7),
)
def test_h6_ask_a_search_names_the_field_at_fault(client: TestClient, fields: dict[str, Any], param: str) -> None:
    """A search is checked as strictly as a question."""
    response = client.post("/v1/search", json=fields)

    assert response.status_code == 422
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("from=yesterday", "from"),
        ("from=2025-03-01&to=2025-02-01", "from"),
        ("publisher=%00", "publisher"),
        ("order=title", "order"),
    ],
)
def test_a_list_of_documents_names_the_parameter_at_fault(client: TestClient, query: str, param: str) -> None:
    """Unknown and impossible query parameters are refused, not ignored."""
    response = client.get(f"/v1/documents?{query}")

    assert response.status_code == 422
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/documents/nobody", 404),
        ("/v1/documents/doc-1?version=9", 404),
        ("/v1/documents/doc-1?version=0", 422),
        ("/v1/documents/doc-1?version=99999999999999999999", 422),
        ("/v1/documents/doc-1?version=x", 422),
        ("/v1/documents/%00", 404),
        ("/v1/documents/%FF", 404),
        ("/v1/documents/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/documents/" + "a" * 8000, 404),
        ("/%2e%2e/etc/passwd", 404),
        ("//v1/documents", 404),
        ("/v1/ask/", 404),
        ("/nothing", 404),
    ],
    ids=range(13),
)
def test_h17_an_address_without_anything_is_a_typed_404(client: TestClient, path: str, status: int) -> None:
    """Also strange paths end in our body, and no redirect is built from what the client sent."""
    response = client.get(path, follow_redirects=False)

    assert response.status_code == status
    error_of(response)


def test_a_wrong_method_names_those_that_are_taken(client: TestClient) -> None:
    response = client.put("/v1/ask")

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert error_of(response)["code"] == "method_not_allowed"


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_h13_a_body_that_is_not_declared_as_json_is_refused(client: TestClient, declared: str) -> None:
    """A form on a foreign page cannot ask: browsers send JSON across origins only after asking us."""
    response = client.post("/v1/ask", content=b'{"question": "Who?"}', headers={"Content-Type": declared})

    assert response.status_code == 415
    assert error_of(response)["code"] == "unsupported_media_type"


def test_json_may_be_declared_with_its_charset(client: TestClient) -> None:
    response = client.post(
        "/v1/ask", content=b'{"question": "Who?"}', headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )

    assert response.status_code == 200


def test_h5_a_body_over_the_limit_is_refused_by_its_declared_length(client: TestClient) -> None:
    response = client.post("/v1/ask", content=b" " * (_LIMIT + 1), headers=_JSON)

    assert response.status_code == 413
    assert error_of(response)["code"] == "body_too_large"


def test_h5_a_body_over_the_limit_is_refused_without_a_declared_length(client: TestClient) -> None:
    """A chunked body is counted while it comes."""
    response = client.post("/v1/ask", content=iter([b" " * 1000] * (_LIMIT // 1000 + 1)), headers=_JSON)

    assert response.status_code == 413
    assert error_of(response)["code"] == "body_too_large"


def test_a_plain_request_id_is_taken_over(client: TestClient) -> None:
    """Callers can follow their own ids through our log."""
    response = client.get("/healthz", headers={"X-Request-ID": "order-7.a_B"})

    assert response.headers["x-request-id"] == "order-7.a_B"


@pytest.mark.parametrize("given", ["a b", "\x1b[31m", "x" * 65, "ä".encode()], ids=range(4))
def test_h14_a_request_id_that_is_not_plain_is_replaced(client: TestClient, given: str | bytes) -> None:
    """Nothing that could break a log line or a header is repeated."""
    response = client.get(
        "/healthz", headers=[(b"X-Request-ID", given if isinstance(given, bytes) else given.encode())]
    )

    assert len(response.headers["x-request-id"]) == 32


def test_h15_an_unexpected_failure_says_nothing_about_its_cause(service: OpenService, tmp_path: Path) -> None:
    """A bug is a plain 500 with an id; trace, paths and queries stay in the log."""
    response = _ask_scripted(service, tmp_path, _failing(RuntimeError("SELECT secret FROM '/srv/ledger'")))

    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert not any(word in response.text for word in ("SELECT", "/srv", "Traceback", "RuntimeError"))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (IndexUnavailableError("No index could answer in time"), 503, "index_unavailable"),
        (RecordDamagedError("The ledger '/srv/ledger' is damaged"), 500, "record_damaged"),
        (QuestionError("The scopes contradict each other", param="as_of"), 422, "invalid_question"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_failure_before_the_first_event_has_its_status(
    service: OpenService, tmp_path: Path, error: DatelineError, status: int, code: str, accept: str
) -> None:
    """A stream that never began is an ordinary error response."""
    response = _ask_scripted(service, tmp_path, _failing(error), accept=accept)

    assert response.status_code == status
    assert error_of(response)["code"] == code
    assert ("retry-after" in response.headers) == (status == 503)


@pytest.mark.parametrize(
    ("error", "code"),
    [(IndexUnavailableError("late"), "index_unavailable"), (RuntimeError("SELECT 1"), "internal_error")],
)
def test_a_failure_after_the_first_event_is_an_event(
    service: OpenService, tmp_path: Path, error: Exception, code: str
) -> None:
    """The status is sent by then; the stream ends with an `error` event of the same form."""
    response = _ask_scripted(service, tmp_path, _failing(error, after=[_UNDERSTOOD]), accept="text/event-stream")

    name, data = response.text.strip().split("\n\n")[-1].split("\n")
    assert response.status_code == 200
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["code"] == code
    assert "SELECT" not in response.text


def test_more_answers_than_allowed_are_refused_at_once_and_other_routes_still_serve(
    service: OpenService, tmp_path: Path
) -> None:
    """One place: a second question gets 503 with Retry-After while the first is written; a third has the place."""
    writing, go_on = threading.Event(), threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield _UNDERSTOOD
        writing.set()
        go_on.wait(60)
        raise IndexUnavailableError("enough")

    def ask(client: TestClient) -> Any:
        return client.post("/v1/ask", json={"question": "Who?"})

    with client_of(serving_settings(tmp_path, max_streams=1, max_waiting=0), scripted(service, script)) as client:
        first: list[Any] = []
        asking = threading.Thread(target=lambda: first.append(ask(client)))
        asking.start()
        try:
            assert writing.wait(60)
            second, documents = ask(client), client.get("/v1/documents")
        finally:
            go_on.set()
            asking.join()
        third = ask(client)

    assert (second.status_code, error_of(second)["code"]) == (503, "too_many_answers")
    assert second.headers["retry-after"]
    assert documents.status_code == 200
    assert [error_of(response)["code"] for response in (*first, third)] == ["index_unavailable"] * 2


def test_h15_the_question_is_in_no_log(service: OpenService, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Questions are private: neither answers nor refused requests write their words down."""
    caplog.set_level("DEBUG")
    with client_of(serving_settings(tmp_path), service) as client:
        for fields in ({"question": "Zanzibar?"}, {"question": "Zanzibar\x00"}, {"question": "Zanzibar?", "mode": "x"}):
            response = client.post("/v1/ask", json=fields)
            assert response.status_code == 200 or "Zanzibar" not in response.text

    assert "answer_id=ans_" in caplog.text
    assert "Zanzibar" not in caplog.text


def _failing(error: Exception, *, after: Sequence[AnswerEvent] = ()) -> Script:
    def script(_: Question) -> Iterator[AnswerEvent]:
        yield from after
        raise error

    return script


def _ask_scripted(service: OpenService, tmp_path: Path, script: Script, *, accept: str = "*/*") -> Any:
    with client_of(serving_settings(tmp_path), scripted(service, script)) as client:
        return client.post("/v1/ask", json={"question": "Who?"}, headers={"Accept": accept})
