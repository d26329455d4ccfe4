"""The assistant over a real ledger and real indexes: what is answered, refused, withheld, and told of it."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from domain.answers import Answer, CitedAnswer, Evidence, Mode, Question, Refusal, RefusalReason, TimeScope, Turn
from domain.errors import ChatModelError, QuestionError
from domain.events import AnswerEvent, Done, EvidenceChosen, PassagesFound, SentenceVerified, Understood
from domain.patience import Patience
from domain.ports import DraftPart, DraftSentence
from retriever.wiring import Record
from service.answering.prompt_text import shown_sizes
from tests.support.assistants import HALF_THE_WORDS, assistant_over, record_of
from tests.support.chat_models import PlayedModel
from tests.support.records import prepared

BRIDGE = "The governor said that the northern bridge would open in June."
LOAN = "Tarrow will lend the valley 87 million crowns for the bridge."
DAM = "Engineers inspected the old dam."


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    documents = [
        prepared("bridge", BRIDGE, LOAN, published=date(2024, 3, 1), publisher="Harbour Gazette"),
        prepared("dam", DAM, published=date(2024, 5, 1), publisher="Valley Post"),
    ]
    with record_of(tmp_path, documents) as opened:
        yield opened


def _answer(record: Record, question: Question, chat: PlayedModel | None = None) -> Answer:
    answer = assistant_over(record, chat=chat).answer(question)
    for sentence in answer.sentences if isinstance(answer, CitedAnswer) else ():
        for citation in sentence.citations:
            document = record.ledger.document(citation.header.document_id, citation.header.version)
            assert citation.span.of(document.text) == citation.quote
    return answer


def _refusal(answer: Answer) -> Refusal:
    assert isinstance(answer, Refusal)
    return answer


def _cited(answer: Answer) -> CitedAnswer:
    assert isinstance(answer, CitedAnswer)
    return answer


def test_without_a_model_the_record_is_quoted(record: Record) -> None:
    """An extractive answer is the sentence as it stands, with its place."""
    answer = _cited(_answer(record, Question(text="When will the northern bridge open?")))

    assert (answer.mode, answer.text) == ("extractive", f"{BRIDGE} [1]")
    assert answer.sentences[0].citations[0].header.publisher == "Harbour Gazette"


def test_events_come_in_the_order_of_the_work(record: Record) -> None:
    """Evidence is shown before a sentence is written, and the last event holds the whole answer."""
    events = list(assistant_over(record).events(Question(text="When will the northern bridge open?")))

    assert [type(event) for event in events] == [Understood, PassagesFound, EvidenceChosen, SentenceVerified, Done]
    assert {"understand", "retrieve", "evidence", "write", "verify", "total"} == set(_done(events).trace.timings_ms)


async def test_the_chain_streams_the_same_events(record: Record) -> None:
    """The LangChain runnable yields what the generator yields, in threads or not."""
    assistant, question = assistant_over(record), Question(text="When will the northern bridge open?")
    expected = [type(event) for event in assistant.events(question)]

    streamed = [event async for event in assistant.chain.astream(question)]

    assert [type(event) for event in streamed] == expected
    assert [type(event) for event in assistant.chain.stream(question)] == expected


def test_an_answer_has_the_id_that_was_announced(record: Record) -> None:
    """Who must name an answer before it is written says how it is to be called; otherwise it has an id of its own."""
    assistant, question = assistant_over(record), Question(text="When will the northern bridge open?")

    named = [event.answer for event in assistant.events(question, answer_id="ans_7") if isinstance(event, Done)]

    assert [answer.answer_id for answer in named] == ["ans_7"]
    assert assistant.answer(question).answer_id != assistant.answer(question).answer_id


def test_a_model_writes_and_its_sentences_are_bound_to_quotes(record: Record) -> None:
    """A supported sentence is shown as it was written, with the words that support it."""
    chat = PlayedModel(sentences=[("The northern bridge will open in June, the governor said.", ("E1",))])

    answer = _cited(_answer(record, Question(text="When will the northern bridge open?"), chat))

    assert (answer.mode, answer.text) == ("model", "The northern bridge will open in June, the governor said. [1]")
    assert answer.sentences[0].citations[0].quote == BRIDGE
    assert (answer.trace.model, answer.trace.prompt_tokens, answer.trace.completion_tokens) == ("played", 40, 9)


def test_a_changed_number_is_withheld(record: Record) -> None:
    """What the cited words do not say is not shown, and the reader is told."""
    chat = PlayedModel(
        sentences=[
            ("Tarrow will lend the valley 85 million crowns for the bridge.", ("E1",)),
            ("Tarrow will lend the valley 87 million crowns for the bridge.", ("E1",)),
        ]
    )

    answer = _cited(_answer(record, Question(text="How many million crowns will Tarrow lend the valley?"), chat))

    assert answer.text == f"{LOAN} [1]"
    assert [(withheld.text, withheld.reason) for withheld in answer.withheld] == [
        ("Tarrow will lend the valley 85 million crowns for the bridge.", "number_not_in_source")
    ]


def test_when_nothing_the_model_wrote_stands_the_record_is_quoted(record: Record) -> None:
    """The reader gets the quote, a note, and what was withheld."""
    chat = PlayedModel(sentences=[("The bridge was opened by Queen Sabeth.", ("E1",))])

    answer = _cited(_answer(record, Question(text="When will the northern bridge open?"), chat))

    assert (answer.mode, answer.text) == ("extractive", f"{BRIDGE} [1]")
    assert len(answer.withheld) == 1
    assert "supported" in answer.trace.notes[0]


def test_a_failing_model_costs_no_answer(record: Record) -> None:
    """Model down: the record is quoted, and a note says why."""
    chat = PlayedModel(error=ChatModelError("The endpoint cannot be reached", hint="See that it runs."))

    answer = _cited(_answer(record, Question(text="When will the northern bridge open?"), chat))

    assert answer.mode == "extractive"
    assert answer.trace.notes == (
        "The endpoint cannot be reached. The answer quotes the record instead. See that it runs.",
    )


def test_a_model_that_breaks_off_keeps_what_was_shown(record: Record) -> None:
    """Nothing is taken back: the verified sentence stands, and a note says that the model failed."""
    chat = PlayedModel(
        sentences=[("The northern bridge will open in June, the governor said.", ("E1",))],
        error=ChatModelError("The endpoint broke off", hint="See its log."),
    )

    answer = _cited(_answer(record, Question(text="When will the northern bridge open?"), chat))

    assert (answer.mode, answer.text) == ("model", "The northern bridge will open in June, the governor said. [1]")
    assert answer.trace.notes == ("The endpoint broke off. What it had written before stands. See its log.",)


def test_the_best_evidence_is_quoted_where_the_model_left_it_out(record: Record) -> None:
    """What the reader takes for the answer and what the model wrote are both shown."""
    chat = PlayedModel(sentences=[("Tarrow will lend the valley 87 million crowns.", ("E2",))])

    answer = _cited(_answer(record, Question(text="When will the northern bridge open, governor of the valley?"), chat))

    assert answer.mode == "model"
    assert [sentence.text for sentence in answer.sentences] == [
        "Tarrow will lend the valley 87 million crowns.",
        BRIDGE,
    ]


def test_a_sentence_is_shown_before_the_model_has_ended(record: Record) -> None:
    """The first one is verified and handed on while the second is still being written."""
    written: list[str] = []

    class SlowModel(PlayedModel):
        def write(
            self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
        ) -> Generator[DraftPart, None, None]:
            for part in super().write(question, evidence):
                written.append(type(part).__name__)
                yield part

    chat = SlowModel(sentences=[("The northern bridge will open in June.", ("E1",))] * 2)
    events = assistant_over(record, chat=chat).events(Question(text="When will the northern bridge open?"))

    next(event for event in events if isinstance(event, SentenceVerified))

    assert written == ["DraftSentence"]


def test_who_stops_listening_stops_the_model(record: Record) -> None:
    """The model is not left writing for nobody."""
    stopped: list[bool] = []

    class WatchedModel(PlayedModel):
        def write(
            self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
        ) -> Generator[DraftPart, None, None]:
            try:
                yield from super().write(question, evidence)
            except GeneratorExit:
                stopped.append(True)
                raise

    chat = WatchedModel(sentences=[("The northern bridge will open in June.", ("E1",))] * 2)
    events = assistant_over(record, chat=chat).events(Question(text="When will the northern bridge open?"))
    next(event for event in events if isinstance(event, SentenceVerified))

    cast("Generator[AnswerEvent, None, None]", events).close()

    assert stopped == [True]


def _within(record: Record, seconds: float, chat: PlayedModel) -> CitedAnswer:
    asked = Question(text="When will the northern bridge open?")
    *_, done = assistant_over(record, chat=chat).events(asked, Patience(seconds))
    assert isinstance(done, Done)
    return _cited(done.answer)


def test_a_deadline_too_near_for_a_model_leaves_it_out(record: Record) -> None:
    """The record is quoted, and the answer says why."""
    chat = PlayedModel(sentences=[("The northern bridge will open in June.", ("E1",))])

    answer = _within(record, 0.9, chat)

    assert (answer.mode, chat.asked) == ("extractive", [])
    assert "The deadline left no time for the chat model; the answer quotes the record instead." in answer.trace.notes


def test_a_deadline_that_leaves_hardly_any_time_leaves_out_close_reading(record: Record) -> None:
    """What was found stays in its order, and is answered from all the same."""
    answer = _within(record, 0.01, PlayedModel())

    assert answer.sentences[0].text == BRIDGE
    assert all(found.reading is None for found in answer.trace.passages)
    assert answer.trace.answerability is None
    assert (
        "The deadline left no time to read the passages closely, nor to judge whether they answer."
        in answer.trace.notes
    )


def test_a_model_that_writes_beyond_the_deadline_is_left(record: Record) -> None:
    """What it had written stands."""

    class EndlessModel(PlayedModel):
        def write(
            self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
        ) -> Generator[DraftPart, None, None]:
            assert patience is not None
            for text, ids in self.sentences:
                yield DraftSentence(text=text, evidence_ids=ids)
            patience.leave()
            raise ChatModelError("The chat model took longer than 60 s", hint="Raise the limit.")

    answer = _within(record, 60, EndlessModel(sentences=[("The northern bridge will open in June.", ("E1",))]))

    assert answer.text == "The northern bridge will open in June. [1]"
    assert answer.trace.notes == ("The deadline came while the chat model wrote. What it had written before stands.",)


def test_a_sentence_that_is_written_twice_is_shown_once(record: Record) -> None:
    """Small models repeat themselves."""
    chat = PlayedModel(sentences=[("The northern bridge will open in June.", ("E1",))] * 2)

    answer = _cited(_answer(record, Question(text="When will the northern bridge open?"), chat))

    assert answer.text == "The northern bridge will open in June. [1]"


def test_a_model_that_finds_no_answer_is_believed(record: Record) -> None:
    """No sentences means that the evidence does not say it."""
    refusal = _refusal(_answer(record, Question(text="When will the northern bridge open?"), PlayedModel()))

    assert refusal.reason is RefusalReason.NOT_ANSWERED_BY_THE_RECORD


def test_extractive_mode_does_not_ask_the_model(record: Record) -> None:
    """The request decides."""
    chat = PlayedModel()

    answer = _answer(record, Question(text="When will the northern bridge open?", mode=Mode.EXTRACTIVE), chat)

    assert (_cited(answer).mode, chat.asked) == ("extractive", [])


def test_model_mode_without_a_model_says_so(record: Record) -> None:
    """A reader who asked for prose learns why there are quotes."""
    answer = _cited(_answer(record, Question(text="When will the northern bridge open?", mode=Mode.MODEL)))

    assert answer.trace.notes == ("No chat model is set up; the answer quotes the record instead.",)


def test_every_piece_of_evidence_given_to_the_model_is_in_the_trace(record: Record) -> None:
    """Nothing is hidden from the reader."""
    chat = PlayedModel(sentences=[("The northern bridge will open in June.", ("E1",))])

    answer = _answer(record, Question(text="When will the northern bridge open?"), chat)

    assert chat.asked == [(answer.trace.stand_alone_question, answer.trace.evidence)]
    assert {piece.citable.passage.passage_id for piece in answer.trace.evidence} <= {
        ranked.passage.passage_id for ranked in answer.trace.passages
    }


@pytest.mark.parametrize(
    "question", ["What is the capital of France?", "Who won the cricket match?", "How tall is the lighthouse at Sund?"]
)
def test_what_the_record_does_not_say_is_refused(record: Record, question: str) -> None:
    """A refusal is typed and offers the nearest passages, verbatim."""
    refusal = _refusal(_answer(record, Question(text=question)))

    assert refusal.reason is RefusalReason.NOT_ANSWERED_BY_THE_RECORD
    assert refusal.nearest
    assert all(citation.quote in {BRIDGE, LOAN, DAM} for citation in refusal.nearest)


def test_only_evidence_nearly_as_good_as_the_best_is_shown(record: Record) -> None:
    """What says nothing of the question would only lengthen the prompt, though it was found."""
    answer = _answer(record, Question(text="When will the northern bridge open?"))

    assert [piece.text for piece in answer.trace.evidence] == [BRIDGE]
    assert {ranked.passage.text for ranked in answer.trace.passages} == {BRIDGE, LOAN, DAM}


def test_a_refusal_of_a_question_that_takes_a_wrong_figure_for_granted_says_so(record: Record) -> None:
    """The record says 87 where the question says 85; a question that gives no figure is only not answered."""
    wrong = _refusal(
        _answer(record, Question(text="Why will Tarrow lend the valley 85 million crowns?"), PlayedModel())
    )
    open_question = _refusal(_answer(record, Question(text="Why will Tarrow lend the valley crowns?"), PlayedModel()))

    assert wrong.reason is RefusalReason.FALSE_PREMISE
    assert "another figure" in wrong.message
    assert wrong.nearest[0].quote == LOAN
    assert open_question.reason is RefusalReason.NOT_ANSWERED_BY_THE_RECORD


def test_what_a_question_says_is_no_evidence(record: Record) -> None:
    """The model repeats "gleaming" from the question; the record's sentence is shown, and what was written is told."""
    written = "The gleaming northern bridge will open in June, the governor said."
    chat = PlayedModel(sentences=[(written, ("E1",))])

    answer = _answer(record, Question(text="When will the gleaming northern bridge open?"), chat)

    assert isinstance(answer, CitedAnswer)
    assert [sentence.text for sentence in answer.sentences] == [BRIDGE]
    assert [(one.text, one.reason) for one in answer.withheld] == [(written, "words_of_the_question")]


def test_a_question_after_a_happening_that_the_record_does_not_tell_of_is_refused(record: Record) -> None:
    """The loan stands in the record, and no veto; the refusal names what was not found."""
    refusal = _refusal(
        _answer(record, Question(text="Why did Tarrow veto the loan to the valley of 87 million crowns?"))
    )

    assert refusal.reason is RefusalReason.NOT_ANSWERED_BY_THE_RECORD
    assert "'veto'" in refusal.message


def test_a_wrong_figure_alone_refuses_nothing(record: Record) -> None:
    """Who asks with the wrong figure and can be answered reads the right one."""
    answer = _cited(_answer(record, Question(text="Will Tarrow lend the valley 85 million crowns?")))

    assert answer.text == f"{LOAN} [1]"


def test_the_trace_says_what_the_decision_and_the_prompt_were_made_of(record: Record) -> None:
    """Each signal by name, and the characters that the evidence and the question took."""
    chat = PlayedModel(sentences=[("The northern bridge will open in June.", ("E1",))])

    trace = _answer(record, Question(text="When will the northern bridge open?"), chat).trace

    assert trace.signals.keys() == {"near", "span", "passage"}
    assert trace.answerability == pytest.approx(HALF_THE_WORDS.probability(trace.signals))
    assert trace.prompt is not None
    assert trace.prompt.parts == shown_sizes(trace.evidence, trace.stand_alone_question)


def test_an_empty_record_says_that_it_is_empty(tmp_path: Path) -> None:
    """Nothing ingested is another thing than nothing found."""
    with record_of(tmp_path, []) as empty:
        refusal = _refusal(_answer(empty, Question(text="When will the northern bridge open?")))

    assert refusal.reason is RefusalReason.NO_DOCUMENT


def test_later_documents_do_not_answer_an_earlier_question(record: Record) -> None:
    """`as_of` hides what was not yet published, also when the question states the day."""
    scope = TimeScope(as_of=date(2024, 4, 1))

    by_request = _answer(record, Question(text="Who inspected the old dam?", scope=scope))
    by_question = _answer(record, Question(text="Who inspected the old dam as of 1 April 2024?"))
    later = _answer(record, Question(text="Who inspected the old dam?"))

    assert (_refusal(by_request).trace.scope, _refusal(by_question).trace.scope) == (scope, scope)
    assert _cited(later).text == f"{DAM} [1]"


def test_a_scope_without_documents_is_a_reason_of_its_own(record: Record) -> None:
    """The reader learns that the time scope, not the record, is empty."""
    refusal = _refusal(
        _answer(record, Question(text="Who inspected the dam?", scope=TimeScope(as_of=date(2020, 1, 1))))
    )

    assert (refusal.reason, refusal.message) == (
        RefusalReason.NOTHING_IN_TIME_SCOPE,
        "The record holds no document published on or before 2020-01-01.",
    )


def test_contradicting_dates_are_an_error_of_the_question(record: Record) -> None:
    """A day stated in the question that the request's range excludes is named."""
    question = Question(
        text="Who inspected the dam as of 1 April 2024?", scope=TimeScope(published_from=date(2024, 6, 1))
    )

    with pytest.raises(QuestionError, match="empty"):
        _answer(record, question)


def test_a_follow_up_is_answered_with_the_question_before_it(record: Record) -> None:
    """The trace shows the stand-alone question that was searched for."""
    history = (Turn(role="user", text="When will the northern bridge open?"), Turn(role="assistant", text="In June."))

    answer = _cited(_answer(record, Question(text="Who said that?", history=history)))

    assert "bridge" in answer.trace.stand_alone_question
    assert answer.sentences[0].citations[0].speaker == answer.trace.evidence[0].speaker


def test_a_deleted_document_is_not_cited(record: Record) -> None:
    """From the moment it is deleted, its words answer nothing."""
    record.ledger.delete("bridge")

    answer = _answer(record, Question(text="When will the northern bridge open?"))

    assert isinstance(answer, Refusal)


def test_each_answer_is_kept_before_it_is_handed_out(record: Record) -> None:
    """Receipts hold answers and refusals under the ids that the reader sees."""
    kept: list[Answer] = []
    assistant = assistant_over(record, kept=kept)

    given = [assistant.answer(Question(text=text)) for text in ("When will the bridge open?", "Who won the match?")]

    assert kept == given


def _done(events: list[AnswerEvent]) -> Answer:
    last = events[-1]
    assert isinstance(last, Done)
    return last.answer
