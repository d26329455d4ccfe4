import pytest

from domain.corpus import Span
from service.answering.decide import Scored
from service.answering.extract import choose_quotes, without_repeats
from service.answering.meaning import Meanings
from service.answering.relevance import Asking, Sentence, fits
from tests.support.encoders import HashingEncoder
from tests.support.records import ranked

ASKING = Asking.of("When does the Orrin bridge open and what is the toll?", [])
MEANINGS = Meanings(HashingEncoder())
BRIDGE = "The Orrin bridge will open in May."
AGAIN = "In May the Orrin bridge will be open."
TOLL = "Cars pay a toll of two crowns."
FERRY = "Ferries sail at dawn from Costrel."


def scored(text: str, score: float, *, document: str | None = None, start: int = 0) -> Scored:
    """A sentence with a relevance, at a place of a document."""
    span = Span(start=start, end=start + len(text))
    sentence = Sentence(ranked=ranked(text, document_id=document or text), span=span, text=text)
    (fit,) = fits(ASKING, [sentence], MEANINGS)
    return Scored(fit=fit, score=score)


def quoted(*candidates: Scored, limit: int = 3) -> list[str]:
    """The texts that are quoted, in order."""
    return [one.fit.text for one in choose_quotes(ASKING, candidates, limit=limit)]


def test_the_best_sentence_is_always_quoted() -> None:
    """However weak it is; whether it is enough is decided elsewhere."""
    assert quoted(scored(FERRY, 0.01)) == [FERRY]
    assert quoted() == []


def test_what_is_nearly_as_relevant_is_quoted_too() -> None:
    assert quoted(scored(BRIDGE, 0.9), scored(FERRY, 0.85)) == [BRIDGE, FERRY]


def test_what_is_far_less_relevant_is_not() -> None:
    assert quoted(scored(BRIDGE, 0.9), scored(FERRY, 0.6)) == [BRIDGE]


def test_near_certainty_shares_are_compared_by_their_odds() -> None:
    """0.97 and 0.89 look alike, but the odds are 32 to 8."""
    assert quoted(scored(BRIDGE, 0.97), scored(FERRY, 0.89)) == [BRIDGE]


def test_a_sentence_that_covers_an_open_part_of_the_question_may_be_weaker() -> None:
    """The toll was asked for and the bridge's sentence does not give it; the ferry adds nothing at the same score."""
    assert quoted(scored(BRIDGE, 0.9), scored(TOLL, 0.7)) == [BRIDGE, TOLL]
    assert quoted(scored(BRIDGE, 0.9), scored(FERRY, 0.7)) == [BRIDGE]
    assert quoted(scored(BRIDGE, 0.9), scored(TOLL, 0.6)) == [BRIDGE]
    assert quoted(scored(BRIDGE, 0.9), scored("Storms shook the long Orrin bridge badly.", 0.7)) == [BRIDGE]


def test_nothing_is_said_twice() -> None:
    """The same in other words is left out, in quotes and in evidence."""
    candidates = (scored(BRIDGE, 0.9), scored(AGAIN, 0.9), scored(TOLL, 0.9))

    assert quoted(*candidates) == [BRIDGE, TOLL]
    assert [one.fit.text for one in without_repeats(candidates, limit=3)] == [BRIDGE, TOLL]


@pytest.mark.parametrize(("limit", "texts"), [(1, [BRIDGE]), (2, [BRIDGE, TOLL]), (3, [BRIDGE, TOLL, FERRY])])
def test_no_more_than_the_limit_is_chosen(limit: int, texts: list[str]) -> None:
    candidates = (scored(BRIDGE, 0.9), scored(TOLL, 0.9), scored(FERRY, 0.9))

    assert quoted(*candidates, limit=limit) == texts
    assert [one.fit.text for one in without_repeats(candidates, limit=limit)] == texts


def test_quotes_are_read_in_the_order_of_their_document() -> None:
    """The best one's document comes first; inside a document the text decides."""
    candidates = (
        scored(BRIDGE, 0.9, document="news", start=500),
        scored(FERRY, 0.89, document="other"),
        scored(TOLL, 0.88, document="news", start=20),
    )

    assert quoted(*candidates) == [TOLL, BRIDGE, FERRY]
