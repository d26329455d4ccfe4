import pytest

from domain.corpus import RankedPassage
from service.answering.asked import Asked
from service.answering.meaning import Meanings
from service.answering.relevance import Asking, Fit, Sentence, fits
from tests.support.encoders import HashingEncoder
from tests.support.records import ranked


def measured(question: str, *texts: str) -> tuple[Fit, ...]:
    """How whole passages fit a question, in the order given."""
    passages = [ranked(text, rank=rank) for rank, text in enumerate(texts, start=1)]
    sentences = [Sentence(ranked=passage, span=passage.passage.span, text=passage.passage.text) for passage in passages]
    return fits(Asking.of(question, passages), sentences, Meanings(HashingEncoder()))


def test_a_question_is_its_distinct_terms_and_what_it_asks_for() -> None:
    asking = Asking.of("Who told Marwick to tell Marwick of 87 dams?", [])

    assert asking.asked is Asked.WHO
    assert [term.text for term in asking.terms] == ["told", "Marwick", "87", "dams"]
    assert [term.text for term in asking.particulars] == ["Marwick", "87"]
    assert asking.weights.keys() == {term.key for term in asking.terms}


def test_a_word_that_is_rare_among_the_passages_weighs_more() -> None:
    """What every passage says tells none of them apart; what is nowhere tells most."""
    passages: list[RankedPassage] = [
        ranked("The bridge opens."),
        ranked("The bridge costs money."),
        ranked("A bridge."),
    ]

    weights = Asking.of("bridge opens tunnel", passages).weights

    assert weights["bridg"] < weights["open"] < weights["tunnel"]


def test_words_that_name_the_kind_of_answer_weigh_less() -> None:
    """An answer about the reason need not say `reason`."""
    weights = Asking.of("reason tunnel", [ranked("The bridge opens.")]).weights

    assert weights["reason"] < weights["tunnel"] / 2


def test_a_sentence_that_says_all_of_the_question_fits_best() -> None:
    """Share of the question's words, in the sentence and near in meaning, and what is asked for."""
    full, half, none = measured("When does the bridge open?", "The bridge opens in May.", "A bridge.", "Ferries sail.")

    assert (full.words, full.meaning, full.holds_asked) == (1.0, 1.0, True)
    assert 0 < half.words < 1
    assert (none.words, none.holds_asked) == (0.0, False)
    assert full.cosine > none.cosine
    assert [fit.rank for fit in (full, half, none)] == [1, 2, 3]


def test_words_around_a_sentence_count_for_it_apart() -> None:
    """A sentence in the paragraph of the bridge is about the bridge, though it does not say so."""
    whole = ranked("The bridge opens. Cars pay a toll.")
    span = whole.passage.span
    sentence = Sentence(ranked=whole, span=span, text="Cars pay a toll.")

    (fit,) = fits(Asking.of("bridge toll", [whole]), [sentence], Meanings(HashingEncoder()))

    assert fit.around == 1.0
    assert fit.words == pytest.approx(0.5)


def test_no_sentences_fit_nothing() -> None:
    assert measured("Is the dam open?") == ()
