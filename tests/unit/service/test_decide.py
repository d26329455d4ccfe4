from dataclasses import replace

import pytest

from domain.corpus import DocumentHeader, RankedPassage, Span
from service.answering.asked import Asked
from service.answering.decide import Scored, answerability, log_odds, score
from service.answering.meaning import Meanings
from service.answering.relevance import Asking, Fit, Sentence, fits
from tests.support.encoders import HashingEncoder
from tests.support.records import ranked


def measured(question: str, *texts: str) -> tuple[Asking, tuple[Fit, ...]]:
    """A question and how whole passages fit it."""
    passages: list[RankedPassage] = [ranked(text, rank=rank) for rank, text in enumerate(texts, start=1)]
    asking = Asking.of(question, passages)
    sentences = [Sentence(ranked=passage, span=passage.passage.span, text=passage.passage.text) for passage in passages]
    return asking, fits(asking, sentences, Meanings(HashingEncoder()))


def test_sentences_are_ordered_by_how_well_they_fit() -> None:
    """The best comes first, wherever retrieval had it; scores are shares."""
    _, found = measured("When does the bridge open?", "Ferries sail.", "The bridge opens in May.")

    scored = score(found)

    assert [one.fit.text for one in scored] == ["The bridge opens in May.", "Ferries sail."]
    assert 1 > scored[0].score > scored[1].score > 0


def test_equal_sentences_keep_the_order_of_the_text() -> None:
    """Without a difference in fit, what stands first comes first."""
    _, (first,) = measured("When does the bridge open?", "The bridge opens in May.")
    later = replace(first, span=Span(start=300, end=324))

    assert [one.fit for one in score([later, first])] == [first, later]


def test_an_answer_is_likely_where_the_question_is_covered() -> None:
    asking, found = measured("When does the Orrin bridge open?", "We open the Orrin bridge in May.", "Ferries sail.")

    likely = answerability(asking, score(found), lambda _: "")
    unlikely = answerability(asking, score(found[1:]), lambda _: "")

    assert 1 > likely > unlikely > 0


def test_nothing_answers_without_sentences() -> None:
    asking, _ = measured("When does the bridge open?")

    assert answerability(asking, (), lambda _: "") == 0.0


def test_a_name_that_the_document_never_gives_counts_most() -> None:
    """The same sentence answers less when the asked name is elsewhere in its document, least when it is nowhere."""
    text = "In May we open the bridge."
    plain, fit = measured("When does the bridge open?", text)
    named, fit_named = measured("When does the bridge of Orrin open?", text)
    asked: list[DocumentHeader] = []

    def elsewhere(header: DocumentHeader) -> str:
        asked.append(header)
        return "Orrin is a town."

    nowhere = answerability(named, score(fit_named), lambda _: "Costrel is a town.")
    known = answerability(named, score(fit_named), elsewhere)
    beside = answerability(plain, score(fit), lambda _: "")

    assert nowhere < known < beside
    assert asked == [fit_named[0].ranked.citable.header]


def test_a_sentence_without_what_is_asked_for_answers_less() -> None:
    """Who, when, where and how many need a person, a time, a place or a number."""
    asking, (fit,) = measured("When does the bridge open?", "The bridge opens to cars.")
    anything = replace(asking, asked=Asked.ANY)

    less, whole = (answerability(one, [Scored(fit=fit, score=0.9)], lambda _: "") for one in (asking, anything))

    assert not fit.holds_asked
    assert less < whole


@pytest.mark.parametrize(("share", "odds"), [(0.5, 0.0), (0.75, 1.0986), (0.0, -20.7233), (1.0, 20.7233)])
def test_log_odds_are_finite_and_symmetric(share: float, odds: float) -> None:
    """ln(3) for 0.75; certainty is cut at one in a thousand million."""
    assert log_odds(share) == pytest.approx(odds, abs=1e-4)
