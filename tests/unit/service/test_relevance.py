from dataclasses import replace

import pytest

from domain.corpus import RankedPassage, Reading, Span
from service.answering.lexical_match import keys_of
from service.answering.relevance import Asking, Fit, Sentence, fit, surroundings
from tests.support.records import paragraph, ranked


def measured(question: str, *texts: str) -> tuple[Fit, ...]:
    """How whole passages fit a question, in the order given."""
    passages = [ranked(text, rank=rank) for rank, text in enumerate(texts, start=1)]
    asking = Asking.of(question, passages)
    return tuple(fits_of(asking, passage)[0] for passage in passages)


def fits_of(asking: Asking, passage: RankedPassage, *, best: float = 0.0) -> list[Fit]:
    """How each sentence of a passage fits, in order, where the best passage scores `best`."""
    words = passage.passage.words
    return [
        fit(asking, Sentence(ranked=passage, span=span, text=words(span)), best=best)
        for span in passage.passage.sentences
    ]


def test_a_question_is_its_distinct_terms() -> None:
    asking = Asking.of("Who told Marwick to tell Marwick of 87 dams?", [])

    assert [term.text for term in asking.terms] == ["told", "Marwick", "87", "dams"]
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
    """Share of the question's words in the sentence."""
    full, half, none = measured("When does the bridge open?", "The bridge opens in May.", "A bridge.", "Ferries sail.")

    assert full.words == 1.0
    assert 0 < half.words < 1
    assert none.words == 0.0
    assert [one.rank for one in (full, half, none)] == [1, 2, 3]


def test_a_sentence_is_behind_by_as_much_as_its_passage() -> None:
    """All sentences of a passage are, and those of the best passage by nothing."""
    passage = paragraph("The bridge opens.", "Cars pay a toll.", score=-1.5)
    asking = Asking.of("bridge toll", [passage])

    assert [(one.passage, one.behind) for one in fits_of(asking, passage, best=2.0)] == [(-1.5, 3.5), (-1.5, 3.5)]
    assert [(one.passage, one.behind) for one in fits_of(asking, passage, best=-1.5)] == [(-1.5, 0.0), (-1.5, 0.0)]


def test_what_stands_above_a_passage_is_around_it() -> None:
    """Heading, title, publisher and place are read with the words below them."""
    plain = paragraph("It opens in May.", title="The Orrin bridge")
    header = replace(plain.citable.header, publisher="Harbour Gazette", place="MARRICK")
    passage = replace(plain.passage, heading="Transport")
    below = replace(plain, citable=replace(plain.citable, header=header, passage=passage))

    assert surroundings(below) == keys_of("It opens in May. Transport The Orrin bridge Harbour Gazette MARRICK")


def test_a_sentence_stands_out_beside_the_others_of_its_passage() -> None:
    """Of 3, -1 and 1, whose mean is 1; how sure the reader is of the passage counts elsewhere."""
    plain = paragraph("The bridge opens in May.", "Cars pay a toll.", "Ferries sail at dawn.")
    read = replace(plain, reading=Reading(answers=2.5, span=None, span_score=0.0, sentences=(3.0, -1.0, 1.0)))

    assert [one.beside for one in fits_of(Asking.of("bridge", [read]), read)] == [2.0, -2.0, 0.0]


def test_a_sentence_alone_in_its_passage_stands_out_beside_none() -> None:
    plain = paragraph("The bridge opens in May.")
    read = replace(plain, reading=Reading(answers=2.5, span=None, span_score=0.0, sentences=(3.0,)))

    assert [one.beside for one in fits_of(Asking.of("bridge", [read]), read)] == [0.0]


def test_the_words_that_answer_are_held_by_the_sentence_where_they_stand() -> None:
    plain = paragraph("The bridge opens in May.", "Cars pay a toll.", offset=100)
    span = Span(start=117, end=123)
    read = replace(plain, reading=Reading(answers=2.5, span=span, span_score=1.5, sentences=(3.0, -1.0)))

    assert read.passage.words(span) == "in May"
    assert [one.holds_span for one in fits_of(Asking.of("bridge", [read]), read)] == [True, False]


@pytest.mark.parametrize(
    "span", [pytest.param(None, id="none"), pytest.param(Span(start=10, end=30), id="across two sentences")]
)
def test_words_that_no_sentence_holds_are_held_by_none(span: Span | None) -> None:
    plain = paragraph("The bridge opens in May.", "Cars pay a toll.")
    read = replace(plain, reading=Reading(answers=0.0, span=span, span_score=0.0, sentences=(0.0, 0.0)))

    assert [one.holds_span for one in fits_of(Asking.of("bridge", [read]), read)] == [False, False]


def test_what_was_not_read_is_neither_said_nor_denied() -> None:
    (one,) = measured("When does the bridge open?", "The bridge opens in May.")

    assert (one.beside, one.holds_span) == (0.0, False)
