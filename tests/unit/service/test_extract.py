import math

import pytest

from domain.corpus import Span
from service.answering.decide import Scored
from service.answering.extract import choose_quotes, without_repeats
from service.answering.relevance import Asking, Sentence, fit
from tests.support.records import ranked

ASKING = Asking.of("When does the Orrin bridge open and what is the toll?", [])
BRIDGE = "The Orrin bridge will open in May."
AGAIN = "In May the Orrin bridge will be open."
TOLL = "Cars pay a toll of two crowns."
FERRY = "Ferries sail at dawn from Costrel."


def scored(text: str, *, below: float = 0.0, document: str | None = None, start: int = 0) -> Scored:
    """A sentence with a relevance, as many log-odds below 0.9, at a place of a document."""
    span = Span(start=start, end=start + len(text))
    sentence = Sentence(ranked=ranked(text, document_id=document or text), span=span, text=text)
    odds = 9.0 * math.exp(-below)
    return Scored(fit=fit(ASKING, sentence, best=0.0), score=odds / (1 + odds))


def quoted(*candidates: Scored, limit: int = 3, asking: Asking = ASKING) -> list[str]:
    """The texts that are quoted, in order."""
    return [one.fit.text for one in choose_quotes(asking, candidates, limit=limit)]


def test_the_best_sentence_is_always_quoted() -> None:
    """However weak it is; whether it is enough is decided elsewhere."""
    assert quoted(scored(FERRY, below=9.0)) == [FERRY]
    assert quoted() == []


def test_what_is_nearly_as_relevant_is_quoted_too() -> None:
    assert quoted(scored(BRIDGE), scored(FERRY, below=1.1)) == [BRIDGE, FERRY]


def test_what_is_far_less_relevant_is_not() -> None:
    assert quoted(scored(BRIDGE), scored(FERRY, below=1.3)) == [BRIDGE]


@pytest.mark.parametrize("certainty", [-9.0, -4.0, 4.0])
def test_sentences_are_compared_by_their_odds(certainty: float) -> None:
    """Near certainty 0.997 and 0.990 look alike, and of what is hardly likely 0.002 and 0.0006; the odds are 1 to 3."""
    best, near, far = (
        scored(text, below=below - certainty) for text, below in ((BRIDGE, 0.0), (FERRY, 1.1), (FERRY, 1.3))
    )

    assert quoted(best, near) == [BRIDGE, FERRY]
    assert quoted(best, far) == [BRIDGE]


@pytest.mark.parametrize(
    "question",
    [
        "How does the Orrin bridge look?",
        "Why was the Orrin bridge built?",
        "What did the minister say when asked about the Orrin bridge?",
        "Tell me about the Orrin bridge.",
    ],
)
def test_an_answer_to_an_open_question_takes_more_sentences(question: str) -> None:
    """A day is one sentence; a reason or a description may be three."""
    asking = Asking.of(question, [])

    candidates = (scored(BRIDGE), scored(FERRY, below=1.4))
    assert quoted(*candidates, asking=asking) == [BRIDGE, FERRY]
    assert quoted(*candidates) == [BRIDGE]
    assert quoted(scored(BRIDGE), scored(FERRY, below=2.1), asking=asking) == [BRIDGE]


@pytest.mark.parametrize(
    "question",
    [
        "Who built the Orrin bridge?",
        "When was the Orrin bridge built?",
        "Where is the Orrin bridge?",
        "How long is the Orrin bridge?",
        "In what year was the Orrin bridge built?",
        "Which city has the Orrin bridge?",
        "Which prime minister opened the Orrin bridge?",
    ],
)
def test_an_answer_to_a_question_for_one_thing_takes_less(question: str) -> None:
    """A person, a time, a place or a number stands in one sentence."""
    asking = Asking.of(question, [])

    assert quoted(scored(BRIDGE), scored(FERRY, below=1.1), asking=asking) == [BRIDGE, FERRY]
    assert quoted(scored(BRIDGE), scored(FERRY, below=1.4), asking=asking) == [BRIDGE]


def test_a_sentence_that_covers_an_open_part_of_the_question_may_be_weaker() -> None:
    """The toll was asked for and the bridge's sentence does not give it; at the same relevance others add nothing."""
    assert quoted(scored(BRIDGE), scored(TOLL, below=1.9)) == [BRIDGE, TOLL]
    assert quoted(scored(BRIDGE), scored(TOLL, below=2.1)) == [BRIDGE]
    assert quoted(scored(BRIDGE), scored(FERRY, below=1.9)) == [BRIDGE]
    assert quoted(scored(BRIDGE), scored("Storms shook the long Orrin bridge badly.", below=1.9)) == [BRIDGE]


def test_what_another_quote_covers_is_not_open_any_more() -> None:
    """The second about the toll comes too late to add it."""
    second = "A toll is why carters grumble."

    assert quoted(scored(BRIDGE), scored(second, below=1.9)) == [BRIDGE, second]
    assert quoted(scored(BRIDGE), scored(TOLL, below=1.9), scored(second, below=1.9)) == [BRIDGE, TOLL]


def test_nothing_is_said_twice() -> None:
    """The same in other words is left out, in quotes and in evidence."""
    candidates = (scored(BRIDGE), scored(AGAIN), scored(TOLL))

    assert quoted(*candidates) == [BRIDGE, TOLL]
    assert [one.fit.text for one in without_repeats(candidates, limit=3)] == [BRIDGE, TOLL]


@pytest.mark.parametrize(("limit", "texts"), [(1, [BRIDGE]), (2, [BRIDGE, TOLL]), (3, [BRIDGE, TOLL, FERRY])])
def test_no_more_than_the_limit_is_chosen(limit: int, texts: list[str]) -> None:
    candidates = (scored(BRIDGE), scored(TOLL), scored(FERRY))

    assert quoted(*candidates, limit=limit) == texts
    assert [one.fit.text for one in without_repeats(candidates, limit=limit)] == texts


def test_quotes_are_read_in_the_order_of_their_document() -> None:
    """The best one's document comes first; inside a document the text decides."""
    candidates = (
        scored(BRIDGE, document="news", start=500),
        scored(FERRY, below=0.1, document="other"),
        scored(TOLL, below=0.2, document="news", start=20),
    )

    assert quoted(*candidates) == [TOLL, BRIDGE, FERRY]
