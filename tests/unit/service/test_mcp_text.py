"""What a model reads whose client shows it only text, word for word."""

from datetime import date

from domain.answers import (
    Answer,
    AnswerSentence,
    Citation,
    CitedAnswer,
    Clarification,
    Conflict,
    Option,
    Question,
    Refusal,
    RefusalReason,
    Side,
    Superseded,
    TimeScope,
    Trace,
)
from domain.corpus import DocumentHeader, Span
from service.api.excerpts import excerpt
from service.api.mcp_text import answer_text, passages_text, source_text
from tests.support.records import prepared, ranked


def here(path: str) -> str:
    return f"http://localhost:8000{path}"


QUESTION = Question(text="When does the bridge open?")
TRACE = Trace(stand_alone_question=QUESTION.text, scope=TimeScope())
COPY = DocumentHeader(
    document_id="doc-copy", version=1, content_sha256="0", source_uri="file:///c", publisher="Courier"
)


def citation(mark: int, quote: str, *, speaker: str | None = None, copies: tuple[DocumentHeader, ...] = ()) -> Citation:
    header = DocumentHeader(
        document_id=f"doc-{mark}",
        version=2,
        content_sha256="0",
        source_uri="file:///a",
        title="The bridge",
        publisher="Harbour Gazette",
        published=date(2025, 3, 4),
    )
    return Citation(
        mark=mark,
        header=header,
        passage_id="p",
        span=Span(start=10, end=10 + len(quote)),
        quote=quote,
        speaker=speaker,
        support=1.0,
        copies=copies,
    )


JUNE = citation(1, "It opens\nin June.", speaker="The governor", copies=(COPY,))
JULY = citation(2, "In July.")


def cited(*, superseded: tuple[Superseded, ...] = (), conflicts: tuple[Conflict, ...] = ()) -> Answer:
    return CitedAnswer(
        answer_id="ans_1",
        question=QUESTION,
        mode="extractive",
        sentences=(AnswerSentence(text="In July.", citations=(JULY,)),),
        withheld=(),
        trace=Trace(stand_alone_question=QUESTION.text, scope=TimeScope(), notes=("The chat model was busy.",)),
        superseded=superseded,
        conflicts=conflicts,
    )


def test_an_answer_shows_each_quote_verbatim_with_its_source_and_place() -> None:
    """What was replaced is said and quoted, too; a note comes last."""
    answer = cited(superseded=(Superseded(was="June", now="July", replaced=JUNE, by=JULY),))

    assert (
        answer_text(answer, here)
        == """\
In July. [2]
July [2] holds in place of June [1].

[1] The bridge · Harbour Gazette · 2025-03-04
Said by: The governor
“It opens
in June.”
doc-1 version 2, characters 10–27, http://localhost:8000/sources/doc-1?version=2&start=10&end=27#quote
Also in: Courier

[2] The bridge · Harbour Gazette · 2025-03-04
“In July.”
doc-2 version 2, characters 10–18, http://localhost:8000/sources/doc-2?version=2&start=10&end=18#quote

Note: The chat model was busy."""
    )


def test_a_conflict_names_the_sides() -> None:
    """A model is not left to choose one of them in silence."""
    conflict = Conflict(sides=(Side(value="June", citations=(JUNE,)), Side(value="July", citations=(JULY,))))

    assert "The sources disagree: June [1]; July [2]." in answer_text(cited(conflicts=(conflict,)), here)


def test_a_refusal_says_that_the_nearest_passages_are_no_answer() -> None:
    """A model that only sees quotes would take them for one."""
    refusal = Refusal(
        answer_id="ans_1",
        question=QUESTION,
        reason=RefusalReason.NOT_ANSWERED_BY_THE_RECORD,
        message="The record does not say.",
        nearest=(JULY,),
        trace=TRACE,
    )

    assert answer_text(refusal, here).split("\n\n")[:2] == [
        "The record does not say.\nThe record does not answer this (not_answered_by_the_record).",
        "The nearest passages, which do not answer it:",
    ]


def test_a_question_back_lists_what_may_be_meant_and_says_how_to_go_on() -> None:
    """The options are numbered, and each is quoted."""
    asked = Clarification(
        answer_id="ans_1",
        question=QUESTION,
        asks="Which bridge?",
        options=(Option(text="the northern", citation=JUNE), Option(text="the southern", citation=JULY)),
        trace=TRACE,
    )

    assert answer_text(asked, here).split("\n\n")[0] == (
        "Which bridge?\n1. the northern\n2. the southern\n"
        "Ask again with this question, these words and the reply as history."
    )
    assert "“In July.”" in answer_text(asked, here)


def test_passages_are_numbered_by_rank() -> None:
    """A passage without a title is known by its document."""
    assert passages_text("boats", [ranked("Boats.", document_id="doc-boats")], here) == (
        "1. doc-boats\n“Boats.”\ndoc-boats version 1, characters 0–6, http://localhost:8000/sources/doc-boats?version=1&start=0&end=6#quote"
    )
    assert passages_text("boats", [], here) == "No passage was found for 'boats' in these documents."


def test_part_of_a_source_says_which_part_it_is_and_where_it_goes_on() -> None:
    """Offsets are those of the whole text."""
    document = prepared("doc-long", "x" * 30_000).document

    shown = source_text(document.header, excerpt(document.text, start=4, end=None), characters=30_000)

    assert shown.split("\n\n")[0] == "doc-long\ndoc-long version 1, characters 4–20004 of 30000"
    assert shown.split("\n\n")[2] == "It goes on: ask with start 20004."
