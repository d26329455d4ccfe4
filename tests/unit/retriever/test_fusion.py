import numpy as np
import pytest

from retriever.fusion import fold_copies, reciprocal_rank_fusion
from tests.support.records import ranked, ranking


def test_fusion_prefers_agreement() -> None:
    """A passage that both retrievers found outranks one that only one of them found."""
    dense = ranking("a", "both")
    lexical = ranking("both")

    fused = reciprocal_rank_fusion([dense, lexical], limit=2)

    assert [hit.passage.passage_id for hit in fused] == ["both", "a"]


def test_fusion_scores_and_ranks_are_those_of_the_paper() -> None:
    """With k=60: `both` gets 1/62 + 1/61, `a` gets 1/61; ranks are renumbered from 1."""
    fused = reciprocal_rank_fusion([ranking("a", "both"), ranking("both")], limit=5)

    assert [hit.rank for hit in fused] == [1, 2]
    assert [hit.score for hit in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61])


def test_ties_do_not_depend_on_the_order_of_rankings() -> None:
    """Two passages at the same rank of two rankings come out by id, whichever ranking is given first."""
    one, other = ranking("b"), ranking("a")

    there = reciprocal_rank_fusion([one, other], limit=2)
    back = reciprocal_rank_fusion([other, one], limit=2)

    assert [hit.passage.passage_id for hit in there] == ["a", "b"]
    assert there == back


def test_fusion_agrees_with_a_plain_sum_on_random_rankings() -> None:
    """On random rankings, scores equal the sum of reciprocals computed the long way."""
    rng = np.random.default_rng(3)
    rankings = [ranking(*(f"p{n}" for n in rng.permutation(30)[:20])) for _ in range(4)]

    fused = reciprocal_rank_fusion(rankings, k=10, limit=100)

    for hit in fused:
        ranks = [found.rank for one in rankings for found in one if found.passage == hit.passage]
        assert hit.score == pytest.approx(sum(1 / (10 + rank) for rank in ranks))


def test_fusion_refuses_an_empty_answer() -> None:
    """Asking for no passages is a mistake of the caller."""
    with pytest.raises(ValueError, match="limit must be positive, got 0"):
        reciprocal_rank_fusion([], limit=0)


def test_equal_words_fold_into_the_best_ranked() -> None:
    """Passages that differ in case and spacing only become one, which names the others' documents."""
    hits = ranking(ranked("They  met.", document_id="a"), ranked("Else.", document_id="b", rank=2))
    copy = ranked("they met.", document_id="c", rank=3)

    folded = fold_copies([*hits, copy])

    assert [(hit.rank, hit.passage.text, [header.document_id for header in hit.copies]) for hit in folded] == [
        (1, "They  met.", ["c"]),
        (2, "Else.", []),
    ]


def test_a_repetition_inside_one_document_is_no_copy() -> None:
    """A document is not named as a copy of itself."""
    twice = [ranked("They met.", document_id="a"), ranked("They met.", document_id="a", rank=2)]

    folded = fold_copies(twice)

    assert [hit.copies for hit in folded] == [()]


def test_a_copy_with_a_word_changed_folds_within_its_family() -> None:
    """A known copy of a document folds although an editor changed a word; a stranger's similar text does not."""
    text = "The two sides agreed to build 3 power plants in the north of the country by next year"
    edited = text.replace("agreed", "decided")
    original = ranked(text, document_id="original")
    copy = ranked(edited, document_id="copy", duplicate_of="original", rank=2)
    stranger = ranked(edited + ".", document_id="stranger", rank=3)

    folded = fold_copies([original, copy, stranger])

    assert [(hit.passage.document_id, [header.document_id for header in hit.copies]) for hit in folded] == [
        ("original", ["copy"]),
        ("stranger", []),
    ]


def test_a_copy_with_another_number_stays() -> None:
    """A copy that changed a number says something else, so both are kept."""
    text = "The two sides agreed to build 3 power plants in the north of the country by next year"
    original = ranked(text, document_id="original")
    copy = ranked(text.replace("3", "4"), document_id="copy", duplicate_of="original", rank=2)

    folded = fold_copies([original, copy])

    assert [hit.passage.document_id for hit in folded] == ["original", "copy"]
