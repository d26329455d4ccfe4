"""When a question means one of several, and what the reply to a question back makes of it."""

import pytest

from domain.answers import Question, Turn
from domain.corpus import Reading, Span
from service.answering.clarify import Readings, readings_of
from service.answering.decide import Scored
from service.answering.relevance import Asking, Sentence, fit
from service.answering.understand import understand
from tests.support.records import ranked

QUESTION = "How old is the president?"
COSTREL = "President Mira Costrel is 61 years old."
KARN = "President Ysolde Karn is 47 years old."


def scored(text: str, *, answers: float = 2.0, score: float = 0.6) -> Scored:
    """A sentence of a document of its own, whose whole text the reader takes for an answer."""
    span = Span(start=0, end=len(text))
    found = ranked(text)
    reading = Reading(answers=answers, span=span, span_score=3.0, sentences=(1.0,) * len(found.passage.sentences))
    found = type(found)(citable=found.citable, rank=1, score=0.0, reading=reading)
    return Scored(fit=fit(Asking.of(QUESTION, []), Sentence(ranked=found, span=span, text=text), best=0.0), score=score)


def readings(*candidates: Scored, question: str = QUESTION) -> Readings | None:
    return readings_of(Asking.of(question, []), candidates)


def test_two_of_a_kind_that_both_answer_are_two_readings() -> None:
    """The question back names them, the likeliest first."""
    found = readings(scored(COSTREL), scored(KARN, score=0.5))

    assert found is not None
    assert found.question == "Which president do you mean: Mira Costrel or Ysolde Karn?"


@pytest.mark.parametrize(
    ("question", "candidates"),
    [
        (QUESTION, [scored(COSTREL)]),  # Only one is known.
        (QUESTION, [scored(COSTREL), scored("President Costrel turned 61 on Monday.")]),  # Both are the same.
        (QUESTION, [scored(COSTREL), scored(KARN, score=0.1)]),  # The second is far less likely.
        (QUESTION, [scored(COSTREL), scored(KARN, answers=-2.0)]),  # It does not answer.
        (QUESTION, [scored(COSTREL), scored("She is 47 years old.")]),  # It names nobody.
        ("How old is President Costrel?", [scored(COSTREL), scored(KARN)]),  # Says which.
        ("How old is the president of Velmark?", [scored(COSTREL), scored(KARN)]),
        ("How old is the Velmari president?", [scored(COSTREL), scored(KARN)]),
        ("How old was the president in 2024?", [scored(COSTREL), scored(KARN)]),
        ("Who is 61 years old?", [scored(COSTREL), scored(KARN)]),  # Calls nothing by its kind.
    ],
)
def test_otherwise_nothing_is_asked_back(question: str, candidates: list[Scored]) -> None:
    """A question that says what it means, or of which the record knows one sense, is answered."""
    assert readings(*candidates, question=question) is None


@pytest.mark.parametrize(
    ("reply", "stand_alone"),
    [
        ("Ysolde Karn", "How old is the president Ysolde Karn?"),
        ("the Velmari one", "How old is the Velmari president?"),
        ("I mean Karn.", "How old is the president Karn?"),
        ("Who is Mira Costrel?", "Who is Mira Costrel?"),  # A new question.
    ],
)
def test_a_reply_completes_the_question_that_was_not_clear(reply: str, stand_alone: str) -> None:
    """State travels in the history: the question, and what was asked back."""
    history = (
        Turn(role="user", text=QUESTION),
        Turn(role="assistant", text="Which president do you mean: Mira Costrel or Ysolde Karn?"),
    )

    assert understand(Question(text=reply, history=history)).text == stand_alone


def test_what_follows_refers_to_the_completed_question() -> None:
    """The reply is remembered for the next follow-up."""
    history = (
        Turn(role="user", text=QUESTION),
        Turn(role="assistant", text="Which president do you mean: Mira Costrel or Ysolde Karn?"),
        Turn(role="user", text="Karn"),
        Turn(role="assistant", text="President Ysolde Karn is 47 years old. [1]"),
    )

    assert "Karn" in understand(Question(text="And when was she elected?", history=history)).text
