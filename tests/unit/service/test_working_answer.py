from datetime import date

import pytest

from domain.answers import (
    AnswerSentence,
    Citation,
    CitedAnswer,
    PromptUsed,
    Question,
    RefusalReason,
    TimeScope,
    WithheldSentence,
)
from domain.corpus import RankedPassage
from service.answering.decide import Scored
from service.answering.relevance import Asking, Sentence, fit
from service.answering.stopwatch import Stopwatch
from service.answering.understand import Understanding
from service.answering.verify import Supported
from service.answering.working_answer import WorkingAnswer
from tests.support.evidence import evidence

QUESTION = Question(text="And the bridge?")
PIECES = evidence("The bridge opens\n in May.", "Cars pay a toll.")


def working(scope: TimeScope | None = None) -> WorkingAnswer:
    """An answer that was just begun, on a clock that stands still."""
    asked = Understanding(text="When does the bridge open?", scope=scope or TimeScope())
    answering = WorkingAnswer(answer_id="ans_0", question=QUESTION, asked=asked, watch=Stopwatch(lambda: 1.0))
    answering.evidence = PIECES
    answering.passages = tuple(
        RankedPassage(citable=piece.citable, rank=rank, score=0.5) for rank, piece in enumerate(PIECES, start=1)
    )
    return answering


def as_quote(number: int) -> Scored:
    """A piece of evidence as the sentence that it was chosen from."""
    piece = PIECES[number - 1]
    ranked = RankedPassage(citable=piece.citable, rank=number, score=0.5)
    sentence = Sentence(ranked=ranked, span=piece.span, text=piece.text)
    return Scored(fit=fit(Asking.of("When does the bridge open?", [ranked]), sentence, best=0.5), score=0.9)


def test_marks_count_places_not_sentences() -> None:
    """The same words get the same mark wherever they are cited; a new place gets the next one."""
    answering = working()

    answering.cite(Supported(text="Cars pay.", evidence=((PIECES[1], 0.9),)))
    last = answering.cite(Supported(text="It opens, for a toll.", evidence=((PIECES[0], 0.8), (PIECES[1], 0.6))))

    assert last == AnswerSentence(
        text="It opens, for a toll.",
        citations=(Citation.to(PIECES[0], mark=2, support=0.8), Citation.to(PIECES[1], mark=1, support=0.6)),
    )
    answer = answering.cited_answer()
    assert answer.text == "Cars pay. [1] It opens, for a toll. [2] [1]"
    assert answer.mode == "model"


def test_a_quote_stands_on_one_line_and_is_cited_verbatim() -> None:
    """The sentence that is read has its white space tidied, the citation has the record's own."""
    answering = working()

    sentences = answering.quote([as_quote(2), as_quote(1)])

    assert sentences == (
        AnswerSentence(text="Cars pay a toll.", citations=(Citation.to(PIECES[1], mark=1, support=1.0),)),
        AnswerSentence(text="The bridge opens in May.", citations=(Citation.to(PIECES[0], mark=2, support=1.0),)),
    )
    assert sentences[1].citations[0].quote == "The bridge opens\n in May."
    assert answering.cited_answer().mode == "extractive"


def test_the_answer_tells_how_it_was_made() -> None:
    """Everything that was collected is in the answer and its trace, with an id of its own."""
    answering = working()
    answering.cite(Supported(text="Cars pay.", evidence=((PIECES[1], 0.9),)))
    answering.withheld.append(WithheldSentence(text="Lorries fly.", reason="not_supported"))
    answering.notes.append("The model was slow.")
    answering.prompt = PromptUsed(name="answer", version=1, digest="d1")
    answering.model = "local:small"
    answering.tokens = (70, 7)
    answering.answerability = 0.75
    answering.signals = {"near": 0.5, "span": 1.0}

    answer = answering.cited_answer()

    assert isinstance(answer, CitedAnswer)
    assert answer.question == QUESTION
    assert answer.withheld == (WithheldSentence(text="Lorries fly.", reason="not_supported"),)
    trace = answer.trace
    assert (trace.stand_alone_question, trace.scope) == ("When does the bridge open?", TimeScope())
    assert (trace.passages, trace.evidence) == (answering.passages, PIECES)
    assert (trace.answerability, trace.signals) == (0.75, {"near": 0.5, "span": 1.0})
    assert (trace.prompt, trace.model) == (answering.prompt, "local:small")
    assert (trace.prompt_tokens, trace.completion_tokens) == (70, 7)
    assert (trace.notes, trace.timings_ms) == (("The model was slow.",), {"total": 0.0})
    assert answer.answer_id == "ans_0"


def test_an_answer_without_sentences_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="at least one sentence"):
        working().cited_answer()


def test_a_refusal_offers_whole_passages_by_rank() -> None:
    """The nearest passages carry no support: they do not answer."""
    answering = working()
    answering.withheld.append(WithheldSentence(text="Lorries fly.", reason="not_supported"))

    refusal = answering.refusal(RefusalReason.NOT_ANSWERED_BY_THE_RECORD, nearest=1)

    assert refusal.nearest == (Citation.to(PIECES[0], mark=1, support=0.0),)
    assert refusal.reason is RefusalReason.NOT_ANSWERED_BY_THE_RECORD
    assert refusal.message == "The record does not say. The nearest passages are listed."
    assert refusal.withheld == (WithheldSentence(text="Lorries fly.", reason="not_supported"),)
    assert refusal.trace.passages == answering.passages


def test_unless_more_is_known_the_record_does_not_say() -> None:
    """Who looks at the evidence may know a better reason; without one nothing is claimed of the question."""
    assert working().why_not is RefusalReason.NOT_ANSWERED_BY_THE_RECORD


@pytest.mark.parametrize(
    ("reason", "scope", "message"),
    [
        (
            RefusalReason.NO_DOCUMENT,
            TimeScope(),
            "The record holds no documents yet. Bring some in with 'dateline ingest'.",
        ),
        (
            RefusalReason.NOTHING_IN_TIME_SCOPE,
            TimeScope(as_of=date(2024, 5, 1)),
            "The record holds no document published on or before 2024-05-01.",
        ),
        (
            RefusalReason.NOTHING_IN_TIME_SCOPE,
            TimeScope(published_from=date(2024, 5, 1), published_to=date(2024, 6, 1)),
            "The record holds no document published on or after 2024-05-01 and published on or before 2024-06-01.",
        ),
        (
            RefusalReason.NOT_ANSWERED_BY_THE_RECORD,
            TimeScope(publisher="Courier"),
            "The record by the publisher 'Courier' does not say. The nearest passages are listed.",
        ),
        (
            RefusalReason.FALSE_PREMISE,
            TimeScope(as_of=date(2024, 5, 1)),
            "The record gives another figure than the question does. The nearest passages are listed.",
        ),
        (RefusalReason.CONFLICTING, TimeScope(), "The record holds statements that contradict each other."),
    ],
)
def test_a_refusal_says_why(reason: RefusalReason, scope: TimeScope, message: str) -> None:
    """The message names what was looked for, in the words of the request."""
    assert working(scope).refusal(reason, nearest=0).message == message
