import numpy as np
import pytest

from domain.corpus import RankedPassage
from retriever.fusion import fold_copies, score_fusion
from tests.support.records import ranked, ranking


def scored(**scores: float) -> tuple[RankedPassage, ...]:
    """A ranking of passages with their scores, in the order given."""
    return tuple(ranked(name, rank=rank, score=score) for rank, (name, score) in enumerate(scores.items(), start=1))


def ids(fused: tuple[RankedPassage, ...]) -> list[str]:
    return [hit.passage.passage_id for hit in fused]


def test_fusion_prefers_agreement() -> None:
    """A passage that both retrievers found outranks one that is a little nearer and shares no word."""
    dense = scored(near=0.61, both=0.6)
    lexical = scored(both=7.0)

    fused = score_fusion(dense, lexical, word_weight=0.02, limit=2)

    assert ids(fused) == ["both", "near"]


def test_fusion_adds_weighted_words_to_the_cosine() -> None:
    """0.5 + 0.06 * 8, 0.9 + 0, 0.5 + 0.06 * 2: `words` is as near as the furthest, `a`, and has no cosine."""
    dense = scored(near=0.9, a=0.5)
    lexical = scored(a=8.0, words=2.0)

    fused = score_fusion(dense, lexical, word_weight=0.06, limit=5)

    assert [(hit.rank, hit.passage.passage_id, hit.cosine) for hit in fused] == [
        (1, "a", 0.5),
        (2, "near", 0.9),
        (3, "words", None),
    ]
    assert [hit.score for hit in fused] == pytest.approx([0.98, 0.9, 0.62])


@pytest.mark.parametrize(("word_weight", "first"), [(0.0, "near"), (0.06, "near"), (0.07, "said")])
def test_the_weight_decides_between_nearness_and_words(word_weight: float, first: str) -> None:
    """0.2 nearer, or the only one that shares words: 3 units of BM25 are worth 0.18 and 0.21."""
    fused = score_fusion(scored(near=0.7, said=0.5), scored(said=3.0), word_weight=word_weight, limit=1)

    assert ids(fused) == [first]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_ties_do_not_depend_on_the_order_of_rankings(names: tuple[str, str]) -> None:
    """Two passages of one score come out by id, whichever is given first."""
    one, other = names

    fused = score_fusion(scored(**{one: 0.5, other: 0.5}), scored(**{other: 2.0, one: 2.0}), word_weight=0.5, limit=2)

    assert ids(fused) == ["a", "b"]


@pytest.mark.parametrize(("dense", "lexical"), [({"a": 0.5, "b": 0.2}, {}), ({}, {"a": 5.0, "b": 2.0})])
def test_one_ranking_alone_keeps_its_order(dense: dict[str, float], lexical: dict[str, float]) -> None:
    """When an index failed, the other's ranking is what there is."""
    assert ids(score_fusion(scored(**dense), scored(**lexical), word_weight=0.5, limit=5)) == ["a", "b"]


def test_fusion_agrees_with_a_plain_sum_on_random_rankings() -> None:
    """On random rankings, scores equal those computed passage by passage, and come in their order."""
    rng = np.random.default_rng(3)
    dense, lexical = (
        scored(**{f"p{n}": float(score) for n, score in zip(rng.permutation(30)[:20], scores, strict=True)})
        for scores in (-np.sort(-rng.uniform(-1, 1, 20)), -np.sort(-rng.uniform(0, 30, 20)))
    )

    fused = score_fusion(dense, lexical, word_weight=0.03, limit=100)

    assert len(fused) == len({*ids(dense), *ids(lexical)})
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)
    for hit in fused:
        cosine = next((found.score for found in dense if found.passage == hit.passage), dense[-1].score)
        words = next((found.score for found in lexical if found.passage == hit.passage), 0.0)
        assert hit.score == pytest.approx(cosine + 0.03 * words)


def test_fusion_refuses_an_empty_answer() -> None:
    """Asking for no passages is a mistake of the caller."""
    with pytest.raises(ValueError, match="limit must be positive, got 0"):
        score_fusion((), (), word_weight=0.5, limit=0)


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
