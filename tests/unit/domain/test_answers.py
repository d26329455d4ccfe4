"""Questions, time scopes, and what an answer must hold."""

import re
from datetime import date

import pytest

from domain.answers import AnswerSentence, Citation, Evidence, Question, TimeScope, new_answer_id
from domain.corpus import Citable, DocumentHeader, Passage, Span
from domain.errors import QuestionError

TEXT = "They met. They signed."


def dated(published: date | None, publisher: str | None = None) -> DocumentHeader:
    return DocumentHeader(
        document_id="d", version=1, content_sha256="0", source_uri="file:///d", published=published, publisher=publisher
    )


@pytest.mark.parametrize("text", ["", "  \n", "x" * 8001, "a\x00b", "a\ud800b", "\x1b[31mred"])
def test_a_question_that_is_no_text_is_refused_with_a_remedy(text: str) -> None:
    """Empty, enormous and binary questions name the fault and what to do."""
    with pytest.raises(QuestionError) as caught:
        Question(text=text)

    assert caught.value.hint
    assert caught.value.param == "question"


def test_as_of_hides_later_and_undated_documents() -> None:
    """Only what is known to have been published by then is shown."""
    scope = TimeScope(as_of=date(2025, 2, 6))

    admitted = [scope.admits(dated(day)) for day in (date(2025, 2, 6), date(2025, 2, 7), None)]

    assert admitted == [True, False, False]


def test_the_earlier_of_as_of_and_to_ends_the_range() -> None:
    """`as_of` and `to` both bound the last day."""
    scope = TimeScope(as_of=date(2025, 3, 1), published_to=date(2025, 2, 1))

    assert scope.latest == date(2025, 2, 1)


def test_an_empty_range_is_a_question_error() -> None:
    """A range that ends before it starts can match nothing, so it is a mistake."""
    with pytest.raises(QuestionError, match="time range is empty"):
        TimeScope(published_from=date(2025, 2, 2), published_to=date(2025, 2, 1))


def test_publishers_are_compared_without_case() -> None:
    """`reuters` finds `Reuters`."""
    assert TimeScope(publisher="reuters").admits(dated(None, "Reuters"))
    assert not TimeScope(publisher="reuters").admits(dated(None, None))


def test_a_citation_takes_its_quote_from_the_record() -> None:
    """The quote is cut from the passage, so it cannot differ from it."""
    span = Span(start=0, end=len(TEXT))
    passage = Passage(passage_id="p", document_id="d", version=1, ordinal=0, span=span, text=TEXT, sentences=())
    evidence = Evidence(
        evidence_id="E1", citable=Citable(passage=passage, header=dated(None)), span=Span(start=10, end=22), score=1.0
    )

    citation = Citation.to(evidence, mark=1, support=0.9)

    assert citation.quote == "They signed." == citation.span.of(TEXT)


def test_a_sentence_without_a_citation_cannot_be_shown() -> None:
    """An uncited sentence is not an answer sentence."""
    with pytest.raises(ValueError, match="needs a citation"):
        AnswerSentence(text="They met.", citations=())


def test_answer_ids_do_not_repeat() -> None:
    """Each is `ans_` and 24 hexadecimal digits, and a thousand of them differ."""
    ids = {new_answer_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch("ans_[0-9a-f]{24}", one) for one in ids)
