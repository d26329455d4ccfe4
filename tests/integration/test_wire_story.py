"""The story that Dateline started from: its questions get the right quotes, and what it does not say is refused.

The story is not in this repository; its words are named here only as far as a quote must hold them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.answers import Answer, CitedAnswer, Mode, Question, Refusal
from domain.errors import ModelFileError
from domain.settings import Settings, load_settings
from ingest.parsed import Metadata
from ingest.pipeline import ingest
from ingest.sources import discover
from retriever.models import ModelRegistry, locate
from service.wiring import OpenService, open_service

ANSWERED = {
    "Which Chinese leaders did President Zardari meet?": ("Xi Jinping", "Li Qiang", "Zhao Leji"),
    "What did the two sides agree about ML-1 and the Karakoram Highway?": ("ML-1", "Karakoram Highway", "consensus"),
    "What is Pakistan's position on Taiwan?": ("one-China principle", "Taiwan"),
    "When will the 14th JCC meeting be held?": ("14th JCC", "as early as possible"),
    "What did they say about the ceasefire in Gaza?": ("ceasefire", "Gaza", "welcomed"),
    "Which health projects did Pakistan thank China for?": ("congenital heart disease", "health kits"),
    "Who invited whom to visit?": ("Zardari", "invited", "Xi Jinping"),
}
REFUSED = (
    "How many billion dollars did China lend Pakistan?",
    "What is the capital of France?",
    "Who won the cricket match?",
)


@pytest.fixture(scope="module")
def settings(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A record that holds the story alone, read as any file is."""
    made = load_settings(data_dir=tmp_path_factory.mktemp("story"))
    with open_service(_extractive(made), access="write") as service:
        report = ingest(
            discover([str(shared / "seeds")], declared=Metadata(), settings=made.ingest),
            ledger=service.record.ledger,
            encoder=service.record.encoder,
            publish=service.record.publish,
            settings=made.ingest,
        )
    assert (len(report.added), report.failed) == (1, ())
    return made


@pytest.fixture(scope="module")
def quoting(settings: Settings) -> Iterator[OpenService]:
    with open_service(_extractive(settings), access="write") as service:
        yield service


@pytest.fixture(scope="module")
def writing(settings: Settings) -> Iterator[OpenService]:
    try:
        locate(ModelRegistry.load().first("chat").name, settings.models.folder)
    except ModelFileError as error:
        pytest.skip(f"{error.message}. {error.hint}")
    with open_service(settings, access="read") as service:
        yield service


def _extractive(settings: Settings) -> Settings:
    return settings.model_copy(update={"chat": settings.chat.model_copy(update={"model": "extractive"})})


def _quotes(service: OpenService, answer: Answer) -> str:
    """All quotes of an answer, each checked against the text of its document."""
    assert isinstance(answer, CitedAnswer), answer
    citations = [citation for sentence in answer.sentences for citation in sentence.citations]
    for citation in citations:
        document = service.record.ledger.document(citation.header.document_id, citation.header.version)
        assert citation.span.of(document.text) == citation.quote
    return " ".join(citation.quote for citation in citations)


@pytest.mark.models
def test_the_header_of_the_story_is_read(quoting: OpenService) -> None:
    """Day, place and publisher come from its first line."""
    (header,) = quoting.record.ledger.headers()

    assert (str(header.published), header.place) == ("2025-02-06", "BEIJING")
    assert "UrduPoint" in (header.publisher or "")


@pytest.mark.models
@pytest.mark.parametrize(("question", "words"), ANSWERED.items())
def test_the_story_is_quoted(quoting: OpenService, question: str, words: tuple[str, ...]) -> None:
    """Each question is answered by the sentences that hold the answer."""
    quotes = _quotes(quoting, quoting.assistant.answer(Question(text=question)))

    assert [word for word in words if word not in quotes] == []


@pytest.mark.models
@pytest.mark.parametrize("question", REFUSED)
def test_what_the_story_does_not_say_is_refused(quoting: OpenService, question: str) -> None:
    """Near words are not an answer."""
    assert isinstance(quoting.assistant.answer(Question(text=question)), Refusal)


@pytest.mark.chat_model
@pytest.mark.parametrize(("question", "words"), ANSWERED.items())
def test_the_local_model_writes_what_the_story_says(
    writing: OpenService, question: str, words: tuple[str, ...]
) -> None:
    """Composed sentences carry the quotes that support them."""
    answer = writing.assistant.answer(Question(text=question, mode=Mode.MODEL))

    quotes = _quotes(writing, answer)
    assert any(word in quotes for word in words)
    assert answer.trace.model


@pytest.mark.chat_model
@pytest.mark.parametrize("question", REFUSED)
def test_the_local_model_does_not_fill_the_silence(writing: OpenService, question: str) -> None:
    """What the record does not say is refused before a model is asked, or by it."""
    assert isinstance(writing.assistant.answer(Question(text=question, mode=Mode.MODEL)), Refusal)
