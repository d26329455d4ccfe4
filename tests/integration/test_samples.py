"""The samples, read from their files: every format arrives, and their questions get the right quotes."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from domain.answers import Answer, CitedAnswer, Question, Refusal, TimeScope
from domain.settings import load_settings
from ingest.parsed import Metadata
from ingest.pipeline import ingest
from ingest.report import IngestReport
from ingest.sources import discover
from service.wiring import OpenService, open_service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
pytestmark = pytest.mark.models

ANSWERED = {
    "Which Chinese leaders did President Zardari meet?": "President Xi Jinping, Premier Li Qiang, and Zhao Leji",
    "What was agreed about ML-1 and the Karakoram Highway?": "in phases and in a secure manner",
    "When will the 14th JCC meeting take place?": "as early as possible",
    "What did both sides say about Gaza?": "welcomed the Gaza ceasefire agreement",
    "Who raised the case of two Corrundian engineers?": "The Chancellor raised the case of two Corrundian engineers",
    "Who raised the fishing crews in Cobalt Sound?": "The president raised the situation of the fishing crews",
    "Who received President Costrel on Lantern Quay?": "Chancellor Maren Istoville received him",
    "Who pays for dredging the Marrick lane?": "Corrundy pays 60 percent",
    "What flow does Haldrane guarantee at Lysk?": "365 cubic metres a second",
    "Is the Tarrow treaty in force?": "not yet in force",
    "How many seats did the Meadow Party win?": "109 of the 215 seats",
}
REFUSED = ("How many billion dollars did China lend?", "What is the capital of France?", "Who won the cricket match?")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> IngestReport:
    """What ingesting the samples said; their record is in the folder named by `_data`."""
    settings = load_settings(data_dir=_data(tmp_path_factory))
    with open_service(settings, access="write") as service:
        return ingest(
            discover([str(SAMPLES)], declared=Metadata(), settings=settings.ingest),
            ledger=service.record.ledger,
            encoder=service.record.encoder,
            publish=service.record.publish,
            settings=settings.ingest,
        )


@pytest.fixture(scope="module")
def service(report: IngestReport, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenService]:
    settings = load_settings(data_dir=_data(tmp_path_factory))
    chat = settings.chat.model_copy(update={"model": "extractive"})
    with open_service(settings.model_copy(update={"chat": chat}), access="read") as opened:
        yield opened


def _data(factory: pytest.TempPathFactory) -> Path:
    return factory.getbasetemp() / "samples-record"


def _quoted(answer: Answer) -> CitedAnswer:
    assert isinstance(answer, CitedAnswer), answer
    return answer


def test_every_file_becomes_documents(report: IngestReport) -> None:
    """Nothing fails, and the two later copies of one wire story are told as copies."""
    assert (report.failed, len(report.added), report.stopped) == ((), 40, None)
    assert [copy.kind for copy in report.copies] == ["near", "near"]


def test_every_format_is_there_with_its_day(service: OpenService) -> None:
    """Text, Markdown, HTML, PDF, Word, mail and feed entries are read, each with its day of publication."""
    headers = service.record.ledger.headers()

    assert set(Counter(header.media_type for header in headers)) == {
        "text/plain",
        "text/markdown",
        "text/html",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "message/rfc822",
        "application/atom+xml",
    }
    assert [header.source_uri for header in headers if header.published is None] == []


@pytest.mark.parametrize(("question", "words"), ANSWERED.items())
def test_questions_are_answered_with_the_right_quote(service: OpenService, question: str, words: str) -> None:
    """The quoted sentences hold the answer, and stand in their documents where they are said to."""
    answer = _quoted(service.assistant.answer(Question(text=question)))

    citations = [citation for sentence in answer.sentences for citation in sentence.citations]
    assert any(words in citation.quote for citation in citations)
    for citation in citations:
        text = service.record.ledger.document(citation.header.document_id).text
        assert citation.span.of(text) == citation.quote


@pytest.mark.parametrize("question", REFUSED)
def test_what_the_samples_do_not_say_is_refused(service: OpenService, question: str) -> None:
    """They speak of credit, capitals and contests, but not of these."""
    assert isinstance(service.assistant.answer(Question(text=question)), Refusal)


def test_an_earlier_day_sees_the_earlier_figure(service: OpenService) -> None:
    """As of the day of the flood only the first, wrong, count is known."""
    asked = Question(text="How many families were moved at Sorrel Gate?", scope=TimeScope(as_of=date(2024, 4, 22)))

    answer = _quoted(service.assistant.answer(asked))

    assert "340 families" in answer.text
    assert {citation.header.published for sentence in answer.sentences for citation in sentence.citations} == {
        date(2024, 4, 22)
    }


def test_copies_of_a_wire_story_are_one_source(service: OpenService) -> None:
    """The sentence that three agencies carried is cited once, with the other two named."""
    answer = _quoted(service.assistant.answer(Question(text="Who received President Costrel on Lantern Quay?")))

    (cited,) = [
        citation
        for sentence in answer.sentences
        for citation in sentence.citations
        if "received him on Lantern Quay" in citation.quote
    ]
    assert {cited.header.publisher, *(copy.publisher for copy in cited.copies)} == {
        "Meridian Wire",
        "Norrland Press",
        "Straits Courier",
    }
