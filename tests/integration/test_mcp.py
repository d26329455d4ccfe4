"""What agents rely on, tried with the SDK's own client: in process, and over HTTP in both eras of the protocol."""

import asyncio
import logging
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from domain.answers import MAX_QUESTION_CHARS, Question, TimeScope
from domain.errors import IndexUnavailableError, ModelFileError
from domain.events import AnswerEvent, Understood
from domain.patience import Patience
from domain.settings import ServerSettings
from service.answering.assistant import Assistant
from service.api.access import Caller
from service.api.app import create_app
from service.api.links import Links
from service.api.mcp_server import mcp_server
from service.api.mcp_tools import Visit
from service.api.running import RunningAnswers
from service.keys import KeyFile, Scope
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import listening, opened, scripted, serving_settings

Connect = Callable[[], AbstractAsyncContextManager[Client]]
Address = tuple[str, int]

CLIENTS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
QUESTION = "When does the northern bridge open?"
LONG = "\n\n".join(f"Paragraph {number} of the harbour's log – nothing to report." for number in range(900))
DOCUMENTS = (
    prepared(
        "doc-bridge",
        "The governor said that the northern bridge would open in June.",
        "Fishing boats – 14 of them – stayed in the harbour.",
        published=date(2025, 2, 6),
        publisher="Harbour Gazette",
        title="Bridge to open",
    ),
    prepared("doc-later", "The northern bridge will open in September.", publisher="Meridian Wire"),
    prepared("doc-log", *LONG.split("\n\n")),
)
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    with opened(serving_settings(tmp_path_factory.mktemp("record")), DOCUMENTS) as service:
        service.record.ledger.commit(
            [
                prepared(
                    "doc-bridge",
                    "“Storms 🌊”, the governor said, “delay the opening of the northern bridge to July.”",
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
def address(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with listening(create_app(serving_settings(tmp_path_factory.mktemp("unused")), service=service)) as address:
        yield address


@pytest.fixture(params=["in process", "HTTP", "HTTP, protocol of 2025"])
def connect(request: pytest.FixtureRequest, service: OpenService, address: Address) -> Connect:
    """Every way to the tools but the command, which `test_mcp_command.py` tries."""
    if request.param == "in process":
        return lambda: in_process(service)
    mode = "legacy" if "2025" in request.param else "auto"
    return lambda: Client(_url(address), mode=mode)


@asynccontextmanager
async def in_process(service: OpenService, *, most_answers: int = 4) -> AsyncIterator[Client]:
    answers = RunningAnswers(ServerSettings(max_streams=most_answers, max_waiting=0))
    caller = Caller(key_id="test", limited=False)
    visit = Visit(service=service, answers=answers, caller=caller, links=Links(), address=str, tell=lambda _: None)
    async with Client(mcp_server(lambda _: visit)) as agent:
        yield agent
    await answers.drain()


def _url(address: Address, path: str = "/mcp") -> str:
    host, port = address
    return f"http://{host}:{port}{path}"


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def _body(result: CallToolResult) -> dict[str, Any]:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def _citations(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [citation for sentence in body["sentences"] for citation in sentence["citations"]]


async def test_the_tools_say_what_they_take_and_give(connect: Connect) -> None:
    """A model can choose and call them from the list alone; a client may run them without asking its user."""
    async with connect() as agent:
        tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
        instructions = agent.instructions

    assert list(tools) == ["ask", "search", "get_source"]
    assert {name: tool.input_schema["required"] for name, tool in tools.items()} == {
        "ask": ["question"],
        "search": ["query"],
        "get_source": ["document_id"],
    }
    assert {"as_of", "from", "to", "publisher", "mode", "history"} < set(tools["ask"].input_schema["properties"])
    for tool in tools.values():
        assert tool.title
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema
        assert tool.annotations
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
    assert "verbatim" in (instructions or "")


async def test_every_citation_is_verbatim_in_the_source_at_its_place(connect: Connect) -> None:
    """An agent can check an answer with the tools alone, also behind letters that UTF-16 writes in two units."""
    async with connect() as agent:
        answer = _body(await agent.call_tool("ask", {"question": QUESTION}))
        citations = _citations(answer)
        sources = [
            _body(
                await agent.call_tool(
                    "get_source", {name: cited[name] for name in ("document_id", "version", "start", "end")}
                )
            )
            for cited in citations
        ]

    assert answer["kind"] == "answer"
    assert any("🌊" in cited["quote"] for cited in citations)
    for cited, source in zip(citations, sources, strict=True):
        shown = source["text"][cited["start"] - source["start"] : cited["end"] - source["start"]]
        assert (shown, source["quote"]) == (cited["quote"], cited["quote"])


async def test_the_structured_answer_is_part_of_the_receipt(connect: Connect, service: OpenService) -> None:
    """Nothing is named or said otherwise than over HTTP, and nothing but the trace's bulk is left out."""
    async with connect() as agent:
        answer = _body(await agent.call_tool("ask", {"question": QUESTION}))

    receipt = service.record.ledger.answer(answer["id"])
    assert set(answer) == set(receipt)
    assert set(answer["trace"]) == {"stand_alone_question", "time_scope", "model", "notes"}
    assert _is_part_of(answer, receipt)


def _is_part_of(part: Any, whole: Any) -> bool:
    match part, whole:
        case dict(), dict():
            return all(key in whole and _is_part_of(value, whole[key]) for key, value in part.items())
        case list(), list():
            return len(part) == len(whole) and all(map(_is_part_of, part, whole))
        case _:
            return bool(part == whole)


async def test_the_text_shows_the_quotes_with_their_sources(connect: Connect) -> None:
    """A client that shows a model only text shows it the evidence."""
    async with connect() as agent:
        answer = await agent.call_tool("ask", {"question": QUESTION, "publisher": "harbour gazette"})

    for cited in _citations(_body(answer)):
        assert f"“{cited['quote']}”" in _text(answer)
        assert f"[{cited['mark']}] Bridge to open later · Harbour Gazette · 2025-02-07" in _text(answer)
        assert cited["url"] in _text(answer)


async def test_a_refusal_is_a_result_and_not_an_error(connect: Connect) -> None:
    """The agent is told why, in a form that it cannot take for a failure of the tool."""
    async with connect() as agent:
        refused = await agent.call_tool("ask", {"question": QUESTION, "to": "1999-12-31"})

    assert (refused.is_error, _body(refused)["kind"]) == (False, "refusal")
    assert _body(refused)["refusal"]["reason"] == "nothing_in_time_scope"
    assert "1999-12-31" in _text(refused)


async def test_arguments_mean_what_they_mean_over_http(connect: Connect) -> None:
    """The state of a day, by the name `from` as well, and nothing for null."""
    async with connect() as agent:
        before = _body(
            await agent.call_tool("ask", {"question": QUESTION, "as_of": "2025-03-01", "from": None, "mode": "model"})
        )
        history = [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": "In July."}]
        later = await agent.call_tool("ask", {"question": "Who said that?", "history": history})
        found = _body(await agent.call_tool("search", {"query": "bridge", "from": "2025-01-01"}))

    assert before["trace"]["time_scope"]["as_of"] == "2025-03-01"
    assert {cited["document_id"] for cited in _citations(before)} == {"doc-bridge"}
    assert "No chat model" in " ".join(before["trace"]["notes"])
    assert later.is_error is False
    assert {passage["document_id"] for passage in found["passages"]} == {"doc-bridge"}
    assert found["time_scope"]["from"] == "2025-01-01"


async def test_search_gives_the_passages_best_first(connect: Connect, service: OpenService) -> None:
    """The same as the retriever found, with their places, as many as wanted."""
    expected = service.record.retriever.retrieve("northern bridge", scope=TimeScope(), limit=2)

    async with connect() as agent:
        found = await agent.call_tool("search", {"query": "northern bridge", "limit": 2})

    assert [(one["rank"], one["document_id"], one["quote"]) for one in _body(found)["passages"]] == [
        (ranked.rank, ranked.passage.document_id, ranked.passage.text) for ranked in expected
    ]
    assert all(f"“{ranked.passage.text}”" in _text(found) for ranked in expected)


async def test_a_long_document_is_read_in_parts(connect: Connect) -> None:
    """The parts make the whole text, and each says how long that is."""
    parts: list[dict[str, Any]] = [{"next_start": 0, "text": ""}]
    async with connect() as agent:
        while (start := parts[-1]["next_start"]) is not None:
            parts.append(_body(await agent.call_tool("get_source", {"document_id": "doc-log", "start": start})))

    assert "".join(part["text"] for part in parts) == LONG
    assert [(part["start"], part["characters"]) for part in parts[1:]] == [
        (start, len(LONG)) for start in range(0, len(LONG), 20_000)
    ]


async def test_a_source_names_its_versions_and_no_path_of_the_server(connect: Connect) -> None:
    """Of a file it is told what is known of the document, not where it lay."""
    async with connect() as agent:
        first = await agent.call_tool("get_source", {"document_id": "doc-bridge", "version": 1})

    assert (_body(first)["version"], _body(first)["title"]) == (1, "Bridge to open")
    assert [kept["version"] for kept in _body(first)["versions"]] == [1, 2]
    assert "file:" not in first.model_dump_json()


_NO_SPAN = {"document_id": "doc-log", "start": 9, "end": 9}
_NO_TURN = {"question": "x", "history": [{"role": "x", "text": "y"}]}
_NO_TIME = {"question": "x", "from": "2025-02-01", "to": "2025-01-01"}
_TOO_LONG = {"question": "x" * (MAX_QUESTION_CHARS + 1)}


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "param", "says"),
    [
        ("ask", {}, "invalid_request", "question", "question: Field required"),
        ("ask", {"question": " "}, "invalid_question", "question", "Ask in a sentence"),
        ("ask", _TOO_LONG, "invalid_question", "question", "has 8001 characters; at most 8000"),
        ("ask", {"question": "x", "as_of": "2025-02-30"}, "invalid_request", "as_of", "no such day in the calendar"),
        ("ask", {"question": "x", "as_of": "yesterday"}, "invalid_request", "as_of", "YYYY-MM-DD"),
        ("ask", {"question": "x", "mode": "loud"}, "invalid_request", "mode", "'auto', 'extractive' or 'model'"),
        ("ask", {"question": "x", "publsher": "y"}, "invalid_request", "publsher", "it takes as_of, from, to, publ"),
        ("ask", _NO_TURN, "invalid_request", "history.0.role", "'user' or 'assistant'"),
        ("ask", _NO_TIME, "invalid_question", "from", "The time range is empty"),
        ("search", {"query": ""}, "invalid_question", "query", "The query is empty"),
        ("search", {"query": "x", "limit": 101}, "invalid_request", "limit", "less than or equal to 100"),
        ("get_source", {"document_id": "doc-none"}, "not_found", None, "what ask or search returned"),
        ("get_source", {"document_id": "doc-log", "version": 7}, "not_found", None, "Version 7"),
        ("get_source", _NO_SPAN, "invalid_request", None, "end comes before start"),
        ("get_source", {"document_id": "doc-bridge", "start": 999}, "invalid_request", "start", "the text has 82"),
    ],
)
async def test_what_cannot_be_done_is_an_error_that_says_what_to_change(
    service: OpenService, tool: str, arguments: dict[str, Any], code: str, param: str | None, says: str
) -> None:
    """The message is for a model to act on; the body is the one of every surface."""
    async with in_process(service) as agent:
        result = await agent.call_tool(tool, arguments)

    error = _body(result)["error"]
    assert (result.is_error, error["code"], error["param"], error["message"]) == (True, code, param, _text(result))
    assert says in _text(result)


async def test_errors_cross_every_transport(connect: Connect) -> None:
    """A failed call is no failed connection: the next one is answered."""
    async with connect() as agent:
        failed = await agent.call_tool("ask", {"question": "x", "publsher": "y"})
        answered = await agent.call_tool("ask", {"question": QUESTION})

    assert (failed.is_error, answered.is_error) == (True, False)


async def test_a_tool_that_does_not_exist_is_an_error_of_the_protocol(connect: Connect) -> None:
    """It names those that do."""
    async with connect() as agent:
        with pytest.raises(MCPError, match="there are ask, search, get_source"):
            await agent.call_tool("answer", {"question": QUESTION})


@pytest.mark.parametrize("error", [ModelFileError("No weights in '/srv/secret'"), ZeroDivisionError("/srv/secret")])
async def test_a_fault_of_the_server_stays_in_its_log(
    service: OpenService, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The agent learns that it cannot be done, not which files there are; the operator learns why."""

    def script(_: Question) -> Iterator[AnswerEvent]:
        raise error

    with caplog.at_level(logging.ERROR, logger="service"):
        async with in_process(scripted(service, script)) as agent:
            result = await agent.call_tool("ask", {"question": QUESTION})

    assert result.is_error
    assert _body(result)["error"]["type"] == "server_error"
    assert "secret" not in result.model_dump_json()
    assert "secret" in caplog.text
    assert ("Traceback" in caplog.text) == isinstance(error, ZeroDivisionError)


async def test_an_index_that_does_not_answer_is_worth_another_try(service: OpenService) -> None:
    """A passing fault says so."""

    def script(_: Question) -> Iterator[AnswerEvent]:
        raise IndexUnavailableError("late")

    async with in_process(scripted(service, script)) as agent:
        result = await agent.call_tool("ask", {"question": QUESTION})

    assert (_body(result)["error"]["code"], "Try again" in _text(result)) == ("index_unavailable", True)


async def test_progress_tells_each_step_and_each_sentence(connect: Connect) -> None:
    """Who waits for an answer hears its sentences before it is complete."""
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with connect() as agent:
        answer = _body(await agent.call_tool("ask", {"question": QUESTION}, progress_callback=hear))

    assert [steps for steps, _ in told] == list(range(1, len(told) + 1))
    assert told[0][1] == f"Looking for: {QUESTION}"
    heard = [message for _, message in told if message and message.endswith("]")]
    assert " ".join(heard) == answer["text"]


class _Model:
    """An assistant that writes for as long as anybody waits, as a slow model does."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def events(self, question: Question, patience: Patience, *, answer_id: str | None = None) -> Iterator[AnswerEvent]:
        if question.text == "next":
            raise IndexUnavailableError("the place was free")
        patience.when_gone(self.freed.set)
        yield Understood(stand_alone_question=question.text, scope=TimeScope())
        assert self.freed.wait(_PATIENCE_S)

    def within(self, service: OpenService) -> OpenService:
        return replace(service, assistant=cast("Assistant", self))


async def _cancel_midway(agent: Client) -> None:
    with anyio.CancelScope() as call:

        async def cancel(progress: float, total: float | None, message: str | None) -> None:
            call.cancel()

        await agent.call_tool("ask", {"question": QUESTION}, progress_callback=cancel)
    assert call.cancelled_caught


async def test_cancelling_frees_the_model_in_process(service: OpenService) -> None:
    """The connection stays, and its place is free for the next question."""
    model = _Model()
    async with in_process(model.within(service), most_answers=1) as agent:
        await _cancel_midway(agent)
        assert await asyncio.to_thread(model.freed.wait, _PATIENCE_S)
        assert await _next_code(agent) == "index_unavailable"


async def test_cancelling_over_http_frees_the_model(service: OpenService, tmp_path: Path) -> None:
    """The client closes its request, and the server sees it while the model writes."""
    model = _Model()
    with listening(
        create_app(serving_settings(tmp_path, max_streams=1, max_waiting=0), service=model.within(service))
    ) as address:
        async with Client(_url(address)) as agent:
            await _cancel_midway(agent)
            assert await asyncio.to_thread(model.freed.wait, _PATIENCE_S)
            assert await _next_code(agent) == "index_unavailable"


async def test_a_client_of_the_old_protocol_frees_the_model_when_it_goes(service: OpenService, tmp_path: Path) -> None:
    """Its cancelling is a message that belongs to no request here; its going is seen."""
    model = _Model()
    with listening(
        create_app(serving_settings(tmp_path, max_streams=1, max_waiting=0), service=model.within(service))
    ) as address:
        async with Client(_url(address), mode="legacy") as agent:
            await _cancel_midway(agent)
        assert await asyncio.to_thread(model.freed.wait, _PATIENCE_S)


async def _next_code(agent: Client) -> str:
    while (code := _body(await agent.call_tool("ask", {"question": "next"}))["error"]["code"]) == "too_many_answers":
        pass  # The place is given back a moment after the work ends.
    return str(code)


async def test_agents_and_others_share_one_bound_on_answers(service: OpenService, tmp_path: Path) -> None:
    """One answer under way is all that is allowed: neither surface starts another, and both say to try again."""
    model = _Model()
    with listening(
        create_app(serving_settings(tmp_path, max_streams=1, max_waiting=0), service=model.within(service))
    ) as address:
        async with Client(_url(address)) as agent, httpx.AsyncClient() as client, anyio.create_task_group() as tasks:
            begun = anyio.Event()

            async def begin(progress: float, total: float | None, message: str | None) -> None:
                begun.set()

            async def ask() -> None:
                await agent.call_tool("ask", {"question": QUESTION}, progress_callback=begin)

            tasks.start_soon(ask)
            await begun.wait()
            surplus = await agent.call_tool("ask", {"question": QUESTION})
            over_http = await client.post(_url(address, "/v1/ask"), json={"question": QUESTION})
            read = await agent.call_tool("get_source", {"document_id": "doc-bridge"})
            tasks.cancel_scope.cancel()

    assert (surplus.is_error, over_http.status_code) == (True, 503)
    assert _body(surplus)["error"] == over_http.json()["error"]
    assert "Try again" in _text(surplus)
    assert read.is_error is False


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A server that asks for keys, with a collection beside its main record."""

    address: Address
    keys: KeyFile

    @asynccontextmanager
    async def agent(self, path: str = "/mcp", **headers: str) -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(_url(self.address, path), http_client=http)) as agent,
        ):
            yield agent

    def key(self, *collections: str) -> str:
        key, _ = self.keys.create(name="agent", scope=Scope.READ, collections=collections or None)
        return f"Bearer {key}"


@pytest.fixture
def guarded(service: OpenService, tmp_path: Path) -> Iterator[Guarded]:
    app = create_app(serving_settings(tmp_path, keys="required"), service=service)
    keys = KeyFile(tmp_path)
    admin, _ = keys.create(name="admin", scope=Scope.ADMIN, collections=None)
    with listening(app) as address:
        httpx.post(
            _url(address, "/v1/collections"), json={"name": "treaties"}, headers={"Authorization": f"Bearer {admin}"}
        ).raise_for_status()
        record = app.state.collections.serving("treaties").service.record
        record.ledger.commit([prepared("doc-treaty", "The northern bridge treaty was signed in Lysk.")])
        record.publish()
        yield Guarded(address=address, keys=keys)


async def test_a_server_that_asks_for_keys_asks_agents_too(guarded: Guarded) -> None:
    """Without one not even the tools are listed; with one that reads they work."""
    async with httpx.AsyncClient() as client:
        refused = await client.post(_url(guarded.address), json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    async with guarded.agent(Authorization=guarded.key()) as agent:
        answer = await agent.call_tool("ask", {"question": QUESTION})

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert _body(answer)["kind"] == "answer"


async def test_links_of_an_answer_open_without_a_key(guarded: Guarded) -> None:
    """Whoever reads what the agent wrote follows its citations in a browser; text and structure have the same link."""
    async with guarded.agent(Authorization=guarded.key()) as agent:
        answer = await agent.call_tool("ask", {"question": QUESTION})
    links = [cited["url"] for cited in _citations(_body(answer))]
    async with httpx.AsyncClient() as client:
        pages = [await client.get(_url(guarded.address, link)) for link in links]

    assert [page.status_code for page in pages] == [200] * len(links)
    assert all(_url(guarded.address, link) in _text(answer) for link in links)


@pytest.mark.parametrize("by", ["path", "header"])
async def test_a_collection_has_tools_of_its_own(guarded: Guarded, by: str) -> None:
    """Its key finds its documents and no others, and does not open the main record."""
    path, headers = "/mcp", {"Authorization": guarded.key("treaties")}
    if by == "path":
        path = "/v1/collections/treaties/mcp"
    else:
        headers["X-Dateline-Collection"] = "treaties"
    async with guarded.agent(path, **headers) as agent:
        found = _body(await agent.call_tool("search", {"query": "northern bridge"}))
        hidden = await agent.call_tool("get_source", {"document_id": "doc-bridge"})
    async with httpx.AsyncClient(headers={"Authorization": headers["Authorization"]}) as client:
        main = await client.post(_url(guarded.address), json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

    assert {passage["document_id"] for passage in found["passages"]} == {"doc-treaty"}
    assert all(passage["url"].startswith("/v1/collections/treaties/sources/") for passage in found["passages"])
    assert _body(hidden)["error"]["code"] == "not_found"
    assert main.json()["error"]["code"] == "collection_not_found"


async def test_answers_to_agents_are_counted(guarded: Guarded) -> None:
    """The operator's figures leave nobody out."""
    key = guarded.key()
    async with guarded.agent(Authorization=key) as agent:
        await agent.call_tool("ask", {"question": QUESTION, "to": "1999-12-31"})
    async with httpx.AsyncClient(headers={"Authorization": key}) as client:
        figures = (await client.get(_url(guarded.address, "/metrics"))).text

    assert 'dateline_answers_total{kind="refusal",mode="",reason="nothing_in_time_scope"} 1.0' in figures
    assert 'route="/mcp"' in figures


async def test_the_address_works_with_and_without_a_slash(address: Address) -> None:
    """No redirect is needed, which some clients would not follow."""
    async with httpx.AsyncClient(follow_redirects=False) as client:
        replies = [
            await client.post(
                _url(address, path),
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                headers={"Accept": "application/json, text/event-stream"},
            )
            for path in ("/mcp", "/mcp/")
        ]

    assert [(reply.status_code, "get_source" in reply.text) for reply in replies] == [(200, True), (200, True)]


@pytest.mark.parametrize(
    ("method", "headers", "content", "status", "code"),
    [
        ("GET", {}, b"", 405, "method_not_allowed"),
        ("DELETE", {}, b"", 405, "method_not_allowed"),
        ("POST", {"Content-Type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
        ("POST", {"Content-Type": "application/json"}, b"[%s]" % (b" " * 2_000), 413, "body_too_large"),
    ],
)
async def test_what_is_no_message_is_refused_as_on_all_routes(
    service: OpenService, tmp_path: Path, method: str, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    """Before the protocol begins, errors are those of HTTP."""
    with listening(create_app(serving_settings(tmp_path, max_body_bytes=1024), service=service)) as address:
        async with httpx.AsyncClient() as client:
            reply = await client.request(method, _url(address), headers=headers, content=content)

    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"1",
        b"[" * 100_000,
        b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": {"\\ud800": 1}}}',
    ],
    ids=range(8),
)
@pytest.mark.parametrize("version", [None, "2025-11-25", "2026-07-28"])
async def test_whatever_is_sent_gets_a_client_error_and_the_server_lives_on(
    address: Address, content: bytes, version: str | None
) -> None:
    """Neither a 5xx nor a traceback, in either era of the protocol."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if version is not None:
        headers["MCP-Protocol-Version"] = version
    async with httpx.AsyncClient() as client:
        reply = await client.post(_url(address), headers=headers, content=content)
        alive = await client.get(_url(address, "/healthz"))

    assert reply.status_code < 500
    assert "Traceback" not in reply.text
    assert alive.status_code == 200


def test_the_documented_examples_run(address: Address) -> None:
    """Python on the page does what the page says, against a real server."""
    section = CLIENTS_PAGE.read_text().split("## Agents over MCP")[1]
    asked, connected = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    host, port = address
    question = "Which Chinese leaders did President Zardari meet?"
    assert question in asked
    there = asked.replace("127.0.0.1:8000", f"{host}:{port}").replace(question, QUESTION)

    ended = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        for code in (there, connected)
    ]

    assert [(one.returncode, one.stderr) for one in ended] == [(0, ""), (0, "")]
    assert "Harbour Gazette" in ended[0].stdout
