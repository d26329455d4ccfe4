import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.support.examples import SupportExample, labelled_examples, made_examples, page_examples, part_of

DAM = "Ilse Marwick opened the old dam in 1987. It holds nine boats. Otto Brandvold closed it in 1999."
PAIRS = {"short": "The old dam was shut.", "long": "The old dam of Onse was shut in the spring."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asked = [
        ("Who opened the old dam?", "Ilse Marwick"),
        ("Who closed the old dam?", "Otto Brandvold"),
        ("How many boats does it hold?", "nine"),
    ]
    _write(tmp_path / "train/squad11_dev_reader.jsonl.gz",
           [{"title": "Dam", "context": DAM, "question": q, "answers": [a]} for q, a in asked])  # fmt: skip
    _write(tmp_path / "train/qed_nq_train_reader.jsonl.gz", [])
    _write(tmp_path / "dev/squad2_dev/corpus.jsonl.gz", [])
    _write(tmp_path / "dev/squad2_dev/questions.jsonl.gz", [])
    for part in ("train", "val", "test"):
        rows = [{"a": PAIRS["short"], "b": PAIRS["long"], "paraphrase": part == "train"}] if part != "test" else []
        _write(tmp_path / f"train/msrp_{part}.jsonl.gz", rows)
    _write(tmp_path / "train/scifact_train_nli.jsonl.gz",
           [{"premise": "Rats slept.", "hypothesis": "Rats sleep.", "label": "entailment"},
            {"premise": "Rats slept.", "hypothesis": "Rats ate.", "label": "contradiction"}])  # fmt: skip
    _write(tmp_path / "dev/nli/wice_oracle_chunks_dev.jsonl.gz",
           [{"claim": "It shut.", "evidence": ["It shut. ", ""], "label": "supported"},
            {"claim": "It shut in May.", "evidence": ["It shut."], "label": "partially_supported"}])  # fmt: skip
    _write(tmp_path / "dev/nli/climate_fever.jsonl.gz",
           [{"hypothesis": "It warms.", "premise": "It does.", "label": "entailment"}])  # fmt: skip
    return tmp_path


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def many(folder: Path) -> list[SupportExample]:
    return [one for seed in range(40) for one in made_examples(folder, seed=seed, most=1000)]


def test_a_statement_is_supported_where_its_answer_stands_and_false_with_another(folder: Path) -> None:
    """Of every draw: what is said of Marwick holds, with Brandvold in her place it does not."""
    made = many(folder)

    true = {one.sentence for one in made if one.source == "statement"}
    false = {one.sentence for one in made if one.source == "other answer"}
    assert {"Ilse Marwick opened the old dam.", "Otto Brandvold closed the old dam."} <= true
    assert {"Otto Brandvold opened the old dam.", "Ilse Marwick closed the old dam."} <= false
    assert all(
        "Marwick" in one.words for one in made if one.sentence == "Ilse Marwick opened the old dam." and one.supported
    )
    assert not true & false


def test_two_statements_are_supported_together_where_both_stand(folder: Path) -> None:
    """Joined with one that the words do not hold, a true statement is not supported."""
    made = [one for one in many(folder) if one.source == "joined"]

    assert {one.supported for one in made} == {True, False}
    answers = ("Marwick", "Brandvold", "nine")
    for one in made:
        told = [answer for answer in answers if answer.casefold() in one.sentence.casefold()]
        assert len(told) == 2
        assert one.supported == all(answer in one.words for answer in told)


def test_words_that_do_not_hold_the_answer_support_nothing(folder: Path) -> None:
    made = [one for one in many(folder) if one.source == "other words"]

    assert made
    assert not any(one.supported for one in made)
    assert all("Marwick" not in one.words for one in made if one.sentence.startswith("Ilse Marwick"))


def test_sentences_are_held_against_themselves_and_what_is_around_them(folder: Path) -> None:
    made = many(folder)

    assert {"quote", "words around", "changed"} <= {one.source for one in made}
    assert all(one.sentence in one.words for one in made if one.source == "quote")
    assert all(one.sentence not in one.words and not one.supported for one in made if one.source == "words around")
    assert all(one.sentence not in one.words for one in made if one.source == "changed")


def test_of_a_news_pair_the_longer_supports_the_shorter(folder: Path) -> None:
    """And of two that are no paraphrases the shorter does not support the longer."""
    pairs = {(one.sentence, one.words, one.supported) for one in many(folder) if one.source == "msrp"}

    assert pairs == {(PAIRS["short"], PAIRS["long"], True), (PAIRS["long"], PAIRS["short"], False)}


def test_the_same_seed_makes_the_same_examples(folder: Path) -> None:
    assert made_examples(folder, seed=3, most=1000) == made_examples(folder, seed=3, most=1000)
    assert len(made_examples(folder, seed=3, most=4)) == 4


def test_peoples_labels_come_with_the_part_of_their_claim(folder: Path) -> None:
    """Full support alone counts, and all pairs of a claim are of one part."""
    labelled = {one.sentence: one for one in labelled_examples(folder)}

    assert {sentence: one.supported for sentence, one in labelled.items()} == {
        "It shut.": True,
        "It shut in May.": False,
        "It warms.": True,
    }
    assert labelled["It shut."].words == "It shut."
    assert all(one.part == part_of(one.sentence) for one in labelled.values())


def test_claims_of_a_page_are_held_against_what_people_marked_and_against_the_rest(folder: Path) -> None:
    """The marked sentences, alone and among others, support a supported claim; the others of the page support none."""
    page = [
        "The dam of Onse was shut in May.",
        "Boats waited below the dam for nine long weeks.",
        "The mayor of Onse opened the new market hall.",
        "Nobody counted the carts that crossed the bridge.",
    ]
    row = {"claim": "It shut.", "evidence_sentences": page}
    _write(folder / "dev/nli/wice_claim_dev.jsonl.gz",
           [{**row, "label": "supported", "supporting_sets": [[0]]},
            {**row, "label": "not_supported", "supporting_sets": []}])  # fmt: skip

    made = page_examples(folder, seed=1)

    assert {one.words for one in made if one.words == page[0]} == {page[0]}
    assert all(one.supported == (page[0] in one.words) for one in made[:4])
    assert not any(one.supported for one in made[4:])
    assert {one.part for one in made} == {part_of("It shut.")}
