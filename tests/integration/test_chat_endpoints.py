"""The chat adapter against a real HTTP server that behaves well, badly, or not at all."""

import json
import socket
import time

import pytest
from pydantic import SecretStr

from domain.errors import ChatModelError, ConfigurationError, MalformedReplyError
from domain.ports import DraftEnd, DraftSentence
from domain.settings import ChatSettings, ModelSettings
from service.answering.chat_model import open_chat_model
from service.answering.langchain_writer import LangChainWriter
from tests.support.chat_endpoint import Behaviour, Wire, answers, chat_endpoint, says
from tests.support.chat_models import Draft, whole
from tests.support.evidence import evidence

KEY = "sk-secret-0123456789"
GOOD = '{"sentences": [{"text": "The bridge opens on 12 April.", "evidence_ids": ["E1"]}]}'
EVIDENCE = evidence("The harbour bridge will open on 12 April.", "It cost 85 million.")


def open_endpoint(base_url: str, *, timeout_s: float = 20.0, key: str | None = KEY) -> LangChainWriter:
    settings = ChatSettings(
        model="openai:scripted",
        base_url=base_url,
        api_key=SecretStr(key) if key else None,
        timeout_s=timeout_s,
        max_tokens=100,
    )
    model = open_chat_model(settings, ModelSettings())
    assert model is not None
    return model


def write(*script: Behaviour, timeout_s: float = 20.0) -> Draft:
    with chat_endpoint(*script) as endpoint, open_endpoint(endpoint.base_url, timeout_s=timeout_s) as model:
        return whole(model.write("When does the bridge open?", EVIDENCE))


def test_a_good_reply_becomes_a_draft() -> None:
    """Sentences, model and the endpoint's own token counts come back."""
    draft = write(says(GOOD))

    assert draft == Draft(
        sentences=(DraftSentence(text="The bridge opens on 12 April.", evidence_ids=("E1",)),),
        end=DraftEnd(model="openai:scripted", prompt_tokens=11, completion_tokens=7),
    )


def test_the_request_asks_for_the_form_at_temperature_zero() -> None:
    """The schema names only the shown ids, and the prompt shows the evidence and the question."""
    with chat_endpoint(says(GOOD)) as endpoint, open_endpoint(endpoint.base_url) as model:
        whole(model.write("When does the bridge open?", EVIDENCE))

    request = endpoint.requests[0]
    schema = request["response_format"]["json_schema"]["schema"]
    prompt = request["messages"][0]["content"]
    assert schema["properties"]["sentences"]["items"]["properties"]["evidence_ids"]["items"]["enum"] == ["E1", "E2"]
    assert (request["temperature"], request["stream"]) == (0.0, True)
    assert "When does the bridge open?" in prompt
    assert all(piece.text in prompt for piece in EVIDENCE)
    assert endpoint.keys == [f"Bearer {KEY}"]


def test_no_answer_is_a_draft_without_sentences() -> None:
    """An empty list is the model's way to say that the evidence does not answer."""
    assert write(says('{"sentences": []}')).sentences == ()


def test_without_evidence_nothing_is_asked() -> None:
    """There is nothing to write from, so no call is made."""
    with chat_endpoint(says(GOOD)) as endpoint, open_endpoint(endpoint.base_url) as model:
        draft = whole(model.write("When?", ()))

    assert draft.sentences == ()
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("I think that it opens soon.", "JSON"),
        ('{"sentences": [{"text": "It opens", "evid', "JSON"),
        ('{"answer": "12 April"}', "sentences"),
        ('{"sentences": [{"text": "It opens.", "evidence_ids": ["E7"]}]}', "E7"),
        ("", "JSON"),
    ],
)
def test_a_broken_reply_is_sent_back_once_with_its_fault(bad: str, fault: str) -> None:
    """The second request holds the first reply and what was wrong with it, and both are counted."""
    with chat_endpoint(says(bad), says(GOOD)) as endpoint, open_endpoint(endpoint.base_url) as model:
        draft = whole(model.write("When does the bridge open?", EVIDENCE))

    roles = [message["role"] for message in endpoint.requests[1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert fault in endpoint.requests[1]["messages"][2]["content"]
    assert (len(draft.sentences), draft.end.prompt_tokens, draft.end.completion_tokens) == (1, 22, 14)


def test_a_reply_that_is_broken_twice_is_an_error_with_the_reply() -> None:
    """There is one retry and no more."""
    with (
        chat_endpoint(says("nonsense")) as endpoint,
        open_endpoint(endpoint.base_url) as model,
        pytest.raises(MalformedReplyError) as refused,
    ):
        whole(model.write("When does the bridge open?", EVIDENCE))

    assert refused.value.reply == "nonsense"
    assert len(endpoint.requests) == 2


def test_a_server_without_structured_output_is_asked_in_words() -> None:
    """HTTP 400 to the schema leads to one plain request, without schema and temperature."""
    script = (answers(400, "response_format?"), says(GOOD))
    with chat_endpoint(*script) as endpoint, open_endpoint(endpoint.base_url) as model:
        draft = whole(model.write("When does the bridge open?", EVIDENCE))

    assert len(draft.sentences) == 1
    assert [set(request) & {"response_format", "temperature"} for request in endpoint.requests] == [
        {"response_format", "temperature"},
        set(),
    ]


@pytest.mark.parametrize(
    ("code", "says_what"),
    [
        (400, "HTTP 400"),
        (401, "does not accept the key"),
        (403, "does not allow"),
        (404, "does not know the model"),
        (429, "quota"),
        (500, "HTTP 500"),
        (503, "HTTP 503"),
    ],
)
def test_an_error_status_is_a_chat_model_error(code: int, says_what: str) -> None:
    """The message names the endpoint and the fault, the hint the remedy, and neither holds the key."""
    with pytest.raises(ChatModelError) as failed:
        write(answers(code, f"you sent {KEY}"))

    assert says_what in failed.value.message
    assert "'openai:scripted' at http://127.0.0.1:" in failed.value.message
    assert failed.value.hint
    assert KEY not in failed.value.message + failed.value.hint


def half_a_stream(wire: Wire) -> None:
    wire.open_stream()
    wire.delta('{"sentences": [{"text": "The bri')


def events_that_are_not_json(wire: Wire) -> None:
    wire.open_stream()
    wire.event("{not json")
    wire.end_stream()


def json_of_another_shape(wire: Wire) -> None:
    wire.status(200, '{"hello": "world"}')


def a_web_page(wire: Wire) -> None:
    wire.status(200, "<html>Please sign in</html>", media_type="text/html")


def an_event_with_an_error(wire: Wire) -> None:
    wire.open_stream()
    wire.event(json.dumps({"error": {"message": f"overloaded {KEY}", "type": "server_error"}}))
    wire.end_stream()


def a_flood(wire: Wire) -> None:
    wire.open_stream()
    for _ in range(40):
        wire.delta("x" * 10_000)
    wire.end_stream()


@pytest.mark.parametrize(
    "behaviour",
    [half_a_stream, events_that_are_not_json, json_of_another_shape, a_web_page, an_event_with_an_error, a_flood],
)
def test_a_broken_stream_is_a_chat_model_error(behaviour: Behaviour) -> None:
    """Whatever a server sends, the caller sees one of our errors and can answer by quoting."""
    with pytest.raises(ChatModelError) as failed:
        write(behaviour)

    assert KEY not in failed.value.message + failed.value.hint


def hangs(wire: Wire) -> None:
    wire.hang(30)


def hangs_in_the_middle(wire: Wire) -> None:
    wire.open_stream()
    wire.delta('{"sentences": [')
    wire.hang(30)


def dribbles(wire: Wire) -> None:
    wire.open_stream()
    for _ in range(300):
        wire.delta(" ")
        wire.hang(0.1)


@pytest.mark.parametrize("behaviour", [hangs, hangs_in_the_middle, dribbles])
def test_a_slow_endpoint_is_left_at_the_deadline(behaviour: Behaviour) -> None:
    """The deadline is for the whole reply: also a server that keeps sending bytes is left."""
    started = time.monotonic()

    with pytest.raises(ChatModelError, match=r"gave no whole reply within 1 s"):
        write(behaviour, timeout_s=1.0)

    assert time.monotonic() - started < 20  # Far from the 30 s that the server would take.


def test_both_tries_share_one_deadline() -> None:
    """A slow broken reply leaves little time for the second try."""

    def slow_nonsense(wire: Wire) -> None:
        wire.hang(1.2)
        says("nonsense")(wire)

    with pytest.raises(ChatModelError, match=r"gave no whole reply within 2 s") as failed:
        write(slow_nonsense, timeout_s=2.0)

    assert not isinstance(failed.value, MalformedReplyError)


def test_a_refused_connection_is_a_chat_model_error() -> None:
    """Nobody listens at the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with open_endpoint(address) as model, pytest.raises(ChatModelError, match="cannot be reached"):
            whole(model.write("When does the bridge open?", EVIDENCE))


def test_a_key_from_the_environment_is_not_sent_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key of its own a custom server gets none, whatever the hosted service's variable holds."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    with chat_endpoint(says(GOOD)) as endpoint, open_endpoint(endpoint.base_url, key=None) as model:
        whole(model.write("When does the bridge open?", EVIDENCE))

    assert KEY not in endpoint.keys[0]


def test_a_hosted_model_without_a_key_is_a_configuration_error() -> None:
    """It is found when the model is opened, not at the first question."""
    with pytest.raises(ConfigurationError) as refused:
        open_chat_model(ChatSettings(model="openai:gpt-5-mini"), ModelSettings())

    assert "DATELINE_CHAT__API_KEY" in refused.value.hint


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ChatSettings(model="gpt-5-mini"), "is not understood"),
        (ChatSettings(model="nobody:model"), "cannot be set up"),
        (ChatSettings(model="cohere:command"), "needs a package that is not installed"),
        (ChatSettings(model="auto", base_url="http://127.0.0.1:1/v1"), "base_url"),
        (ChatSettings(model="local:all-MiniLM-L6-v2"), "not a chat model"),
    ],
)
def test_a_setting_that_names_no_model_is_a_configuration_error(settings: ChatSettings, words: str) -> None:
    """The message says what is wrong with the setting and the hint what to write instead."""
    with pytest.raises(ConfigurationError, match=words) as refused:
        open_chat_model(settings, ModelSettings())

    assert refused.value.hint


def test_extractive_means_no_model() -> None:
    """Nothing is opened."""
    assert open_chat_model(ChatSettings(model="extractive"), ModelSettings()) is None
