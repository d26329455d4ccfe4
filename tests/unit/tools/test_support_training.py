"""How the trained checker is judged: on what was kept from it, by claim."""

import gzip
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from retriever.pair_model import VOCABULARY, weights_file
from tests.support.evidence import evidence
from tools.support.crossed import CrossedChecker
from tools.support.examples import SupportExample
from tools.support.rows import rows_from
from tools.support.train import judge, read_rows


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    """The sentence is segment 0, the words are segment 1; the same sentence has the same name."""
    tokenizer = Tokenizer.from_file(str(weights_file(VOCABULARY, None)))
    texts = [("It shut.", "The dam shut in May."), ("It shut.", "Boats waited."), ("It rose.", "The water rose.")]
    examples = [SupportExample(sentence=one, words=words, supported=True, source="quote") for one, words in texts]
    rows = list(rows_from(examples, tokenizer))
    file = tmp_path / "rows.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(row)) + "\n" for row in rows)

    assert read_rows(file) == rows
    assert rows[0].claim == rows[1].claim != rows[2].claim
    assert tokenizer.decode([one for one, part in zip(rows[0].ids, rows[0].segments, strict=True) if part]) == (
        "the dam shut in may."
    )


CLAIMS = ["0a", "0a", "0b", "1a", "1b"]  # The threshold of one half is found on the other: even and odd first digits.
LABELS = [True, True, False, True, False]
SCORES = [-3.0, 2.0, -1.0, 3.0, -2.0]


def test_a_claim_counts_once_with_its_best_words() -> None:
    """Right at 0, though one group of words of the first supported claim scores below."""
    found = judge(CLAIMS, LABELS, SCORES, by_claim=True)

    assert (found["n"], found["supported"]) == (4, 0.5)
    assert (found["auroc"], found["balanced_accuracy_at_0"]) == (1.0, 1.0)


def test_pairs_that_stand_for_themselves_are_counted_one_by_one() -> None:
    """The first claim's two pairs are two judgements, and 0 gets one of them wrong."""
    found = judge(CLAIMS, LABELS, SCORES, by_claim=False)

    assert (found["n"], found["supported"]) == (5, 0.6)
    assert found["balanced_accuracy_at_0"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)


def test_a_crossed_checker_knows_only_what_was_judged() -> None:
    """Log-odds of 0 are a half; of other words nothing is known."""
    first, second = evidence("The dam shut.", "Boats waited.")
    checker = CrossedChecker({("It shut.", "The dam shut. Boats waited."): 0.0})

    assert checker.support("It shut.", [(first, second), (first,)]) == (0.5, 0.0)
