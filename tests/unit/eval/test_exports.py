"""Runs in the forms of other tools."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from eval.cases import Case, Gold
from eval.exports import export, ragas_rows, trec_qrels, trec_run
from eval.outcomes import Found, Outcome
from eval.run_file import Run, ScoredLine
from tests.support.runs import synthetic_run


def _line(outcome: Outcome, **case: object) -> ScoredLine:
    asked = Case(case_id="q 1", question="How many?", answers=("12",), gold=(Gold(doc_id="d1", text="12 came."),))
    return ScoredLine(data_set="set", system="bm25", case=replace(asked, **case), outcome=outcome)  # type: ignore[arg-type]


def test_a_trec_run_ranks_each_document_once_at_its_best() -> None:
    """The second passage of d1 takes no rank; white space in ids is encoded, as it separates columns."""
    found = tuple(Found(doc_id=doc_id, text="…", score=3.0) for doc_id in ("d1", "d1", "d 2"))

    assert trec_run([_line(Outcome(status="retrieved", found=found))], tag="bm25") == (
        "q%201 Q0 d1 1 1.000000 bm25\nq%201 Q0 d%202 2 0.500000 bm25\n"
    )


def test_a_trec_run_lists_copies_behind_what_they_are_folded_into() -> None:
    found = (
        Found(doc_id="d1", text="…", score=3.0, copies=("c1",)),
        Found(doc_id="c1", text="…", score=2.0),
        Found(doc_id="d2", text="…", score=1.0),
    )

    lines = trec_run([_line(Outcome(status="retrieved", found=found))], tag="x").splitlines()

    assert [line.split()[2:4] for line in lines] == [["d1", "1"], ["c1", "2"], ["d2", "3"]]


def test_qrels_name_each_gold_document_once() -> None:
    """Two gold texts of one document are one line; a case without gold has none."""
    case = Case(case_id="a", question="?", gold=(Gold(doc_id="d1", text="x"), Gold(doc_id="d1", text="y")))

    assert trec_qrels([case, Case(case_id="b", question="?")]) == "a 0 d1 1\n"


def test_ragas_rows_have_its_column_names() -> None:
    """A refusal is a sentence, and the right one where the record does not answer."""
    answered = Outcome(status="answered", text="12", found=(Found(doc_id="d1", text="12 came.", score=1.0),))
    refused = Outcome(status="refused")
    failed = Outcome(status="unscored", reason="boom")

    rows = ragas_rows([_line(answered), _line(refused, answerable=False), _line(failed)])

    first, second = map(json.loads, rows.splitlines())
    assert first == {
        "user_input": "How many?",
        "response": "12",
        "retrieved_contexts": ["12 came."],
        "reference": "12",
        "reference_contexts": ["12 came."],
    }
    assert second["response"] == second["reference"] == "The record does not answer this question."


def test_files_are_named_by_data_set_and_system(tmp_path: Path) -> None:
    """Names that no file may have are made safe, and stay apart."""
    run = synthetic_run(seed=1, cases=4, systems=("dateline", "openai-compatible:http://x/../y"))

    trec = export(run, "trec", tmp_path / "trec")
    ragas = export(run, "ragas", tmp_path / "ragas")

    assert trec[0].name == "sample.dateline.run"
    assert trec[1].name.startswith("sample.openai-compatible-http-x-..-y-")
    assert trec[2].name == "sample.qrels"
    assert {path.parent for path in (*trec, *ragas)} == {tmp_path / "trec", tmp_path / "ragas"}
    assert len(trec[0].read_text().splitlines()) == sum(len(line.outcome.found) for line in run.lines) // 2


def test_ir_measures_reads_what_was_written(tmp_path: Path) -> None:
    """The reference implementation finds the gold at the rank that the run gave it: reciprocal rank 1/2."""
    ir_measures = pytest.importorskip("ir_measures")
    found = tuple(Found(doc_id=doc_id, text="…", score=0.0) for doc_id in ("d9", "d1"))
    run = Run(header={}, lines=(_line(Outcome(status="retrieved", found=found)),))

    run_file, qrels = export(run, "trec", tmp_path)

    figures = ir_measures.calc_aggregate(
        [ir_measures.RR], ir_measures.read_trec_qrels(str(qrels)), ir_measures.read_trec_run(str(run_file))
    )
    assert figures[ir_measures.RR] == 0.5


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(ConfigurationError, match="taken"):
        export(synthetic_run(seed=1, cases=4), "trec", tmp_path / "taken")
