from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError
from domain.settings import IngestSettings
from eval.cases import Case
from eval.data_sets import DataSet, open_data_sets
from eval.run_file import Run, RunWriter
from eval.runner import RunProgress, RunSummary, Silence, run
from tests.support.data_sets import EchoSystem, surroundings_in, write_public_set

CASES = tuple(Case(case_id=f"c{number}", question=f"Question {number}?") for number in range(8))
SET = DataSet(name="eight", corpus=None, cases=CASES)


def ran(folder: Path, *systems: EchoSystem, data_set: DataSet = SET, **options: Any) -> RunSummary:
    surroundings = surroundings_in(folder)
    writer = RunWriter(folder / "run.jsonl")
    return run([data_set], systems, writer, records=surroundings.records, settings=surroundings.settings, **options)


def keys(folder: Path) -> list[tuple[str, str]]:
    return [(line.system, line.case.case_id) for line in Run.read(folder / "run.jsonl").lines]


def test_every_system_answers_every_case_in_order(tmp_path: Path) -> None:
    one, two = EchoSystem(name="one"), EchoSystem(name="two")

    summary = ran(tmp_path, one, two)

    assert keys(tmp_path) == [(name, f"c{number}") for name in ("one", "two") for number in range(8)]
    assert (summary.ran, summary.unscored) == (16, {})
    assert (one.open, two.open) == (0, 0)


def test_header_says_what_the_run_was_made_with(tmp_path: Path) -> None:
    bounded = DataSet(name="eight", corpus=None, cases=CASES, bounds=({"metric": "hit@10", "at_least": 0.5},))
    ran(tmp_path, EchoSystem(), data_set=bounded, limit=3, seed=4)

    header = Run.read(tmp_path / "run.jsonl").header

    assert header["data_sets"] == [{"name": "eight", "digest": bounded.digest, "cases": 3, "of": 8, "record": None}]
    assert (header["systems"], header["system_details"]) == (["echo"], {"echo": {"kind": "echo"}})
    assert (header["seed"], header["limit"]) == (4, 3)
    assert header["bounds"] == [{"metric": "hit@10", "at_least": 0.5, "data_set": "eight"}]
    assert header["machine"]["packages"]["numpy"]


def test_case_that_crashes_is_unscored_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    summary = ran(tmp_path, EchoSystem(failing={"c2"}))

    outcome = Run.read(tmp_path / "run.jsonl").lines[2].outcome
    assert outcome.status == "unscored"
    assert outcome.reason == "ZeroDivisionError (run): the case is too hard"
    assert summary.unscored == {("eight", "echo", "c2"): outcome.reason}
    assert len(keys(tmp_path)) == 8


def test_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, EchoSystem(interrupted_at="c5"))
    assert [case_id for _, case_id in keys(tmp_path)] == ["c0", "c1", "c2", "c3", "c4"]
    second = EchoSystem()

    summary = ran(tmp_path, second, resume=Run.read(tmp_path / "run.jsonl"))

    assert [case.case_id for case in second.seen] == ["c5", "c6", "c7"]
    assert (summary.ran, summary.resumed) == (3, 5)
    assert len(keys(tmp_path)) == 8


def test_case_whose_line_was_cut_is_run_again(tmp_path: Path) -> None:
    ran(tmp_path, EchoSystem())
    file = tmp_path / "run.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    second = EchoSystem()

    ran(tmp_path, second, resume=Run.read(file))

    assert [case.case_id for case in second.seen] == ["c7"]
    assert sorted(keys(tmp_path)) == [("echo", f"c{number}") for number in range(8)]


def test_run_that_was_made_otherwise_is_not_gone_on_with(tmp_path: Path) -> None:
    ran(tmp_path, EchoSystem(), limit=2)

    with pytest.raises(ConfigurationError, match="its 'limit' differs"):
        ran(tmp_path, EchoSystem(), limit=3, resume=Run.read(tmp_path / "run.jsonl"))


def test_existing_run_file_is_not_written_over(tmp_path: Path) -> None:
    ran(tmp_path, EchoSystem())

    with pytest.raises(ConfigurationError, match="exists"):
        ran(tmp_path, EchoSystem())


def test_limit_draws_the_same_cases_for_every_system_and_more_extend_them(tmp_path: Path) -> None:
    drawn = {}
    for limit in (3, 5):
        one, two = EchoSystem(name="one"), EchoSystem(name="two")
        ran(tmp_path / str(limit), one, two, limit=limit, seed=1)
        assert one.seen == two.seen
        drawn[limit] = {case.case_id for case in one.seen}

    assert len(drawn[3]) == 3
    assert drawn[3] < drawn[5]


def test_another_seed_draws_other_cases(tmp_path: Path) -> None:
    draws = set()
    for seed in range(5):
        echo = EchoSystem()
        ran(tmp_path / str(seed), echo, limit=3, seed=seed)
        draws.add(tuple(case.case_id for case in echo.seen))

    assert len(draws) > 1


def test_system_is_closed_when_a_run_is_interrupted(tmp_path: Path) -> None:
    echo = EchoSystem(interrupted_at="c0")

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, echo)

    assert echo.open == 0


def test_progress_counts_what_was_there_before(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, EchoSystem(interrupted_at="c6"))
    seen: list[RunProgress] = []

    class Watcher(Silence):
        def running(self, progress: RunProgress) -> None:
            seen.append(progress)

    ran(tmp_path, EchoSystem(), resume=Run.read(tmp_path / "run.jsonl"), progress=Watcher())

    assert [(one.done, one.total, one.ran) for one in seen] == [(7, 8, 1), (8, 8, 2)]


def test_a_case_with_documents_of_its_own_is_asked_of_a_record_of_these(tmp_path: Path) -> None:
    """The system opens one record for each choice of documents, and is closed between them."""
    (wire,) = open_data_sets(str(write_public_set(tmp_path / "wire")), below=None, settings=IngestSettings())
    assert wire.corpus is not None
    only = wire.cases[0].gold[0].doc_id
    system = EchoSystem()

    ran(tmp_path, system, data_set=replace(wire, cases=(wire.cases[0], replace(wire.cases[1], documents=(only,)))))

    corpora = [one.corpus for one in system.prepared if one.corpus is not None]
    assert [(corpus.size, corpus.has(only)) for corpus in corpora] == [(wire.corpus.size, True), (1, True)]
    assert [len(case.documents) for case in system.seen] == [0, 0]
    assert system.open == 0
