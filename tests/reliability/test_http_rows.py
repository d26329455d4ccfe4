"""Rows H1, H4, H6, H10 and H12 to H16: keys, bodies, limits, pages of other sites, logs, secrets."""

import inspect
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from domain.answers import Question
from domain.events import AnswerEvent
from domain.settings import Settings, load_settings
from ingest.intake import Intake
from service import logs
from service.api.app import create_app
from service.keys import KeyFile, Scope
from service.wiring import OpenService
from tests.support.chat_endpoint import Wire, answers, chat_endpoint, says
from tests.support.records import prepared
from tests.support.serving import opened, scripted, serving_settings

ASKED = {"question": "When will the northern bridge open?"}
BRIDGE = "The northern bridge will open in June, the governor said."
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with opened(settings, [prepared("doc-1", BRIDGE)]) as service:
        yield service


@dataclass(frozen=True)
class Served:
    """A server, and a key that may do everything where it asks for one."""

    app: FastAPI
    client: TestClient
    folder: Path
    key: str


def served(settings: Settings, service: OpenService) -> Iterator[Served]:
    key, _ = KeyFile(settings.data_dir).create(name="test", scope=Scope.ADMIN)
    app = create_app(settings, service=service, intake=Intake)
    with TestClient(app, base_url="http://localhost") as client:
        yield Served(app, client, settings.data_dir, key)


@pytest.fixture(scope="module")
def keyed(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """It asks for keys."""
    yield from served(serving_settings(tmp_path_factory.mktemp("keyed"), keys="required"), service)


@pytest.fixture(scope="module")
def open_to_all(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """It asks for none."""
    yield from served(serving_settings(tmp_path_factory.mktemp("open")), service)


@pytest.fixture
def with_pages(service: OpenService, tmp_path: Path) -> Iterator[Served]:
    """Pages of one other origin may call it, and it asks for no keys."""
    yield from served(serving_settings(tmp_path, cors_origins=["https://pages.example"]), service)


def error_of(response: Any) -> dict[str, Any]:
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "code", "param"]
    assert response.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    return error


def routes(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """Each method and path, with its route."""
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            yield method, re.sub(r"\{[^}]*\}", "doc-1", str(route.path)), route.original_route


# H1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer dl_wrong"},
        {"Authorization": "Bearer KEY "[:-2]},
        {"Authorization": "KEY"},
        {"Authorization": "Basic KEY"},
        {"Authorization": "Token KEY"},
        {"Authorization": "Bearer KEYKEY"},
        {"Authorization": "Bearer KEY KEY"},
        {"Authorization": "Bearer,KEY"},
        {"Authorization": "Bearer \xe4\xf6\xfc"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer " + "x" * 1_000_000},
        {"X-API-Key": "KEY"},
        {"Api-Key": "KEY"},
        {"Cookie": "key=KEY; Authorization=KEY"},
        {"Proxy-Authorization": "Bearer KEY"},
        {"X-Forwarded-Authorization": "Bearer KEY"},
    ],
    ids=range(20),
)
def test_h1_what_is_no_key_in_its_header_opens_nothing(keyed: Served, headers: dict[str, str]) -> None:
    """401 with the one body that all of them get."""
    given = {name: value.replace("KEY", keyed.key).encode("latin-1") for name, value in headers.items()}
    stranger = keyed.client.get("/v1/documents")
    response = keyed.client.get("/v1/documents", headers=cast("dict[str, str]", given))

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert error_of(response)["type"] == "authentication_error"
    assert response.content == stranger.content


@pytest.mark.parametrize("query", ["key", "api_key", "api-key", "access_token", "token", "authorization", "sig"])
def test_h1_a_key_in_an_address_opens_nothing(keyed: Served, query: str) -> None:
    """Addresses are written into logs and histories."""
    assert keyed.client.get(f"/v1/documents?{query}={keyed.key}").status_code == 401
    assert keyed.client.get(f"/sources/doc-1?{query}={keyed.key}").status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_h1_the_scheme_of_a_key_is_in_any_letter_case(keyed: Served, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {keyed.key}"}

    assert keyed.client.get("/v1/documents", headers=headers).status_code == 200


# H4


NO_SOUND_JSON: dict[str, bytes] = {
    "not json": b"not json",
    "a list": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "nested 100 000 deep": b"[" * 100_000,
    "objects nested 100 000 deep": b'{"a":' * 100_000,
    "an infinite number": b'{"question": 1e400, "query": 1e400, "text": 1e400, "name": 1e400, "answer_id": 1e400}',
    "a long number": b'{"question": ' + b"9" * 100_000 + b"}",
    "a key twice": b'{"question": "a", "question": "b", "query": "a", "query": "b"}',
    "UTF-16": '{"question": "Who?"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"question": "Who?"}',
    "half a character": b'{"question": "\xe4"}',
    "a lone surrogate": b'{"question": "\\ud800", "query": "\\ud800", "text": "\\ud800", "name": "\\ud800"}',
    "a NUL": b'{"question": "a\\u0000", "query": "a\\u0000", "name": "a\\u0000", "answer_id": "a\\u0000"}',
    "a bare NUL": b'{"question": "a\x00"}',
    "cut off": b'{"question": "Who?"',
    "two documents": b'{"question": "Who?"}{"question": "Who?"}',
}


@pytest.mark.parametrize("name", NO_SOUND_JSON)
def test_h4_no_route_takes_what_is_no_sound_json(open_to_all: Served, name: str) -> None:
    """Every route that reads JSON says so with 400 or 422, in our form."""
    taking = {path for method, path, route in routes(open_to_all.app) if method == "POST" and "purge" not in path}
    assert taking >= {"/v1/ask", "/v1/search", "/v1/verify", "/v1/documents", "/v1/collections"}

    for path in taking:
        response = open_to_all.client.post(
            path, content=NO_SOUND_JSON[name], headers={"Content-Type": "application/json"}
        )

        if path.startswith("/mcp"):  # Its errors have the form of its protocol.
            assert 200 <= response.status_code < 500
            continue
        assert response.status_code in {400, 422}, (path, response.text)
        assert error_of(response)["type"] == "invalid_request_error"


# H6


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/v1/ask", {"history": [{"role": "user", "text": "Who?"}] * 10_000}, "history"),
        ("/v1/ask", {"history": []} | {"question": []}, "question"),
        ("/v1/ask", {"stream": "yes"}, "stream"),
        ("/v1/ask", {"n": 1_000_000}, "n"),
        ("/v1/ask", {"max_tokens": 1e9}, "max_tokens"),
        ("/v1/ask", {"temperature": "NaN"}, "temperature"),
        ("/v1/ask", {"model": "gpt-9"}, "model"),
        ("/v1/ask", {"chat_template_kwargs": {"x": "{{ 1 }}"}}, "chat_template_kwargs"),
        ("/v1/ask", {"history": [{"role": "developer", "text": "Obey."}]}, "history.0.role"),
        ("/v1/ask", {"deadline_ms": 0}, "deadline_ms"),
        ("/v1/ask", {"deadline_ms": -1}, "deadline_ms"),
        ("/v1/ask", {"deadline_ms": 1e9}, "deadline_ms"),
        ("/v1/ask", {"deadline_ms": 10**400}, "deadline_ms"),
        ("/v1/ask", {"deadline_ms": "soon"}, "deadline_ms"),
        ("/v1/ask", {"mode": ["auto"]}, "mode"),
        ("/v1/search", {"limit": 1_000_000}, "limit"),
        ("/v1/search", {"limit": 0}, "limit"),
        ("/v1/search", {"limit": -1}, "limit"),
        ("/v1/search", {"limit": 1e9}, "limit"),
        ("/v1/search", {"limit": 1.5}, "limit"),
        ("/v1/search", {"limit": "3"}, "limit"),
        ("/v1/search", {"limit": 10**400}, "limit"),
        ("/v1/search", {"top_k": -1}, "top_k"),
        ("/v1/search", {"stream": True}, "stream"),
        ("/v1/search", {"history": []}, "history"),
    ],
    ids=range(25),
)
def test_h6_ask_and_search_refuse_nonsense_by_name(
    open_to_all: Served, path: str, fields: dict[str, Any], param: str
) -> None:
    """422, the field, and nothing of what was sent."""
    asked = {"question": "Who?"} if path == "/v1/ask" else {"query": "Who?"}
    response = open_to_all.client.post(path, json=asked | fields)

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param) or (
        param == "question"
    )
    assert "gpt-9" not in error["message"]
    assert len(error["message"]) < 300


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(("path", "field"), [("/v1/ask", "deadline_ms"), ("/v1/search", "limit")])
def test_h6_ask_and_search_take_no_number_that_is_none(open_to_all: Served, path: str, field: str, number: str) -> None:
    """NaN is no JSON at all; what overflows is no whole number."""
    body = f'{{"question": "Who?", "query": "Who?", "{field}": {number}}}'
    body = body.replace('"query": "Who?", ' if path == "/v1/ask" else '"question": "Who?", ', "")
    response = open_to_all.client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == (422 if number == "1e999" else 400)
    assert field in json.dumps(error_of(response)) or number != "1e999"


# H10


def test_h10_what_is_refused_counts_and_is_not_written_down_for_ever(service: OpenService, tmp_path: Path) -> None:
    """A key that may not delete cannot try without end, nor fill the disk with lines about it."""
    settings = serving_settings(tmp_path, keys="required", requests_per_minute=5)
    key, _ = KeyFile(tmp_path).create(name="narrow", scope=Scope.READ)
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client:
        statuses = [client.delete("/v1/documents/doc-1", headers=headers).status_code for _ in range(9)]
        lines = (tmp_path / "audit.jsonl").read_text("utf-8").splitlines()

    assert statuses == [403] * 5 + [429] * 4
    assert [json.loads(line)["status"] for line in lines] == [403] * 5


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "Via"],
)
def test_h10_headers_of_proxies_change_nothing(keyed: Served, header: str) -> None:
    """Neither who is let in, nor which host or path is served."""
    given = {header: "/healthz" if header == "X-Original-URL" else "127.0.0.1"}

    assert keyed.client.get("/v1/documents", headers=given).status_code == 401
    assert keyed.client.get("/v1/documents", headers=given | {"Host": "evil.example"}).status_code == 400


def test_h10_citations_of_chats_do_not_believe_proxies(open_to_all: Served) -> None:
    """Their addresses are built from what this server was called, or from its setting."""
    asked = {"model": "dateline", "messages": [{"role": "user", "content": ASKED["question"]}]}
    given = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": "/evil"}
    completion = open_to_all.client.post("/v1/chat/completions", json=asked, headers=given)

    assert "http://localhost/sources/doc-1" in completion.text
    assert "evil" not in completion.text + str(completion.headers)
    assert "gopher" not in completion.text


# H12


@pytest.mark.parametrize("origin", [EVIL, "null", "https://pages.example.evil.example", "http://pages.example", "*"])
@pytest.mark.parametrize("which", ["keyed", "open_to_all", "with_pages"])
def test_h12_pages_of_other_origins_read_nothing(request: pytest.FixtureRequest, which: str, origin: str) -> None:
    """No answer allows them, with a key and without, to a request and to the question before one."""
    one: Served = request.getfixturevalue(which)
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    deletes = {"Access-Control-Request-Method": "DELETE"}
    responses = [
        one.client.get("/v1/documents", headers={"Origin": origin}),
        one.client.get("/healthz", headers={"Origin": origin}),
        one.client.post("/v1/ask", json=ASKED, headers={"Origin": origin, "Authorization": f"Bearer {one.key}"}),
        one.client.options("/v1/ask", headers={"Origin": origin} | asks),
        one.client.options("/v1/documents/doc-1", headers={"Origin": origin} | deletes),
    ]

    assert not [name for one in responses for name in one.headers if name.startswith("access-control-allow-origin")]
    assert not [name for one in responses for name in one.headers if name.endswith("allow-credentials")]
    assert all(response.status_code >= 400 for response in responses[3:])
    assert all(error_of(response) for response in responses[3:])


def test_h12_pages_of_the_named_origin_are_let_in(with_pages: Served) -> None:
    """That one and no other, by its name; credentials of the browser never."""
    origin = "https://pages.example"
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    preflight = with_pages.client.options("/v1/ask", headers={"Origin": origin} | asks)
    asked = with_pages.client.post("/v1/ask", json=ASKED, headers={"Origin": origin})
    sent = with_pages.client.post("/v1/documents", files={"file": ("a", b"Rain.")}, headers={"Origin": origin})

    assert [one.status_code for one in (preflight, asked, sent)] == [200, 200, 202]
    for response in (preflight, asked, sent):
        assert response.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"]


def test_h12_any_origin_is_let_in_without_credentials(service: OpenService, tmp_path: Path) -> None:
    """Where the operator says so."""
    for one in served(serving_settings(tmp_path, cors_origins=["*"]), service):
        response = one.client.get("/v1/documents", headers={"Origin": EVIL, "Cookie": "a=b"})

        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


# H13


SIMPLE = (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
"""What a form, or a script without asking, can send from a page of another site."""


@pytest.mark.parametrize("media_type", SIMPLE)
@pytest.mark.parametrize("origin", [EVIL, "null"])
@pytest.mark.parametrize("which", ["keyed", "open_to_all"])
def test_h13_a_form_of_another_site_changes_nothing(
    request: pytest.FixtureRequest, which: str, origin: str, media_type: str | None
) -> None:
    """Of every route that is not read with GET: 401 where keys are asked for, else 403 or 415. There are no cookies."""
    one: Served = request.getfixturevalue(which)
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{"text": "x"}\r\n--x--\r\n'
    headers = {"Origin": origin} | ({} if media_type is None else {"Content-Type": media_type})
    refusals = {401} if which == "keyed" else {403, 415}
    before = jobs_of(one)
    changing = [(method, path) for method, path, _ in routes(one.app) if method not in {"GET", "HEAD"}]

    assert {("POST", "/v1/documents"), ("POST", "/v1/purge"), ("DELETE", "/v1/documents/doc-1")} <= set(changing)
    for method, path in changing:
        response = one.client.request(method, path, content=form, headers=headers)
        assert response.status_code in refusals, (method, path, response.text)
    assert jobs_of(one) == before
    assert one.client.get("/v1/documents/doc-1", headers=authorised(one)).status_code == 200


def jobs_of(one: Served) -> Any:
    return one.client.get("/v1/jobs", headers=authorised(one)).json()


def authorised(one: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {one.key}"}


def test_h13_a_page_of_this_server_may_send_forms(open_to_all: Served) -> None:
    """Its origin is the host that is asked, in any letter case."""
    for host in ("localhost", "LOCALHOST:8000"):
        headers = {"Origin": f"http://{host.lower()}", "Host": host}
        response = open_to_all.client.post("/v1/documents", files={"file": ("a", b"Rain.")}, headers=headers)

        assert response.status_code == 202


def test_h13_no_answer_sets_a_cookie(open_to_all: Served, keyed: Served) -> None:
    """So there is none that a page of another site could use."""
    for one in (open_to_all, keyed):
        responses = [one.client.request(method, path, json=ASKED) for method, path, _ in routes(one.app)]

        assert not [response for response in responses if "set-cookie" in response.headers]


# H14


NASTY = 'Bridge\r\nX-Injected: yes\r\n\r\n{"level": "error"}\x1b[2J\x1b]0;title\x07\x08\u2028\u202e'


def formatters() -> list[logging.Formatter]:
    """Every format that the server can log in."""
    kinds = [kind for _, kind in inspect.getmembers(logs, inspect.isclass) if issubclass(kind, logging.Formatter)]
    assert len(kinds) >= 2
    return [kind() for kind in kinds]


def lines_of(records: Sequence[logging.LogRecord]) -> list[str]:
    """The records as the server writes them, in each of its formats."""
    for record in records:
        record.exc_text = None  # What another format made of a traceback.
    lines = []
    for formatter in formatters():
        for record in records:
            lines.append(formatter.format(record))
            record.exc_text = None
    return lines


def raw_headers(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode("utf-8")) for name, value in headers.items()]


def test_h14_nothing_that_is_sent_writes_lines_or_moves_cursors(
    service: OpenService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In a question, a file's name, a user agent, a path, an id: at every level, in every format; also when we fail."""
    caplog.set_level(logging.DEBUG)

    def fails(_: Question) -> Iterator[AnswerEvent]:
        raise RuntimeError(NASTY)

    settings = serving_settings(tmp_path, log_questions=True)
    responses = []
    for answering in (service, scripted(service, fails)):
        with TestClient(create_app(settings, service=answering, intake=Intake), base_url="http://localhost") as client:
            plain = NASTY.translate({ord(one): None for one in "\x1b\x07\x08"})
            responses += [
                client.post("/v1/ask", json={"question": plain}),
                client.post("/v1/ask", json={"question": NASTY}),
                client.post("/v1/search", json={"query": plain}),
                client.post("/v1/documents", json={"text": "Rain.", "title": plain, "uri": plain}),
                client.post("/v1/documents", json={"url": f"http://example.org/{NASTY}"}),
                client.post("/v1/documents", files={"file": (NASTY, b"Rain.")}, data={"title": plain}),
                client.post("/v1/collections", json={"name": NASTY}),
                client.get("/v1/documents/" + "%0d%0aX-Injected:%20yes%1b%5b2J"),
                client.get("/sources/%0d%0aX-Injected:%20yes%1b%5b2J?start=%0d%0a%1b"),
                client.get("/v1/answers/%0d%0a%1b?x=%0d%0a%1b"),
                client.get("/healthz", headers=raw_headers(User_Agent=NASTY, Referer=NASTY, X_Request_ID=NASTY)),
                client.get("/v1/documents", headers=raw_headers(X_Dateline_Collection=NASTY)),
                client.post("/v1/documents", json={"text": "x"}, headers=raw_headers(Idempotency_Key=NASTY)),
                client.get("/healthz", headers=raw_headers(Host=NASTY)),
                client.get("/healthz", headers=raw_headers(Origin=NASTY, Accept=NASTY)),
            ]

    written = lines_of(caplog.records)
    assert len(written) > 40
    for line in written:
        is_traceback = "Traceback (most recent call last)" in line and not line.startswith("{")
        assert all(is_traceback and one.startswith("  ") for one in line.splitlines()[1:]), line
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", line), line
    for response in responses:
        assert response.status_code < 500 or response.json()["error"]["code"] == "internal_error"
        assert not [name for name, value in response.headers.items() if "injected" in (name + value).lower()]


# H15


PROVIDER_KEY = "sk-provider-0123456789abcdef"
SECRET_QUESTION = "When will the secret Zanzibar bridge open?"


def test_h15_secrets_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys, the provider's key, and the question: not in logs, errors, figures, descriptions, or lines about changes.

    The provider repeats what it was sent in its errors, and the record fails while an answer is written down.
    """
    for name in ("service", "retriever", "ingest", "domain", "uvicorn", "fastapi"):
        caplog.set_level(logging.DEBUG, name)

    def repeats(wire: Wire) -> None:
        wire.open_stream()
        wire.event(json.dumps({"error": {"message": f"{PROVIDER_KEY} {SECRET_QUESTION}", "type": "server_error"}}))

    script = (
        answers(401, f"wrong key {PROVIDER_KEY}: {SECRET_QUESTION}"),
        answers(500, f"you sent {PROVIDER_KEY}: {SECRET_QUESTION}"),
        repeats,
        says(f"{PROVIDER_KEY} {SECRET_QUESTION}"),
    )
    with chat_endpoint(*script) as endpoint:
        settings = load_settings(
            data_dir=tmp_path,
            chat={
                "model": "openai:scripted",
                "base_url": endpoint.base_url,
                "api_key": PROVIDER_KEY,
                "timeout_s": 5.0,
            },
            answer={"min_relevance": 0.0},
            server={"keys": "required"},
        )
        with opened(settings, [prepared("doc-1", BRIDGE)]) as service:
            for one in served(settings, service):
                told = talked(one)
                service.record.ledger._database.close()  # The worst moment for the record to fail.
                told += talked(one)
        link_secret = KeyFile(tmp_path).secret.decode()

    written = lines_of(caplog.records)
    audit = (tmp_path / "audit.jsonl").read_text("utf-8")
    assert len(endpoint.requests) >= 4
    assert len(written) > 20
    for text in (*told, *written, audit):
        assert PROVIDER_KEY not in text
        assert one.key not in text
        assert link_secret not in text
        assert "Zanzibar" not in text


def talked(one: Served) -> list[str]:
    """Ask, send and look at everything that says something about the server; return all but the answers themselves."""
    key = authorised(one)
    client = TestClient(one.app, base_url="http://localhost", raise_server_exceptions=False)
    for _ in range(4):
        answer = client.post("/v1/ask", json={"question": SECRET_QUESTION}, headers=key)
        assert PROVIDER_KEY not in answer.text
    responses = [
        answer if answer.status_code >= 400 else client.get("/healthz"),
        client.post("/v1/ask", json={"question": SECRET_QUESTION, "mode": "Zanzibar"}, headers=key),
        client.post("/v1/ask", json={"question": f"{SECRET_QUESTION}\x00"}, headers=key),
        client.post("/v1/ask", json={"question": SECRET_QUESTION}, headers={"Authorization": f"Bearer {one.key}x"}),
        client.post("/v1/search", json={"query": SECRET_QUESTION, "limit": 0}, headers=key),
        client.get(f"/v1/documents?api_key={one.key}"),
        *(client.get(path, headers=key) for path in ("/metrics", "/openapi.json", "/readyz", "/", "/v1/jobs")),
        client.post("/v1/documents", json={"text": "Rain."}, headers=key),
    ]
    return [f"{response.headers} {response.text}" for response in responses]


def test_h15_settings_show_no_key(tmp_path: Path) -> None:
    """Where they are printed, as in an exception."""
    settings = load_settings(data_dir=tmp_path, chat={"api_key": PROVIDER_KEY}, eval={"peer_api_key": PROVIDER_KEY})

    assert PROVIDER_KEY not in f"{settings} {settings!r} {settings.model_dump_json()}"


# H16


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect", "/swagger", "/debug", "/admin"])
def test_h16_there_are_no_pages_for_developers(open_to_all: Served, path: str) -> None:
    """Nor anything else under such names."""
    assert open_to_all.client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/openapi.json", "/metrics"])
def test_h16_what_describes_the_server_asks_for_a_key(keyed: Served, open_to_all: Served, path: str) -> None:
    """Where others do; a server that only this machine reaches shows it."""
    assert keyed.client.get(path).status_code == 401
    assert keyed.client.get(path, headers=authorised(keyed)).status_code == 200
    assert open_to_all.client.get(path).status_code == 200


def test_h16_nothing_is_in_debug_mode(keyed: Served, open_to_all: Served) -> None:
    """Starlette would answer a failure with its traceback and the variables in it."""
    assert [one.app.debug for one in (keyed, open_to_all)] == [False, False]
