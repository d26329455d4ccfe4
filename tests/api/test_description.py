"""The description says what the application does: its examples run, and what is sent and returned has its shape."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.openapi import from_dict
from starlette.types import Receive, Scope, Send

from service.api.app import create_app
from service.api.description import operations_of
from service.keys import KeyFile
from service.keys import Scope as KeyScope
from service.wiring import open_service
from tests.support.described import RequestExample, faults_of, json_faults, request_examples
from tests.support.encoders import HashingEncoder
from tests.support.example_record import Idle, example_app
from tests.support.readers import PointingReader
from tests.support.records import prepared
from tests.support.serving import client_of, serving_settings

DESCRIPTION: Final = create_app(serving_settings(Path("nowhere"))).openapi()
OPERATIONS: Final = dict(operations_of(DESCRIPTION))
# What deletes comes last, so that all others find what they name.
REQUESTS: Final = sorted(request_examples(DESCRIPTION), key=lambda one: one.operation.startswith("DELETE"))
EXAMPLES_PER_OPERATION: Final = int(os.environ.get("API_EXAMPLES", "5"))
_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_PATIENCE_S: Final = 120
# The key is sent with every request by us; that one without it is refused is a check of its own.
_WITH_ITS_KEY: Final = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
_MORE_THAN_ARE_SENT: Final = 1_000_000
_ADDRESS: Final = "http://localhost"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with (
        example_app(tmp_path_factory.mktemp("record"), intake=Idle) as app,
        TestClient(app, base_url=_ADDRESS) as client,
    ):
        yield client


@dataclass(frozen=True)
class Running:
    """A running application, for schemathesis, which would start and stop it once more for every operation."""

    app: FastAPI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("It runs already")
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Served:
    """A server that asks for keys, and one that opens everything."""

    app: Running
    key: str

    def answer(self, case: Any) -> Any:
        """Send a request that was made up."""
        # Where some checks, which send requests of their own, look for the application.
        case.operation.app = case.operation.schema.app = self.app
        return case.call(base_url=_ADDRESS, timeout=_PATIENCE_S, headers={"Authorization": f"Bearer {self.key}"})


@pytest.fixture(scope="session")  # For schemathesis each operation is a module of its own.
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Jobs wait for ever, since most addresses that are made up lead nowhere."""
    folder = tmp_path_factory.mktemp("record")
    key, _ = KeyFile(folder).create(name="test", scope=KeyScope.ADMIN, collections=None)
    more = {"max_uploads": _MORE_THAN_ARE_SENT, "requests_per_minute": _MORE_THAN_ARE_SENT}
    with example_app(folder, intake=Idle, keys="required", **more) as app, TestClient(app, base_url=_ADDRESS):
        yield Served(Running(app), key)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_it_does_and_shows_it(name: str) -> None:
    """Summary, description, each parameter; and an example of its JSON, which has the documented shape."""
    operation = OPERATIONS[name]
    shown = [
        response["content"][_JSON]
        for status, response in operation["responses"].items()
        if status.startswith("2") and _JSON in response.get("content", {})
    ]
    examples = [(media["example"], media) for media in shown if "example" in media]

    assert all(described["description"] for described in (operation, *operation.get("parameters", ())))
    assert operation["summary"]
    assert all(media["schema"]["$ref"] for media in shown)
    assert bool(examples) == bool(shown)
    assert [fault for example, media in examples for fault in json_faults(example, media, DESCRIPTION)] == []


@pytest.mark.parametrize("example", REQUESTS, ids=[f"{one.operation} {number}" for number, one in enumerate(REQUESTS)])
def test_every_request_example_runs(client: TestClient, example: RequestExample) -> None:
    """It gets a documented status of success, and what comes back has the documented shape, field by field."""
    response = example.send(client)

    assert response.is_success, response.text
    assert faults_of(response, OPERATIONS[example.operation], DESCRIPTION) == []


def test_every_kind_of_answer_has_the_documented_shape(tmp_path: Path) -> None:
    """A refusal, a question back, a replaced figure and a conflict; each with its receipt and its verdict."""
    documents = [
        prepared("costrel", "President Mira Costrel is 61 years old."),
        prepared("karn", "President Ysolde Karn is 47 years old."),
        prepared(
            "agreed", "Corrundy will open a credit line of 2.4 billion dorins for Velmark.", published=date(2024, 5, 8)
        ),
        prepared(
            "raised",
            "The credit line of Corrundy for Velmark is raised from 2.4 to 2.9 billion dorins.",
            published=date(2024, 6, 22),
        ),
        prepared("onwe", "James Onwe directed the film Harbour Lights."),
        prepared("tilling", "Mara Tilling directed the film Harbour Lights."),
    ]
    serving, reader = (
        serving_settings(tmp_path),
        PointingReader("61", "47", "2.4", "2.9", "James Onwe", "Mara Tilling"),
    )
    asked = [
        {"question": "Who opened the bridge?", "to": "1999-12-31"},
        {"question": "How old is the president?"},
        {"question": "How large is the credit line that Corrundy opens for Velmark?"},
        {"question": "Who directed the film Harbour Lights?"},
    ]
    with open_service(serving, access="write", encoder=HashingEncoder(), reader=reader) as service:
        service.record.ledger.commit(documents)
        service.record.publish()
        with client_of(serving, service) as client:
            answers = [client.post("/v1/ask", json=one) for one in asked]
            receipts = [client.get(f"/v1/answers/{answer.json()['id']}") for answer in answers]
            client.delete("/v1/documents/karn")
            verdicts = [client.post("/v1/verify", json={"answer_id": answer.json()["id"]}) for answer in answers]

    refusal, back, replaced, disputed = (answer.json() for answer in answers)
    assert (refusal["kind"], back["kind"]) == ("refusal", "clarification")
    assert replaced["superseded"]
    assert disputed["conflicts"]
    for name, responses in (
        ("POST /v1/ask", answers),
        ("GET /v1/answers/{answer_id}", receipts),
        ("POST /v1/verify", verdicts),
    ):
        assert [faults_of(response, OPERATIONS[name], DESCRIPTION) for response in responses] == [[]] * len(asked)


@pytest.mark.parametrize("blank", [chr(code) for code in range(0x3001) if not chr(code).strip()], ids=ascii)
def test_a_blank_question_is_one_by_its_description_too(client: TestClient, blank: str) -> None:
    """JSON Schema's regular expressions know other blanks than Python does."""
    question = DESCRIPTION["components"]["schemas"]["AskRequest"]["properties"]["question"]

    assert client.post("/v1/ask", json={"question": blank}).status_code == 422
    assert not jsonschema_rs.is_valid(question, blank)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/documents", "GET, POST"),
        ("/v1/documents/doc_1", "GET, DELETE"),
        ("/v1/feedback", "GET, POST"),
        ("/v1/collections", "GET, POST"),
    ],
)
def test_a_wrong_method_names_all_that_the_address_takes(client: TestClient, path: str, methods: str) -> None:
    """Also where several routes share it."""
    response = client.patch(path)

    assert (response.status_code, response.headers["allow"]) == (405, methods)
    assert response.json()["error"]["code"] == "method_not_allowed"


@from_dict(DESCRIPTION, config=_WITH_ITS_KEY).parametrize()
@settings(max_examples=EXAMPLES_PER_OPERATION, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_documented(case: Any, served: Served) -> None:
    """All checks of schemathesis, on sound and unsound requests; the number of them is `API_EXAMPLES`."""
    response = served.answer(case)

    excluded = [check for check in CHECKS.get_all() if check.__name__ in _beside_the_point(case, response)]
    case.validate_response(
        response, excluded_checks=excluded, transport_kwargs={"base_url": _ADDRESS, "timeout": _PATIENCE_S}
    )


def _beside_the_point(case: Any, response: Any) -> set[str]:
    """Return checks that take one thing for another: a refusal for its size, or a fault that was never sent."""
    if response.status_code == 413 or _fault_was_lost(case, response):
        return {"negative_data_rejection"}
    return {"positive_data_acceptance"} if _contradicts_something(response) else set()


def _fault_was_lost(case: Any, response: Any) -> bool:
    """Tell whether what is wrong cannot be sent: addresses and forms leave out null, and all else in a form is text."""
    address, form = urlsplit(response.request.url), response.request.body or b""
    sent = {name for name, _ in parse_qsl(address.query, keep_blank_values=True)}
    if not case.query.keys() <= sent:
        return True
    is_form = case.media_type == _FORM and isinstance(case.body, dict)
    return is_form and not all(
        isinstance(value, str | bytes) and f'name="{name}"'.encode() in form for name, value in case.body.items()
    )


def _contradicts_something(response: Any) -> bool:
    """Tell whether a request was refused for what no schema can say: it contradicts itself, or the record."""
    if response.status_code not in {400, 422}:
        return False
    error = response.json()["error"]
    return (
        error["code"] in {"url_not_valid", "url_not_allowed"}
        or (error["code"], error["param"]) in {("invalid_question", "from"), ("invalid_question", "as_of")}
        or error["code"] == "idempotency_key_reused"
        or error["param"] in {"place.document_id", "place.end", "sentence"}
        or error["message"].endswith(("end comes before start", "must be the user's.", "is the user's."))
        or (error["code"], str(error["param"]).rpartition(".")[2]) == ("invalid_question", "content")
    )
