"""What a reader sees on a terminal, word for word."""

from dataclasses import replace
from datetime import date

from cli.answer_text import passage_text, refusal_text, remarks_text, sentence_text, sources_text, trace_text
from domain.answers import (
    AnswerSentence,
    Citation,
    CitedAnswer,
    Conflict,
    EventDate,
    PromptUsed,
    Question,
    Refusal,
    RefusalReason,
    Side,
    Superseded,
    TimeScope,
    Trace,
    WithheldSentence,
)
from domain.corpus import DocumentHeader, Span
from tests.support.evidence import evidence
from tests.support.records import ranked

QUESTION = Question(text="When does the bridge open?")
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
        place="TORVAL",
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


def cited(*sentences: AnswerSentence, withheld: int = 0, notes: tuple[str, ...] = ()) -> CitedAnswer:
    return CitedAnswer(
        answer_id="ans_1",
        question=QUESTION,
        mode="extractive",
        sentences=sentences,
        withheld=(WithheldSentence(text="It never opens.", reason="not_supported"),) * withheld,
        trace=Trace(
            stand_alone_question=QUESTION.text, scope=TimeScope(), notes=notes, timings_ms={"write": 2, "total": 1234.0}
        ),
    )


def test_a_sentence_is_followed_by_its_marks() -> None:
    sentence = AnswerSentence(text="It opens in April.", citations=(citation(1, "In April."), citation(3, "April.")))

    assert sentence_text(sentence) == "It opens in April. [1] [3]"


def test_sources_name_place_speaker_quote_offsets_and_copies_once_per_mark() -> None:
    first, second = citation(1, "It opens\nin April."), citation(2, "Soon.", speaker="The mayor", copies=(COPY,))
    answer = cited(
        AnswerSentence(text="Soon.", citations=(second, first)), AnswerSentence(text="In April.", citations=(first,))
    )

    assert (
        sources_text(answer)
        == """\
[1] The bridge · Harbour Gazette · 2025-03-04 · TORVAL
    > It opens
    > in April.
    doc-1 version 2, characters 10–28

[2] The bridge · Harbour Gazette · 2025-03-04 · TORVAL
    Speaker: The mayor
    > Soon.
    doc-2 version 2, characters 10–15
    Also in: Courier"""
    )


def test_a_refusal_gives_message_reason_and_the_nearest_passages() -> None:
    refusal = Refusal(
        answer_id="ans_1",
        question=QUESTION,
        reason=RefusalReason.NOT_ANSWERED_BY_THE_RECORD,
        message="The record does not say.",
        nearest=(citation(1, "The bridge is long."),),
        trace=Trace(stand_alone_question=QUESTION.text, scope=TimeScope()),
    )

    assert (
        refusal_text(refusal)
        == """\
The record does not say.
Reason: not_answered_by_the_record

Nearest passages:

[1] The bridge · Harbour Gazette · 2025-03-04 · TORVAL
    > The bridge is long.
    doc-1 version 2, characters 10–29"""
    )
    assert remarks_text(refusal) == "Not answered in 0.0 s."


def test_remarks_tell_the_way_the_time_what_was_withheld_and_notes() -> None:
    sentence = AnswerSentence(text="In April.", citations=(citation(1, "In April."),))

    assert [
        remarks_text(cited(sentence)),
        remarks_text(cited(sentence, withheld=2, notes=("The model was slow.",))),
    ] == [
        "Quoted from the record in 1.2 s.",
        (
            "Quoted from the record in 1.2 s. 2 sentences that the record does not support were withheld. "
            "The model was slow."
        ),
    ]


def test_a_trace_shows_search_scope_passages_evidence_prompt_and_times() -> None:
    (piece,) = evidence("The bridge opens in April.")
    trace = Trace(
        stand_alone_question="When does the bridge open?",
        scope=TimeScope(as_of=date(2025, 3, 4), publisher="Gazette"),
        passages=(ranked("The bridge opens in April."),),
        evidence=(piece,),
        prompt=PromptUsed(name="answer", version=1, digest="abc"),
        model="local:small",
        prompt_tokens=200,
        completion_tokens=10,
        timings_ms={"retrieve": 3.4, "total": 9.6},
    )

    assert (
        trace_text(trace)
        == """\
Searched for: When does the bridge open?
Scope: as of 2025-03-04, by Gazette
Passage 1: (0.0000) The bridge opens in April. version 1: The bridge opens in April.
Evidence E1 (1.00): The bridge opens in April.
Prompt: answer v1, abc
Model: local:small, 200 tokens read, 10 written
Milliseconds: retrieve 3, total 10"""
    )


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    """A document cannot recolour the screen, move the cursor or reverse the text that is read."""
    hostile = ranked("Pay \x1b[2J\u202e now.\r", document_id="doc-1")

    assert (
        passage_text(hostile)
        == "1. doc-1\n    > Pay \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} now.\N{REPLACEMENT CHARACTER}\n"
        "    doc-1 version 1, characters 0–15"
    )


def test_what_was_replaced_and_what_is_disputed_stands_above_the_sources() -> None:
    """Each value with the marks of who says it, and those places among the sources."""
    new, old, other = (
        citation(1, "It opens in June."),
        citation(2, "It opens in May."),
        citation(3, "It opens in July."),
    )
    answer = replace(
        cited(AnswerSentence(text="It opens in June.", citations=(new,))),
        superseded=(Superseded(was="May", now="June", replaced=old, by=new),),
        conflicts=(Conflict(sides=(Side(value="June", citations=(new,)), Side(value="July", citations=(other,)))),),
    )

    told, first, *_ = sources_text(answer).split("\n\n")
    assert told == "June [1] holds in place of May [2].\nThe sources disagree: June [1]; July [3]."
    assert first.startswith("[1] The bridge")
    assert all(f"[{mark}] The bridge" in sources_text(answer) for mark in (2, 3))


def test_the_days_that_a_quote_speaks_of_stand_beside_it() -> None:
    """Those that are not the day it was published."""
    span = Span(start=10, end=14)
    days = (
        EventDate(span=span, first=date(2025, 4, 1), last=date(2025, 4, 30)),
        EventDate(span=span, first=date(2025, 3, 4), last=date(2025, 3, 4)),
        EventDate(span=span, first=date(2025, 3, 3), last=date(2025, 3, 3)),
    )
    answer = cited(AnswerSentence(text="In April.", citations=(replace(citation(1, "In April."), event_dates=days),)))

    assert "    Speaks of: 2025-04-01 to 2025-04-30, 2025-03-03\n" in sources_text(answer)
