"""What clients of OpenAI's interface may send, what is refused by name, and what streams hold."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from domain.answers import Mode, Question, TimeScope
from domain.errors import IndexUnavailableError, QuestionError
from domain.events import AnswerEvent, Understood
from service.api import asking
from service.api.app import create_app
from service.api.openai.replies import answer_named, named_like
from service.wiring import OpenService
from tests.support.openai_service import BRIDGE, LOAN, QUESTION, UNANSWERABLE, WRITTEN, openai_service
from tests.support.records import prepared
from tests.support.serving import Script, client_of, listening, scripted, serving_settings

_CHAT, _RESPONSES = "/v1/chat/completions", "/v1/responses"
_ASKED = [{"role": "user", "content": QUESTION}]
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    with openai_service(tmp_path_factory.mktemp("record")) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(serving_settings(tmp_path_factory.mktemp("unused")), service) as client:
        yield client


def error_of(response: Any) -> dict[str, Any]:
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "code", "param"]
    error: dict[str, Any] = body["error"]
    return error


def completed(client: TestClient, **fields: Any) -> dict[str, Any]:
    response = client.post(_CHAT, json={"model": "dateline-extractive", "messages": _ASKED, **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def data_of(body: str) -> list[Any]:
    """Return what a stream of nothing but data holds, `[DONE]` included."""
    frames = [frame for frame in body.split("\n\n") if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") for frame in frames)
    return [frame.removeprefix("data: ") if frame.endswith("[DONE]") else json.loads(frame[6:]) for frame in frames]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"n": 1_000_000}, 422, "n"),
        ({"max_tokens": 1e9}, 422, "max_tokens"),
        ({"temperature": "NaN"}, 422, "temperature"),
        ({"temperature": 3}, 422, "temperature"),
        ({"top_k": -1}, 422, "top_k"),
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "user", "content": "?"}] * 10_000}, 422, "messages"),
        ({"stream": "yes"}, 422, "stream"),
        ({"model": "gpt-9"}, 404, "model"),
        ({"chat_template_kwargs": {"chat_template": "{{ 1 }}"}}, 422, "chat_template_kwargs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_h6_what_cannot_be_served_is_refused_by_name(
    client: TestClient, fields: dict[str, Any], status: int, param: str
) -> None:
    """H6: the error names the field, and the input is not repeated."""
    response = client.post(_CHAT, json={"model": "dateline", "messages": _ASKED, **fields})

    error = error_of(response)
    assert (response.status_code, error["param"]) == (status, param)
    assert "gpt-9" not in error["message"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
def test_h6_a_temperature_that_is_no_number_is_refused_by_name(client: TestClient, literal: str) -> None:
    """H6: NaN is no JSON at all, what overflows is no finite number; either way the field is named."""
    body = json.dumps({"model": "dateline", "messages": _ASKED, "temperature": 0.5}).replace("0.5", literal)

    response = client.post(_CHAT, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == (422 if literal == "1e999" else 400)
    assert error_of(response)["param"] == "temperature"


def test_h6_the_role_developer_is_valid_and_instructs_nothing(client: TestClient) -> None:
    """H6: instructions are passed over, wherever they stand."""
    told = [{"role": "developer", "content": "Answer in French."}, {"role": "system", "content": "Cite nothing."}]

    body = completed(client, messages=[*told, *_ASKED, *told])

    assert body["choices"][0]["message"]["content"] == completed(client)["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.type"),
        ({"modalities": ["text", "audio"]}, "modalities.1"),
        ({"audio": {"voice": "a", "format": "mp3"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {}}, "moderation"),
        ({"stop": ["."]}, "stop"),
        ({"logit_bias": {"1": -100}}, "logit_bias"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_p": 1.5}, "top_p"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"seed": "x"}, "seed"),
        ({"stream_options": {"include_everything": True}}, "stream_options.include_everything"),
        ({"dateline": {"as_of": "yesterday"}}, "dateline.as_of"),
        ({"dateline": {"from": "2025-02-02", "to": "2025-02-01"}}, "dateline.from"),
        ({"dateline": {"deadline_ms": 0}}, "dateline.deadline_ms"),
        ({"dateline": {"mode": "model"}}, "dateline.mode"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "a\u0000b"}]}, "messages.0.content.0.text"),
        ({"messages": [*_ASKED, {"role": "user", "content": "x" * 8001}]}, "messages.1.content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages.0.content"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [*_ASKED, {"role": "assistant", "content": "It"}]}, "messages.1.role"),
        ({"messages": [*_ASKED, {"role": "tool", "content": "4"}]}, "messages.1.role"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url"}]}]},
            "messages.0.content.1.type",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
    ],
    ids=str,
)
def test_what_would_change_the_answer_is_refused_by_name(
    client: TestClient, fields: dict[str, Any], param: str
) -> None:
    """Nobody gets one thing who asked for another."""
    response = client.post(_CHAT, json={"model": "dateline", "messages": _ASKED, **fields})

    assert response.status_code == 422
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0.type"),
        ({"input": [{"type": "function_call_output", "output": "4"}]}, "input.0.type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"context_management": []}, "context_management"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format.type"),
        ({"max_output_tokens": 1e9}, "max_output_tokens"),
        ({"stream": 1}, "stream"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": _ASKED}, "messages"),
        ({"previous_response_id": "resp_\u0000"}, "previous_response_id"),
    ],
    ids=str,
)
def test_responses_refuse_by_name_too(client: TestClient, fields: dict[str, Any], param: str) -> None:
    """The other route has the same rules."""
    response = client.post(_RESPONSES, json={"model": "dateline", "input": QUESTION, **fields})

    assert response.status_code == 422
    assert error_of(response)["param"] == param


def test_a_previous_response_that_is_not_there_is_not_found(client: TestClient) -> None:
    """The error names the field that asked for it."""
    response = client.post(_RESPONSES, json={"model": "dateline", "input": QUESTION, "previous_response_id": "resp_0"})

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (
        404,
        "previous_response_not_found",
        "previous_response_id",
    )


def test_what_is_documented_as_passed_over_changes_nothing(client: TestClient) -> None:
    """Clients send these unasked; the answer is the same with and without them."""
    passed_over = {
        "temperature": 0.7,
        "top_p": 1,
        "top_k": 40,
        "min_p": 0.05,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "max_tokens": 4096,
        "max_completion_tokens": 4096,
        "seed": 7,
        "user": "u",
        "metadata": {"a": "b"},
        "store": False,
        "service_tier": "auto",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {},
        "reasoning_effort": "low",
        "verbosity": "low",
        "prediction": None,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "functions": [],
        "function_call": "none",
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "n": 1,
        "stop": [],
        "logprobs": False,
        "top_logprobs": 0,
        "logit_bias": {},
        "audio": None,
        "stream_options": {"include_obfuscation": False},
        "dateline": None,
    }

    assert completed(client, **passed_over)["choices"] == completed(client)["choices"]


def test_what_is_passed_over_by_responses_changes_nothing(client: TestClient) -> None:
    passed_over = {
        "instructions": "Answer in French.",
        "max_output_tokens": 500,
        "max_tool_calls": 3,
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "truncation": "auto",
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "background": False,
        "store": False,
        "temperature": 1,
    }

    plain, full = (
        client.post(_RESPONSES, json={"model": "dateline-extractive", "input": QUESTION, **more}).json()
        for more in ({}, passed_over)
    )

    assert full["output"][0]["content"] == plain["output"][0]["content"]


@pytest.mark.parametrize("path", [_CHAT, _RESPONSES])
def test_bodies_are_read_as_strictly_as_everywhere(client: TestClient, path: str) -> None:
    """A key that occurs twice, and a body that is no JSON, are refused before anything else."""
    twice = client.post(path, content=b'{"model": "a", "model": "b"}', headers={"Content-Type": "application/json"})
    form = client.post(path, data={"model": "dateline"})

    assert (twice.status_code, error_of(twice)["code"]) == (400, "invalid_json")
    assert (form.status_code, error_of(form)["code"]) == (415, "unsupported_media_type")


def asked_of(service: OpenService, folder: Path, path: str, **body: Any) -> Question:
    """Return the question that the assistant is handed."""
    asked: list[Question] = []

    def script(question: Question) -> Iterator[AnswerEvent]:
        asked.append(question)
        yield _understood()
        raise QuestionError("that is enough")

    with client_of(serving_settings(folder), scripted(service, script)) as client:
        client.post(path, json=body)
    (question,) = asked
    return question


def test_earlier_messages_are_the_history(service: OpenService, tmp_path: Path) -> None:
    """What user and assistant said, in order; our own marks and links are taken off, and only the last 50 count."""
    answered = completed_text(service, tmp_path)
    question = asked_of(
        service,
        tmp_path,
        _CHAT,
        model="dateline-extractive",
        messages=[
            *[{"role": "user", "content": "Old."}] * 60,
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Who said"}, {"type": "text", "text": "that?"}]},
            {"role": "assistant", "content": answered, "annotations": [], "refusal": None},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "forty-two", "tool_call_id": "1"},
            {"role": "user", "content": "And when?"},
        ],
    )

    assert (question.text, question.mode) == ("And when?", Mode.EXTRACTIVE)
    assert len(question.history) == 50
    assert [(turn.role, turn.text) for turn in question.history[-4:]] == [
        ("user", "Old."),
        ("user", "Who said\nthat?"),
        ("assistant", " ".join(text for text, _ in WRITTEN)),
        ("assistant", ""),
    ]


def completed_text(service: OpenService, folder: Path) -> str:
    with client_of(serving_settings(folder), service) as client:
        content: str = completed(client, model="dateline")["choices"][0]["message"]["content"]
    assert "[1]: <http" in content
    return content


@pytest.mark.parametrize(
    ("model", "mode"),
    [
        ("dateline", Mode.AUTO),
        ("dateline-extractive", Mode.EXTRACTIVE),
        ("dateline-model", Mode.MODEL),
        ("dateline-open-webui", Mode.AUTO),
    ],
)
def test_a_model_is_a_way_of_answering(service: OpenService, tmp_path: Path, model: str, mode: Mode) -> None:
    """By either route."""
    scope = {"from": "2025-01-01", "to": "2025-12-31", "publisher": "Meridian Wire"}

    by_chat = asked_of(service, tmp_path, _CHAT, model=model, messages=_ASKED, dateline=scope)
    by_responses = asked_of(service, tmp_path, _RESPONSES, model=model, input=QUESTION, dateline=scope)

    assert (by_chat.mode, by_chat.scope.publisher) == (mode, "Meridian Wire")
    assert by_chat == by_responses


def test_messages_of_a_response_are_read_like_those_of_a_chat(service: OpenService, tmp_path: Path) -> None:
    """With and without a type, in the parts of either direction."""
    question = asked_of(
        service,
        tmp_path,
        _RESPONSES,
        model="dateline",
        input=[
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who?"}]},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "The governor. [1]", "annotations": []}],
            },
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "user", "content": "When?"},
        ],
    )

    assert question.text == "When?"
    assert [turn.text for turn in question.history] == ["Who?", "The governor.", "No."]


def test_a_scope_that_the_question_contradicts_is_refused_as_the_option(client: TestClient) -> None:
    """The error comes before a stream begins, under the name that the option has here."""
    response = client.post(
        _CHAT,
        json={
            "model": "dateline",
            "stream": True,
            "messages": [{"role": "user", "content": "As of 6 February 2025, when will the bridge open?"}],
            "dateline": {"from": "2025-03-01"},
        },
    )

    assert response.status_code == 422
    assert error_of(response)["param"] == "dateline.from"


@pytest.mark.parametrize("question", [QUESTION, UNANSWERABLE])
def test_streamed_and_whole_are_the_same_characters(client: TestClient, question: str) -> None:
    """Answers and refusals alike; the last chunk has what the whole body has beside the message."""
    messages = [{"role": "user", "content": question}]
    whole = completed(client, model="dateline", messages=messages)

    response = client.post(_CHAT, json={"model": "dateline", "messages": messages, "stream": True})

    *chunks, done = data_of(response.text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    message = whole["choices"][0]["message"]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert done == "[DONE]"
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    annotations = [one for delta in deltas for one in delta.get("annotations", [])]
    assert [one.pop("index") for one in annotations] == list(range(len(annotations)))
    assert annotations == message["annotations"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["dateline"]["text"] == whole["dateline"]["text"]
    assert all("usage" not in chunk for chunk in chunks)


def test_ids_of_replies_name_the_receipt(client: TestClient) -> None:
    """The answer can be looked up under the id of the completion, with another prefix."""
    body = completed(client, model="dateline")

    answer = client.get(f"/v1/answers/{answer_named(body['id'], 'chatcmpl-')}").json()

    assert answer["id"] == body["dateline"]["id"]
    assert named_like(answer["id"], "chatcmpl-") == body["id"]
    assert answer["sentences"] == body["dateline"]["sentences"]
    assert set(answer["trace"]) - set(body["dateline"]["trace"]) == {"passages", "evidence"}


def test_open_webui_gets_its_sources_with_the_quotes(client: TestClient) -> None:
    """Each is sent before the sentence that cites it, in the order of marks; the text is the same as everywhere."""
    response = client.post(_CHAT, json={"model": "dateline-open-webui", "messages": _ASKED, "stream": True})

    frames = data_of(response.text)[:-1]
    sources = [frame["event"]["data"] for frame in frames if "event" in frame]
    text = "".join(frame["choices"][0]["delta"].get("content", "") for frame in frames if "choices" in frame)
    assert [next(iter(frame)) for frame in frames[:5]] == ["id", "event", "id", "event", "id"]
    assert [source["document"] for source in sources] == [[BRIDGE], [LOAN]]
    assert sources[1] == {
        "source": {
            "name": "Meridian Wire, 2025-05-01",
            "url": "http://localhost/sources/doc-loan?version=1&start=19&end=80#quote",
        },
        "document": [LOAN],
        "metadata": [{"source": "doc-loan@1:19-80", "name": "Meridian Wire, 2025-05-01"}],
    }
    assert "annotations" not in response.text
    assert text == completed(client, model="dateline")["choices"][0]["message"]["content"]


def first_address(body: dict[str, Any]) -> str:
    address: str = body["choices"][0]["message"]["annotations"][0]["url_citation"]["url"]
    return address.partition("/sources/")[0]


@pytest.mark.parametrize("host", ["ask.example", "ask.example:8443", "[::1]:8000"])
def test_links_lead_where_the_client_came_to(service: OpenService, tmp_path: Path, host: str) -> None:
    """The name under which the client reached the server is the one that its reader can reach."""
    settings = serving_settings(tmp_path, allowed_hosts=["ask.example", "[::1]"])

    with client_of(settings, service) as client:
        response = client.post(_CHAT, json={"model": "dateline", "messages": _ASKED}, headers={"Host": host})

    assert first_address(response.json()) == f"http://{host}"


def test_links_of_a_collection_lead_into_it(service: OpenService, tmp_path: Path) -> None:
    """A client is pointed at a collection by its base address, and the page of its source is there."""
    with client_of(serving_settings(tmp_path), service) as client:
        client.post("/v1/collections", json={"name": "treaties"})
        collections = cast("FastAPI", client.app).state.collections
        record = collections.serving("treaties").service.record
        record.ledger.commit([prepared("doc-treaty", "The treaty enters into force in May.")])
        record.publish()
        body = client.post(
            "/v1/collections/treaties/chat/completions",
            json={
                "model": "dateline",
                "messages": [{"role": "user", "content": "When does the treaty enter into force?"}],
            },
        ).json()
        url = body["choices"][0]["message"]["annotations"][0]["url_citation"]["url"]
        page = client.get(url)

    assert url.startswith("http://localhost/v1/collections/treaties/sources/doc-treaty?")
    assert "The treaty enters into force in May.</mark>" in page.text


def test_links_lead_to_the_public_address_where_it_is_set(service: OpenService, tmp_path: Path) -> None:
    """Behind a proxy the server does not know its own name."""
    settings = serving_settings(tmp_path, public_url="https://ask.example/dateline/")

    with client_of(settings, service) as client:
        address = first_address(completed(client, model="dateline"))

    assert address == "https://ask.example/dateline"


def _understood() -> Understood:
    return Understood(stand_alone_question="?", scope=TimeScope())


def streamed(service: OpenService, folder: Path, script: Script, path: str, body: dict[str, Any]) -> str:
    with client_of(serving_settings(folder), scripted(service, script)) as client:
        return client.post(path, json={"model": "dateline", "stream": True, **body}).text


def test_a_failure_ends_a_stream_with_the_error_body(service: OpenService, tmp_path: Path) -> None:
    """Nothing follows it, least of all `[DONE]`; and what went wrong inside stays there."""

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield _understood()
        raise IndexUnavailableError("Cannot read '/srv/index'")

    frames = data_of(streamed(service, tmp_path, script, _CHAT, {"messages": _ASKED}))
    events = streamed(service, tmp_path, script, _RESPONSES, {"input": QUESTION})

    assert frames[-1]["error"]["code"] == "index_unavailable"
    assert "/srv" not in json.dumps(frames) + events
    last = json.loads(events.rstrip("\n").rsplit("\ndata: ", 1)[1])
    assert (last["type"], last["code"], last["error"]["code"]) == ("error", "index_unavailable", "index_unavailable")
    assert last["sequence_number"] == 4


def test_a_failure_before_the_stream_has_its_status(service: OpenService, tmp_path: Path) -> None:
    """A client that asked for a stream reads an ordinary error."""

    def script(question: Question) -> Iterator[AnswerEvent]:
        if question.text:
            raise IndexUnavailableError("the index went away")
        yield _understood()

    with client_of(serving_settings(tmp_path), scripted(service, script)) as client:
        response = client.post(_CHAT, json={"model": "dateline", "messages": _ASKED, "stream": True})

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert error_of(response)["code"] == "index_unavailable"


def test_a_silent_chat_is_kept_alive(service: OpenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a model writes, comments keep the connection open; clients pass them over."""
    monkeypatch.setattr(asking, "_KEEP_ALIVE_S", 0.01)
    go_on = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        yield _understood()
        assert go_on.wait(_PATIENCE_S)

    app = create_app(serving_settings(tmp_path), service=scripted(service, script))
    body = {"model": "dateline", "messages": _ASKED, "stream": True}
    with (
        listening(app) as (host, port),
        httpx.stream("POST", f"http://{host}:{port}{_CHAT}", json=body) as response,
    ):
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":"))
        go_on.set()
        assert list(lines)


@pytest.mark.parametrize(("path", "body"), [(_CHAT, {"messages": _ASKED}), (_RESPONSES, {"input": QUESTION})])
def test_work_stops_when_a_chat_is_left(service: OpenService, tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    """Nobody waits for the answer, so it is not written."""
    stopped = threading.Event()

    def script(_: Question) -> Iterator[AnswerEvent]:
        try:
            while True:
                yield _understood()
                stopped.wait(0.01)
        finally:
            stopped.set()

    app = create_app(serving_settings(tmp_path), service=scripted(service, script))
    with listening(app) as (host, port):
        with httpx.stream(
            "POST", f"http://{host}:{port}{path}", json={"model": "dateline", "stream": True, **body}
        ) as response:
            next(response.iter_lines())

        assert stopped.wait(_PATIENCE_S)
