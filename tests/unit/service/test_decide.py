from collections.abc import Sequence
from dataclasses import fields, replace

import pytest

from domain.corpus import RankedPassage, Reading, Span
from domain.settings import AnswerSettings
from service.answering.decide import WEIGHTS, Scored, log_odds, score, signals, takes_for_granted, untold_of
from service.answering.relevance import Asking, Fit, Sentence, fit
from service.calibration import refusal_rule
from tests.support.records import paragraph, ranked

QUESTION = "When does the bridge open?"
BRIDGE = "The bridge opens in May."


def passages_of(*texts: str) -> list[RankedPassage]:
    return [ranked(text, rank=rank) for rank, text in enumerate(texts, start=1)]


def scored_of(asking: Asking, passages: Sequence[RankedPassage]) -> tuple[Scored, ...]:
    """The passages' sentences, which are all that they are, best first."""
    best = max((one.score for one in passages), default=0.0)
    sentences = [Sentence(ranked=one, span=one.passage.span, text=one.passage.text) for one in passages]
    return score([fit(asking, sentence, best=best) for sentence in sentences])


def signals_of(question: str, *passages: RankedPassage) -> dict[str, float]:
    """What tells whether these passages answer."""
    asking = Asking.of(question, passages)
    return signals(passages, scored_of(asking, passages))


def one_fit() -> Fit:
    (passage,) = passages_of(BRIDGE)
    return scored_of(Asking.of(QUESTION, [passage]), [passage])[0].fit


def read(one: RankedPassage, *, answers: float, span_score: float) -> RankedPassage:
    reading = Reading(answers=answers, span=None, span_score=span_score, sentences=(answers,))
    return replace(one, reading=reading)


def test_sentences_are_ordered_by_how_well_they_fit() -> None:
    """The best comes first, wherever retrieval had it; scores are shares."""
    passages = passages_of("Ferries sail.", BRIDGE)

    scored = scored_of(Asking.of(QUESTION, passages), passages)

    assert [one.fit.text for one in scored] == [BRIDGE, "Ferries sail."]
    assert 1 > scored[0].score > scored[1].score > 0


@pytest.mark.parametrize(
    ("less", "more"),
    [
        pytest.param(replace(one_fit(), passage=-1.0), replace(one_fit(), passage=2.0), id="of a likelier passage"),
        pytest.param(replace(one_fit(), behind=1.5), one_fit(), id="of the best passage"),
        pytest.param(replace(one_fit(), beside=-1.0), replace(one_fit(), beside=2.0), id="stands out in its passage"),
        pytest.param(one_fit(), replace(one_fit(), holds_span=True), id="holds the words that answer"),
        pytest.param(replace(one_fit(), words=0.5), one_fit(), id="says more of the question"),
    ],
)
def test_among_equals_one_more_sign_decides(less: Fit, more: Fit) -> None:
    """The second is better in this alone."""
    assert [one.fit for one in score([less, more])] == [more, less]


def test_nothing_but_what_is_measured_of_a_sentence_decides() -> None:
    """A weight under a name that is not measured would fail when the first question is asked."""
    assert WEIGHTS.keys() <= {part.name for part in fields(Fit)}


def test_equal_sentences_keep_the_order_of_the_text() -> None:
    """Without a difference in fit, what stands first comes first."""
    first = one_fit()
    later = replace(first, span=Span(start=300, end=324))

    assert [one.fit for one in score([later, first])] == [first, later]


def test_nothing_tells_where_no_sentence_was_found() -> None:
    assert signals(passages_of(BRIDGE), ()) == {}
    assert signals((), ()) == {}


def test_the_signals_are_those_of_the_best() -> None:
    """The best sentence need not be of the nearest passage, nor of the one that the reader likes best."""
    bridge, ferry = passages_of(BRIDGE, "Ferries sail.")
    passages = [
        replace(read(bridge, answers=2.0, span_score=-3.0), score=6.0, cosine=0.4),
        replace(read(ferry, answers=-1.0, span_score=-2.5), score=6.3, cosine=0.7),
    ]
    asking = Asking.of(QUESTION, passages)
    scored = scored_of(asking, passages)

    assert signals(passages, scored) == {"near": 0.7, "span": -2.5, "passage": 6.0}


def test_what_was_not_compared_speaks_against_an_answer() -> None:
    """Found by its words alone: nothing is near."""
    (found,) = passages_of(BRIDGE)

    assert signals_of(QUESTION, read(found, answers=2.0, span_score=-3.0))["near"] == 0.0


def test_what_was_not_read_says_nothing_of_how_it_reads() -> None:
    """The reader's signals are missing, and count neither way."""
    assert signals_of(QUESTION, *passages_of(BRIDGE)).keys() == {"near"}


def test_the_shipped_model_weighs_signals_that_there_are() -> None:
    """A weight under a name that no signal has would silently count nothing."""
    rule = refusal_rule(AnswerSettings())
    found = read(ranked(BRIDGE), answers=2.0, span_score=-3.0)

    assert rule.model.weights.keys() <= signals_of(QUESTION, found).keys()


@pytest.mark.parametrize(("share", "odds"), [(0.5, 0.0), (0.75, 1.0986), (0.0, -20.7233), (1.0, 20.7233)])
def test_log_odds_are_finite_and_symmetric(share: float, odds: float) -> None:
    """ln(3) for 0.75; certainty is cut at one in a thousand million."""
    assert log_odds(share) == pytest.approx(odds, abs=1e-4)


@pytest.mark.parametrize(
    ("question", "text", "granted"),
    [
        ("Why did Costrel lend the port 90 million?", "Costrel lent the port 85 million.", True),
        ("Why did Costrel lend the port 85 million?", "Costrel lent the port 85 million.", False),
        ("Why did Costrel lend the port money?", "Costrel lent the port 85 million.", False),
        ("Why did Orrin lend the port 90 million?", "Costrel lent the port 85 million.", False),
        ("Why did Costrel lend the port 90 million?", "Costrel lent the port money.", False),
        ("Why did Costrel insure 90 million barges?", "Costrel lent the port 85 million.", False),
        ("How much did Costrel lend the port in 2019?", "Costrel lent the port 85 million.", False),
        ("Who came to the 14th meeting?", "Costrel came to the 13th meeting.", False),
    ],
    ids=[
        "another figure",
        "the same",
        "none",
        "of somebody else",
        "no figure in the record",
        "of something else",
        "a year and an amount",
        "another of a series",
    ],
)
def test_a_figure_that_the_record_gives_otherwise_is_a_false_premise(
    question: str, text: str, *, granted: bool
) -> None:
    """Only where the sentence says the rest of the question, and has a figure of its own."""
    passages = passages_of(text)
    asking = Asking.of(question, passages)

    assert takes_for_granted(asking, scored_of(asking, passages)[0]) is granted


@pytest.mark.parametrize(
    ("said_before", "granted"),
    [
        ("It had asked for 90 million.", False),
        ("It had asked for more.", True),
        ("It borrowed for its rail link.", True),
    ],
    ids=["stands beside it", "stands nowhere", "nowhere, among other words"],
)
def test_a_figure_that_stands_beside_the_best_sentence_is_no_false_premise(said_before: str, *, granted: bool) -> None:
    """What the passage says of the figure is not contradicted by another one in it."""
    passage = paragraph(said_before, "Costrel lent the port 85 million.")
    asking = Asking.of("Why did Costrel lend the port 90 million?", [passage])
    sentence = Sentence(ranked=passage, span=passage.passage.sentences[1], text="Costrel lent the port 85 million.")

    assert takes_for_granted(asking, score([fit(asking, sentence, best=0.0)])[0]) is granted


def test_a_name_may_stand_above_the_sentence_that_gives_another_figure() -> None:
    """In the title or the paragraph: a report need not name its subject in each sentence."""
    passage = paragraph("It lent the port 85 million.", title="The bank of Costrel")
    asking = Asking.of("Why did Costrel lend the port 90 million?", [passage])
    sentence = Sentence(ranked=passage, span=passage.passage.span, text=passage.passage.text)

    assert takes_for_granted(asking, score([fit(asking, sentence, best=0.0)])[0])


@pytest.mark.parametrize(
    ("question", "untold"),
    [
        ("To how many years was Quarle sentenced?", ("sentenced",)),
        ("Who was charged?", ()),
        ("The town buried a man who drowned. Who was charged?", ()),
    ],
    ids=["asked", "told", "only told by the one who asks"],
)
def test_a_question_after_what_the_record_does_not_tell_is_found(question: str, untold: tuple[str, ...]) -> None:
    """Charged is not sentenced; what a question says before it asks need not be in the record."""
    passages = passages_of("The registrar Desmond Quarle was charged with fraud.")
    asking = Asking.of(question, passages)

    assert untold_of(asking, passages, scored_of(asking, passages)) == untold
