"""A question that means one of several: asked back, completed by the reply, over the chain, HTTP and the terminal."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cli.chat import Conversation
from domain.answers import CitedAnswer, Clarification, Mode, Question, TimeScope
from domain.events import Done, PassagesFound, Understood
from domain.settings import load_settings
from service.wiring import OpenService, open_service
from tests.support.encoders import HashingEncoder
from tests.support.readers import PointingReader
from tests.support.records import prepared
from tests.support.serving import client_of

QUESTION = "How old is the president?"
COSTREL = "President Mira Costrel is 61 years old."
KARN = "President Ysolde Karn is 47 years old."
ASKED = "Which president do you mean: Mira Costrel or Ysolde Karn?"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[OpenService]:
    settings = load_settings(data_dir=tmp_path, chat={"model": "extractive"}, answer={"min_relevance": 0.0})
    with open_service(settings, access="write", encoder=HashingEncoder(), reader=PointingReader("61", "47")) as service:
        service.record.ledger.commit([prepared("costrel", COSTREL), prepared("karn", KARN)])
        service.record.publish()
        yield service


@contextmanager
def client(service: OpenService, folder: Path) -> Iterator[TestClient]:
    with client_of(load_settings(data_dir=folder), service) as opened:
        yield opened


def test_what_is_not_clear_is_asked_back_with_the_words_that_name_each(service: OpenService) -> None:
    """No evidence is chosen and no sentence is written before it is clear what is meant."""
    events = list(service.assistant.events(Question(text=QUESTION)))

    assert [type(event) for event in events] == [Understood, PassagesFound, Done]
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert isinstance(answer, Clarification)
    assert sorted(one.text for one in answer.options) == ["Mira Costrel", "Ysolde Karn"]
    assert {one.text: one.citation.quote for one in answer.options} == {"Mira Costrel": COSTREL, "Ysolde Karn": KARN}


def test_over_http_the_state_travels_with_the_request(service: OpenService, tmp_path: Path) -> None:
    """The server remembers nothing: question, question back and reply come again as history."""
    with client(service, tmp_path / "unused") as http:
        asked_back = http.post("/v1/ask", json={"question": QUESTION}).json()
        history = [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": asked_back["text"]}]
        answer = http.post("/v1/ask", json={"question": "Ysolde Karn", "history": history}).json()

    assert (asked_back["kind"], asked_back["sentences"]) == ("clarification", [])
    assert asked_back["clarification"]["question"] == asked_back["text"]
    assert {one["text"] for one in asked_back["clarification"]["options"]} == {"Mira Costrel", "Ysolde Karn"}
    assert answer["kind"] == "answer"
    assert answer["trace"]["stand_alone_question"] == "How old is the president Ysolde Karn?"
    assert answer["sentences"][0]["text"] == KARN


def test_in_the_terminal_the_reply_may_be_a_number(
    service: OpenService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The numbers are those of the options of the last question back."""
    asked_back = service.assistant.answer(Question(text=QUESTION))
    assert isinstance(asked_back, Clarification)
    number = [one.text for one in asked_back.options].index("Ysolde Karn") + 1
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\n{number}\n"))

    Conversation(service.assistant, scope=TimeScope(), mode=Mode.AUTO, as_json=False, trace=False).run()

    printed = capsys.readouterr().out
    assert f"  {number}. Ysolde Karn\n" in printed
    assert f"{KARN} [1]" in printed.partition("> Ysolde Karn\n")[2]


def test_a_question_that_says_which_is_answered(service: OpenService) -> None:
    """Nothing is asked back where the name is there."""
    assert isinstance(service.assistant.answer(Question(text="How old is President Karn?")), CitedAnswer)
