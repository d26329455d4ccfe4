from dataclasses import replace

import pytest

from domain.corpus import DocumentHeader, RankedPassage, Span
from service.answering.asked import Asked
from service.answering.decide import Scored, Signals, answerability, log_odds, score, signals
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

    likely = answerability(signals(asking, score(found), lambda _: ""))
    unlikely = answerability(signals(asking, score(found[1:]), lambda _: ""))

    assert 1 > likely > unlikely > 0


def test_nothing_answers_without_sentences() -> None:
    asking, _ = measured("When does the bridge open?")

    found = signals(asking, (), lambda _: "")

    assert found is None
    assert answerability(found) == 0.0


def test_a_name_that_the_document_never_gives_counts_most() -> None:
    """Of two names, one is beside the sentence; the other counts half when it is elsewhere in the document."""
    asking, fit = measured("When does the bridge of Orrin in Costrel open?", "In May we open the bridge of Orrin.")
    asked: list[DocumentHeader] = []

    def elsewhere(header: DocumentHeader) -> str:
        asked.append(header)
        return "Costrel is a town."

    nowhere = signals(asking, score(fit), lambda _: "Velmark is a town.")
    known = signals(asking, score(fit), elsewhere)

    assert nowhere is not None
    assert known is not None
    assert (nowhere.missing, known.missing) == (0.5, 0.25)
    assert answerability(nowhere) < answerability(known)
    assert asked == [fit[0].ranked.citable.header]


def test_a_sentence_without_what_is_asked_for_answers_less() -> None:
    """Who, when, where and how many need a person, a time, a place or a number."""
    asking, (fit,) = measured("When does the bridge open?", "The bridge opens to cars.")
    anything = replace(asking, asked=Asked.ANY)

    less, whole = (signals(one, [Scored(fit=fit, score=0.9)], lambda _: "") for one in (asking, anything))

    assert less is not None
    assert whole is not None
    assert (less.lacks, whole.lacks) == (1.0, 0.0)
    assert answerability(less) < answerability(whole)


def test_the_nearest_sentence_counts_wherever_it_stands() -> None:
    """The one that covers the question best need not be the nearest in meaning."""
    asking, fits_found = measured("When does the bridge open?", "The bridge opens in May.", "Ferries sail.")
    scored = tuple(
        Scored(fit=replace(fit, cosine=cosine), score=0.5) for fit, cosine in zip(fits_found, (0.2, 0.8), strict=True)
    )

    found = signals(asking, scored, lambda _: "")

    assert found is not None
    assert found.nearest == 0.8


def test_signals_move_the_answer_as_their_names_say() -> None:
    base = Signals(nearest=0.5, relevance=0.5, missing=0.0, lacks=0.0)

    assert answerability(replace(base, nearest=0.6)) > answerability(base)
    assert answerability(replace(base, relevance=0.6)) > answerability(base)


@pytest.mark.parametrize(("share", "odds"), [(0.5, 0.0), (0.75, 1.0986), (0.0, -20.7233), (1.0, 20.7233)])
def test_log_odds_are_finite_and_symmetric(share: float, odds: float) -> None:
    """ln(3) for 0.75; certainty is cut at one in a thousand million."""
    assert log_odds(share) == pytest.approx(odds, abs=1e-4)
