"""Real clients of OpenAI's interface against the real server: what each of them shows of a citation."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI
from openai import APIError, AsyncOpenAI, AuthenticationError, NotFoundError, OpenAI, UnprocessableEntityError
from openai.types.chat.chat_completion_message import Annotation
from openai.types.responses import ResponseOutputMessage, ResponseOutputText
from openai.types.responses.response_output_text import AnnotationURLCitation
from pydantic import SecretStr

from domain.answers import Question, TimeScope
from domain.errors import IndexUnavailableError
from domain.events import AnswerEvent, Understood
from service.api.app import create_app
from service.keys import KeyFile, Scope
from service.wiring import OpenService
from tests.support.openai_service import BRIDGE, LOAN, QUESTION, UNANSWERABLE, WRITTEN, openai_service
from tests.support.serving import listening, scripted, serving_settings

_SENTENCES = [text for text, _ in WRITTEN]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    with openai_service(tmp_path_factory.mktemp("record")) as service:
        yield service


@pytest.fixture(scope="module")
def address(service: OpenService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = serving_settings(tmp_path_factory.mktemp("unused"))
    with listening(create_app(settings, service=service)) as (host, port):
        yield f"http://{host}:{port}/v1"


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=address, api_key="unused", max_retries=0) as client:
        yield client


def chat_model(address: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model="dateline", base_url=address, api_key=SecretStr("unused"), max_retries=0, stream_usage=True, **more
    )


def marked_words(url: str) -> str:
    """Open an address as a browser does, and return what its page marks."""
    page = httpx.get(url.partition("#")[0])
    assert page.status_code == 200
    return unescape("".join(re.findall(r"<mark[^>]*>(.*?)</mark>", page.text, re.DOTALL)))


def assert_cites_both_sentences(content: str, cited: list[tuple[int, int, str]]) -> None:
    """Each place slices its sentence out of the content, and its address marks the words that support it."""
    assert [content[start:end] for start, end, _ in cited] == _SENTENCES
    assert [marked_words(url) for _, _, url in cited] == [BRIDGE, LOAN]


def places(annotations: list[Annotation] | None) -> list[tuple[int, int, str]]:
    return [
        (one.url_citation.start_index, one.url_citation.end_index, one.url_citation.url) for one in annotations or []
    ]


def places_in_response(part: ResponseOutputText) -> list[tuple[int, int, str]]:
    found = [one for one in part.annotations if isinstance(one, AnnotationURLCitation)]
    return [(one.start_index, one.end_index, one.url) for one in found]


def text_part(item: object) -> ResponseOutputText:
    assert isinstance(item, ResponseOutputMessage)
    (part,) = item.content
    assert isinstance(part, ResponseOutputText)
    return part


def test_the_openai_sdk_reads_citations_of_a_completion(client: OpenAI) -> None:
    """`message.annotations` slices the cited sentence, its address opens the source with the quote marked."""
    completion = client.chat.completions.create(model="dateline", messages=[{"role": "user", "content": QUESTION}])

    message = completion.choices[0].message
    assert message.content is not None
    assert_cites_both_sentences(message.content, places(message.annotations))
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (40, 9)
    assert completion.model_extra is not None
    assert completion.model_extra["dateline"]["kind"] == "answer"


def test_the_openai_sdk_reads_the_same_streamed(client: OpenAI) -> None:
    """Chunk by chunk: the same characters, annotations with their sentences, then the usage and nothing after it."""
    whole = client.chat.completions.create(model="dateline", messages=[{"role": "user", "content": QUESTION}])

    chunks = list(
        client.chat.completions.create(
            model="dateline",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    content = "".join(delta.content or "" for delta in deltas)
    annotations = [one for delta in deltas for one in (delta.model_extra or {}).get("annotations", [])]
    assert content == whole.choices[0].message.content
    assert_cites_both_sentences(content, places([Annotation.model_validate(one) for one in annotations]))
    assert [delta.content for delta in deltas][1:3] == [f"{_SENTENCES[0]} [1]", f" {_SENTENCES[1]} [2]"]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_openai_sdk_puts_a_stream_together(client: OpenAI) -> None:
    """Its stream helper ends with the same typed message as a completion that is not streamed."""
    with client.chat.completions.stream(model="dateline", messages=[{"role": "user", "content": QUESTION}]) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_completion().choices[0].message

    assert "content.delta" in events
    assert message.content is not None
    assert_cites_both_sentences(message.content, places(message.annotations))


async def test_the_asynchronous_openai_sdk_reads_both(address: str) -> None:
    """Whole and streamed, with the client that does not block."""
    async with AsyncOpenAI(base_url=address, api_key="unused", max_retries=0) as client:
        whole = await client.chat.completions.create(model="dateline", messages=[{"role": "user", "content": QUESTION}])
        async with client.chat.completions.stream(
            model="dateline", messages=[{"role": "user", "content": QUESTION}]
        ) as stream:
            streamed = (await stream.get_final_completion()).choices[0].message
        response = await client.responses.create(model="dateline", input=QUESTION)

    message = whole.choices[0].message
    assert message.content is not None
    assert_cites_both_sentences(message.content, places(message.annotations))
    assert (streamed.content, places(streamed.annotations)) == (message.content, places(message.annotations))
    assert response.output_text == message.content


def test_the_openai_sdk_reads_citations_of_a_response(client: OpenAI) -> None:
    """`/v1/responses`: the same text, with annotations that are not nested."""
    response = client.responses.create(model="dateline", input=QUESTION)

    part = text_part(response.output[0])
    assert response.output_text == part.text
    assert_cites_both_sentences(part.text, places_in_response(part))
    assert response.status == "completed"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (40, 9, 49)


def test_the_openai_sdk_reads_a_streamed_response(client: OpenAI) -> None:
    """Events in OpenAI's order, numbered without a gap; the response at the end is the whole one."""
    with client.responses.stream(model="dateline", input=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_response()

    part = text_part(final.output[0])
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == part.text
    assert_cites_both_sentences(part.text, places_in_response(part))


def test_a_response_is_followed_up_by_its_id(client: OpenAI) -> None:
    """The question before and its answer complete the next one."""
    first = client.responses.create(model="dateline-extractive", input="What will Tarrow lend the valley?")

    second = client.responses.create(
        model="dateline-extractive", input="And for the bridge?", previous_response_id=first.id
    )

    assert second.model_extra is not None
    assert second.previous_response_id == first.id
    assert (
        second.model_extra["dateline"]["trace"]["stand_alone_question"] == "And for the bridge (Tarrow lend, valley)?"
    )


def test_dateline_options_travel_in_the_extra_body(client: OpenAI) -> None:
    """As of a day before the loan was told of, the record says nothing of it."""
    options = {"as_of": "2025-03-01", "publisher": "meridian wire", "deadline_ms": 60_000}

    completion = client.chat.completions.create(
        model="dateline", messages=[{"role": "user", "content": QUESTION}], extra_body={"dateline": options}
    )

    assert completion.model_extra is not None
    answer = completion.model_extra["dateline"]
    assert answer["refusal"]["reason"] == "nothing_in_time_scope"
    assert (answer["trace"]["time_scope"]["as_of"], answer["trace"]["time_scope"]["publisher"]) == (
        "2025-03-01",
        "meridian wire",
    )


def test_a_refusal_is_an_ordinary_message(client: OpenAI) -> None:
    """No annotations, nothing spent; the reason is in the field `dateline`."""
    completion = client.chat.completions.create(model="dateline", messages=[{"role": "user", "content": UNANSWERABLE}])

    message = completion.choices[0].message
    assert completion.choices[0].finish_reason == "stop"
    assert (message.content or "").startswith("The record does not say. ")
    assert message.annotations == []
    assert completion.usage is not None
    assert completion.usage.total_tokens == 0
    assert completion.model_extra is not None
    assert completion.model_extra["dateline"]["refusal"]["reason"] == "not_answered_by_the_record"


def test_the_openai_sdk_raises_its_own_errors(client: OpenAI) -> None:
    """Code and field arrive where its users look for them."""
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": QUESTION}])
    with pytest.raises(UnprocessableEntityError) as refused:
        client.chat.completions.create(model="dateline", messages=[{"role": "user", "content": QUESTION}], n=2)

    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert (refused.value.code, refused.value.param) == ("invalid_request", "n")


def test_the_openai_sdk_lists_the_models(client: OpenAI) -> None:
    """Each can be looked up by its name, too."""
    names = [model.id for model in client.models.list()]

    assert names == ["dateline", "dateline-extractive", "dateline-model", "dateline-open-webui"]
    assert [client.models.retrieve(name).id for name in names] == names
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt-9")


def test_a_server_that_asks_for_keys_is_asked_with_one(service: OpenService, tmp_path: Path) -> None:
    """The SDK's key is Dateline's; what is cited opens without it, by a link that is signed."""
    key, _ = KeyFile(tmp_path).create(name="sdk", scope=Scope.READ, collections=None)
    with listening(create_app(serving_settings(tmp_path, keys="required"), service=service)) as (host, port):
        address = f"http://{host}:{port}/v1"
        asked: Any = {"model": "dateline", "messages": [{"role": "user", "content": QUESTION}]}
        with (
            OpenAI(base_url=address, api_key="wrong", max_retries=0) as stranger,
            OpenAI(base_url=address, api_key=key, max_retries=0) as client,
        ):
            with pytest.raises(AuthenticationError) as refused:
                stranger.chat.completions.create(**asked)
            message = client.chat.completions.create(**asked).choices[0].message

        assert refused.value.code == "invalid_api_key"
        assert message.content is not None
        assert_cites_both_sentences(message.content, places(message.annotations))


def _breaks_off(_: Question) -> Iterator[AnswerEvent]:
    yield Understood(stand_alone_question="?", scope=TimeScope())
    raise IndexUnavailableError("the index went away")


def test_a_stream_that_fails_raises_in_the_sdk_and_in_langchain(service: OpenService, tmp_path: Path) -> None:
    """After the stream began the failure is said in it, on both routes; no client takes it for a short answer."""
    app = create_app(serving_settings(tmp_path), service=scripted(service, _breaks_off))
    with listening(app) as (host, port), OpenAI(base_url=f"http://{host}:{port}/v1", api_key="-") as client:
        with pytest.raises(APIError, match="right now") as chat:
            list(
                client.chat.completions.create(
                    model="dateline", messages=[{"role": "user", "content": "?"}], stream=True
                )
            )
        with pytest.raises(APIError, match="right now"):
            list(client.responses.create(model="dateline", input="?", stream=True))
        model = chat_model(f"http://{host}:{port}/v1", use_responses_api=True)
        with pytest.raises((APIError, ValueError), match="right now"):
            list(model.stream("?"))

    assert chat.value.code == "index_unavailable"


def test_langchain_invokes_and_streams_chat_completions(address: str) -> None:
    """It drops annotations of completions; the marks and the links behind them are in the text."""
    model = chat_model(address)

    message = model.invoke(QUESTION)
    pieces = list(model.stream(QUESTION))

    assert str(message.content).startswith(f"{_SENTENCES[0]} [1] {_SENTENCES[1]} [2]\n\n[1]: <http")
    assert "".join(str(piece.content) for piece in pieces) == message.content
    assert message.usage_metadata is not None
    assert message.usage_metadata["total_tokens"] == 49
    assert [piece.usage_metadata["total_tokens"] for piece in pieces if piece.usage_metadata] == [49]


def test_langchain_shows_citations_in_content_blocks(address: str) -> None:
    """Through `/v1/responses` they are LangChain's own `citation` annotations, invoked and streamed alike."""
    model = chat_model(address, use_responses_api=True, output_version="v1")

    message = model.invoke(QUESTION)
    pieces = iter(model.stream(QUESTION))
    streamed = next(pieces)
    for piece in pieces:
        streamed += piece

    for whole in (message, streamed):
        (block,) = (one for one in whole.content_blocks if one["type"] == "text")
        citations: list[Any] = block["annotations"]
        assert {one["type"] for one in citations} == {"citation"}
        assert_cites_both_sentences(
            block["text"], [(one["start_index"], one["end_index"], one["url"]) for one in citations]
        )
        assert [one["title"] for one in citations] == [
            'Bridge "to" [open] (Harbour Gazette, 2025-02-06)',
            "Meridian Wire, 2025-05-01",
        ]


def test_langchain_goes_on_with_a_conversation(address: str) -> None:
    """Its own message with citations comes back as history, by text and by id."""
    by_text = chat_model(address, use_responses_api=True, output_version="v1")
    by_id = chat_model(address, use_responses_api=True, output_version="v1", use_previous_response_id=True)
    first = ("user", "What will Tarrow lend the valley?")

    for model in (by_text, by_id):
        answer = model.invoke([first])
        follow_up = model.invoke([first, answer, ("user", "And for the bridge?")])

        assert "87 million crowns" in str(follow_up.content)
