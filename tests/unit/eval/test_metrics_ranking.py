import math
import random

import ir_measures
import pytest
from ir_measures import RR, Success, nDCG

from eval.cases import Case, Gold
from eval.metrics.matching import holds_gold
from eval.metrics.ranking import Judgement, all_gold, by_document, by_passage, hit, ndcg, reciprocal_rank
from eval.outcomes import Found, Outcome

PARAGRAPH = "The lock at Orrin was closed for nine weeks. Barges waited below the weir. It opened again on Friday."


def test_documents_are_found_at_their_best_passage() -> None:
    """a, a, b, c are the documents a, b, c: gold b and x give one relevant rank, 2, of two wanted."""
    judged = _documents(["a", "a", "b", "c"], gold=["b", "x"])

    assert judged == Judgement(relevant=(2,), wanted=2, complete=False)
    assert [hit(judged, k=1), hit(judged, k=2)] == [0.0, 1.0]
    assert reciprocal_rank(judged) == 0.5


def test_ndcg_is_the_share_of_a_perfect_ranking() -> None:
    """Gold at ranks 1 and 3 of two: (1 / log2 2 + 1 / log2 4) / (1 / log2 2 + 1 / log2 3) = 1.5 / 1.63093 = 0.91972."""
    judged = _documents(["g", "a", "h"], gold=["g", "h"])

    assert ndcg(judged) == pytest.approx(0.91972, abs=1e-5)
    assert all_gold(judged) == 1.0


def test_nothing_found_scores_nothing_and_nothing_wanted_is_not_judged() -> None:
    nothing = _documents([], gold=["g"])

    assert [hit(nothing, k=10), reciprocal_rank(nothing), ndcg(nothing), all_gold(nothing)] == [0.0, 0.0, 0.0, 0.0]
    assert by_document(_case(()), _found("a")) is None
    assert by_passage(_case((Gold(doc_id="a"),)), _found("a")) is None


def test_ranks_below_10_do_not_count() -> None:
    """The gold document is the eleventh, although some documents have several passages above it."""
    names = [name for number in range(10) for name in (f"d{number}", f"d{number}")]

    judged = _documents([*names, "g"], gold=["g"])

    assert judged == Judgement(relevant=(), wanted=1, complete=False)


def test_ranking_agrees_with_ir_measures() -> None:
    """300 random rankings of 0 to 20 documents with 1 to 12 gold ones, to 1e-9."""
    chance = random.Random(11)
    cases = {}
    for number in range(300):
        pool = [f"d{place}" for place in range(40)]
        ranking, gold = chance.sample(pool, chance.randrange(21)), chance.sample(pool, chance.randrange(1, 13))
        cases[f"q{number}"] = (ranking, gold)
    qrels = [ir_measures.Qrel(name, doc, 1) for name, (_, gold) in cases.items() for doc in gold]
    run = [
        ir_measures.ScoredDoc(name, doc, 100.0 - rank)
        for name, (ranking, _) in cases.items()
        for rank, doc in enumerate(ranking)
    ]
    measures = [Success @ 1, Success @ 4, Success @ 10, RR @ 10, nDCG @ 10]
    theirs = {(one.query_id, str(one.measure)): one.value for one in ir_measures.iter_calc(measures, qrels, run)}

    for name, (ranking, gold) in cases.items():
        judged = _documents(ranking, gold=gold)
        ours = [hit(judged, k=1), hit(judged, k=4), hit(judged, k=10), reciprocal_rank(judged), ndcg(judged)]
        # ir-measures leaves queries without results to its caller; they score 0.
        expected = [theirs.get((name, str(measure)), 0.0) for measure in measures]
        assert ours == pytest.approx(expected, abs=1e-9), name


def test_passages_are_relevant_once_per_gold_text() -> None:
    """Ranks: 1 other, 2 holds both sentences, 3 holds them again for nothing; one text is missing, so 2 are wanted.

    nDCG is (1 / log2 3) / (1 + 1 / log2 3) = 0.63093 / 1.63093 = 0.38685.
    """
    case = _case(
        (
            Gold(doc_id="g", text="The lock at Orrin was closed for nine weeks."),
            Gold(doc_id="g", text="Barges waited below the weir."),
            Gold(doc_id="h", text="The ministry paid for the new gates."),
        )
    )
    outcome = _texts("Ferries ran as usual.", PARAGRAPH, f"Reprinted: {PARAGRAPH}")

    judged = by_passage(case, outcome)

    assert judged == Judgement(relevant=(2,), wanted=2, complete=False)
    assert ndcg(judged) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_the_same_words_take_one_rank() -> None:
    """Nine copies of one passage leave the gold at rank 2."""
    outcome = _texts(*["Ferries ran  as usual.", "ferries ran as usual."] * 6, PARAGRAPH)

    judged = by_passage(_case((Gold(doc_id="g", text=PARAGRAPH),)), outcome)

    assert judged == Judgement(relevant=(2,), wanted=1, complete=True)


@pytest.mark.parametrize(
    ("text", "gold", "held"),
    [
        (PARAGRAPH, "barges waited\n  below the weir.", True),  # White space and case aside.
        ("Barges waited below", PARAGRAPH, True),
        ("Barges waited", PARAGRAPH, False),  # Two words inside a gold text show nothing.
        ("Yes.", "Yes.", True),
        ("", "Yes.", False),
        ("Yes.", "", False),
        # 7 of the gold's 9 words in a row make 5 of its 7 triples, 0.71.
        ("Ferries ran. The lock at Orrin was closed for", "The lock at Orrin was closed for nine weeks", True),
        # 5 of them make 3 of the 7 triples of either, 0.43.
        ("Ferries ran as usual. The lock at Orrin was", "The lock at Orrin was closed for nine weeks", False),
        # All of its words in another order share no triple.
        ("weeks nine for closed was Orrin at lock The", "The lock at Orrin was closed for nine weeks", False),
    ],
)
def test_a_text_holds_gold_by_its_words_in_order(text: str, gold: str, *, held: bool) -> None:
    assert holds_gold(text, gold) is held


def test_a_copy_is_found_where_its_words_are() -> None:
    """Gold g is folded into d2, which stands at rank 2; g itself at rank 3 takes none, so h is third."""
    found = tuple(
        Found(doc_id=doc_id, text=PARAGRAPH, score=1.0, copies=copies)
        for doc_id, copies in (("d1", ()), ("d2", ("g",)), ("g", ()), ("h", ()))
    )
    case = _case((Gold(doc_id="g"), Gold(doc_id="h"), Gold(doc_id="d2")))

    judged = by_document(case, Outcome(status="retrieved", found=found))

    # Two gold documents at one rank are one relevant thing.
    assert judged == Judgement(relevant=(2, 3), wanted=2, complete=True)


def _documents(ranking: list[str], *, gold: list[str]) -> Judgement:
    judged = by_document(_case(tuple(Gold(doc_id=name) for name in gold)), _found(*ranking))
    assert judged is not None
    return judged


def _case(gold: tuple[Gold, ...]) -> Case:
    return Case(case_id="q", question="How long was the lock closed?", gold=gold)


def _found(*documents: str) -> Outcome:
    return Outcome(status="retrieved", found=tuple(Found(doc_id=name, text=name, score=0.0) for name in documents))


def _texts(*texts: str) -> Outcome:
    return Outcome(status="retrieved", found=tuple(Found(doc_id="d", text=text, score=0.0) for text in texts))
