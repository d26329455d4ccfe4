"""The runs that a server shows: a folder that strangers name files of."""

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError, NotFoundError
from domain.ports import ListedRun, Runs
from eval.bounds import bounds_of_run, check_bounds
from eval.compare import compare
from eval.report.comparison import comparison_page
from eval.report.folder import RunFolder
from eval.report.page import page
from eval.run_file import Run
from eval.summary import summarise
from tests.support.page_tags import HOSTILE, tags_of
from tests.support.runs import synthetic_run, write_run

BASELINE = Path(__file__).resolve().parents[3] / "eval" / "baselines" / "sample.jsonl.gz"
BOUNDS = [{"metric": "contains", "at_least": 0.5, "may_fall": 0.02}]


def _write(path: Path, *, started: str = "2026-01-01T00:00:00+00:00", cases: int = 12, **changes: Any) -> Path:
    return write_run(path, synthetic_run(seed=1, cases=cases, started=started, **changes))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    _write(tmp_path / "runs" / "old.jsonl", bounds=BOUNDS)
    _write(tmp_path / "runs" / "new.jsonl", started="2026-02-01T00:00:00+00:00", skill=0.4, bounds=BOUNDS)
    return RunFolder(tmp_path / "runs")


def test_a_missing_folder_has_no_runs(tmp_path: Path) -> None:
    """A server that never measured anything says so, and starts."""
    assert RunFolder(tmp_path / "none").listed() == ()


def test_runs_are_listed_newest_first_by_the_time_that_they_tell(tmp_path: Path) -> None:
    """By the instant, whatever its zone; those without one come last."""
    _write(tmp_path / "a.jsonl", started="2026-01-01T12:00:00+00:00", cases=2)
    _write(tmp_path / "b.jsonl", started="2026-01-01T12:30:00+01:00", cases=2)
    _write(tmp_path / "c.jsonl", started="20260102", cases=2)
    _write(tmp_path / "z.jsonl", started="long ago", cases=2)

    assert [(row.name, row.started) for row in RunFolder(tmp_path).listed()] == [
        ("c.jsonl", "2026-01-02T00:00:00+00:00"),
        ("a.jsonl", "2026-01-01T12:00:00+00:00"),
        ("b.jsonl", "2026-01-01T12:30:00+01:00"),
        ("z.jsonl", ""),
    ]


def test_a_compressed_run_is_listed_with_the_figures_of_its_report(tmp_path: Path) -> None:
    """The committed baseline: each figure stands on the page in large type."""
    (tmp_path / BASELINE.name).write_bytes(BASELINE.read_bytes())
    runs = RunFolder(tmp_path)

    (row,) = runs.listed()

    html = runs.report(BASELINE.name)
    assert (row.data_sets, row.systems, row.cases, row.fault) == (("sample",), ("dateline",), 280, "")
    assert [name for name, _ in row.figures][:2] == ["Right outcomes", "Holds the answer"]
    assert len(row.figures) == 6
    for name, figure in row.figures:
        assert f'<span class="name">{name}</span><b>{figure}</b>' in html


def test_of_several_systems_and_sets_the_first_has_the_figures(tmp_path: Path) -> None:
    """Ours is the first of the systems; all are named, and all answers are counted."""
    run = synthetic_run(seed=1, cases=10, systems=("bm25", "dateline"))
    write_run(tmp_path / "run.jsonl", run)

    (row,) = RunFolder(tmp_path).listed()

    assert (row.systems, row.cases) == (("dateline", "bm25"), 20)


def test_only_run_files_directly_in_the_folder_are_listed(runs: Runs, tmp_path: Path) -> None:
    """No folder, no other ending, no link, no name that UTF-8 cannot hold."""
    folder = tmp_path / "runs"
    (folder / "notes.txt").write_text("x")
    (folder / "folder.jsonl").mkdir()
    _write(folder / "folder.jsonl" / "deep.jsonl")
    outside = _write(tmp_path / "outside.jsonl")
    (folder / "link.jsonl").symlink_to(outside)
    (folder / os.fsdecode(b"\xff.jsonl")).write_text("x")

    assert [row.name for row in runs.listed()] == ["new.jsonl", "old.jsonl"]


@pytest.mark.parametrize(
    "name",
    [
        "../outside.jsonl",
        "{tmp}/outside.jsonl",
        "{tmp}/runs/old.jsonl",
        "./old.jsonl",
        "link.jsonl",
        "linked/old.jsonl",
        "unknown.jsonl",
        "old",
        "",
        ".",
        "..",
        "old.jsonl\x00",
        "\ud800.jsonl",
        HOSTILE,
    ],
)
def test_a_name_that_is_not_listed_is_not_found(runs: Runs, tmp_path: Path, name: str) -> None:
    """Whatever it spells: names are looked up, never made paths of."""
    outside = _write(tmp_path / "outside.jsonl")
    (tmp_path / "runs" / "link.jsonl").symlink_to(outside)
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "runs", target_is_directory=True)
    asked = name.replace("{tmp}", str(tmp_path))

    with pytest.raises(NotFoundError):
        runs.report(asked)
    with pytest.raises(NotFoundError):
        runs.comparison("old.jsonl", asked)
    with pytest.raises(NotFoundError):
        runs.comparison(asked, "old.jsonl")


def test_report_and_comparison_are_those_of_the_command_line(runs: Runs, tmp_path: Path) -> None:
    """Byte for byte, with the bounds of the run, and those of the new one."""
    old, new = (Run.read(tmp_path / "runs" / name) for name in ("old.jsonl", "new.jsonl"))
    bounds, summary = bounds_of_run(new.header), summarise(new)
    comparison = compare(old, new, bounds)

    assert runs.report("new.jsonl") == page(new, summary, checks=check_bounds(summary, bounds))
    assert runs.comparison("old.jsonl", "new.jsonl") == comparison_page(
        old, new, comparison, names=("old.jsonl", "new.jsonl")
    )
    assert comparison.regressions


def test_a_cut_run_is_shown_without_its_last_line(tmp_path: Path) -> None:
    """A killed run leaves half a line: that case has not been run."""
    file = _write(tmp_path / "run.jsonl", cases=6)
    file.write_bytes(file.read_bytes()[:-20])
    runs = RunFolder(tmp_path)

    assert [(row.cases, row.fault) for row in runs.listed()] == [(5, "")]
    assert "5 cases of 1 data set" in runs.report("run.jsonl")


def test_a_run_that_has_only_begun_is_listed_without_figures(tmp_path: Path) -> None:
    """There is a header and no case yet."""
    _write(tmp_path / "run.jsonl", cases=0)

    assert RunFolder(tmp_path).listed() == (ListedRun(name="run.jsonl", started="2026-01-01T00:00:00+00:00"),)


CASE = {"kind": "case", "data_set": "sample", "system": "dateline", "case": {"case_id": "q", "question": "Why?"}}
HEADER = {"kind": "header", "format": 1}
BROKEN = {
    "empty.jsonl": b"",
    "text.jsonl": b"# Notes\n",
    "binary.jsonl": bytes(range(256)),
    "deep.jsonl": b"[" * 100_000,
    "newer.jsonl": b'{"kind": "header", "format": 2}\n',
    "plain.jsonl.gz": b'{"kind": "header", "format": 1}\n',
    "cut.jsonl.gz": BASELINE.read_bytes()[:5000],
    "half.jsonl": json.dumps(HEADER).encode() + b"\n" + json.dumps(CASE).encode() + b"\n",
    "wrong.jsonl": json.dumps(HEADER).encode() + b"\n" + json.dumps({**CASE, "case": []}).encode() + b"\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_listed_with_its_fault(tmp_path: Path, name: str) -> None:
    """It hides no other run, names no folder of the server, and asking for it says the same."""
    (tmp_path / name).write_bytes(BROKEN[name])
    _write(tmp_path / "whole.jsonl", cases=3)
    runs = RunFolder(tmp_path)

    whole, broken = runs.listed()

    assert (whole.name, whole.fault) == ("whole.jsonl", "")
    assert (broken.name, broken.figures) == (name, ())
    assert name in broken.fault
    assert str(tmp_path) not in broken.fault
    with pytest.raises(ConfigurationError):
        runs.report(name)
    with pytest.raises(ConfigurationError):
        runs.comparison("whole.jsonl", name)


@pytest.mark.parametrize("header", [{"bounds": 5}, {"bounds": [{"metric": "none"}]}, {"checker_error": {"sets": 1}}])
def test_a_header_written_by_hand_is_the_files_fault(tmp_path: Path, header: dict[str, Any]) -> None:
    """Its values may be anything; the server tells of the file and does not fail."""
    _write(tmp_path / "run.jsonl", cases=3, **header)

    with pytest.raises(ConfigurationError):
        RunFolder(tmp_path).report("run.jsonl")


def test_runs_without_a_common_system_cannot_be_compared(tmp_path: Path) -> None:
    """The message says why, the hint what can be."""
    _write(tmp_path / "a.jsonl", cases=3)
    _write(tmp_path / "b.jsonl", cases=3, systems=("bm25",))

    with pytest.raises(ConfigurationError, match=r"No system is in both 'a\.jsonl' and 'b\.jsonl'") as raised:
        RunFolder(tmp_path).comparison("a.jsonl", "b.jsonl")

    assert raised.value.hint


def test_hostile_words_stay_text_in_names_lists_and_pages(tmp_path: Path) -> None:
    """A file is called what its writer likes; what is listed can be sent as UTF-8."""
    name = '<img src=x onerror=alert(1)>"\n.jsonl'
    _write(tmp_path / name, cases=3, commit=HOSTILE)
    lines = (tmp_path / name).read_text().replace('"sample"', json.dumps(HOSTILE))
    (tmp_path / name).write_text(lines.replace("How many ships", json.dumps(HOSTILE)[1:-1]))
    runs = RunFolder(tmp_path)

    (row,) = runs.listed()

    assert row.name == name
    " ".join((*row.data_sets, *row.systems, row.fault)).encode("utf-8")
    for html in (runs.report(name), runs.comparison(name, name)):
        assert {"script", "img"} & set(tags_of(html)) == set()
        html.encode("utf-8")


def test_a_run_is_read_again_only_when_it_was_written_to(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures cost time: a list is computed once, and again for a run that has grown."""
    read: list[str] = []
    real = Run.read

    def counted(path: Path, *, name: str | None = None) -> Run:
        read.append(path.name)
        return real(path, name=name)

    monkeypatch.setattr(Run, "read", counted)
    before = runs.listed()
    assert runs.listed() == before
    (tmp_path / "runs" / "old.jsonl").write_bytes((tmp_path / "runs" / "new.jsonl").read_bytes())
    runs.listed()

    assert sorted(read) == ["new.jsonl", "old.jsonl", "old.jsonl"]


def test_many_may_ask_at_once(runs: Runs) -> None:
    """Eight threads get the same list and the same pages."""
    told: list[tuple[Any, ...]] = []

    def ask() -> None:
        told.append((runs.listed(), runs.report("new.jsonl"), runs.comparison("old.jsonl", "new.jsonl")))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 8
    assert len(set(told)) == 1


def test_a_compressed_run_of_ours_can_be_compared_with_a_plain_one(tmp_path: Path) -> None:
    """The form of the file does not matter."""
    plain = _write(tmp_path / "plain.jsonl", cases=4)
    (tmp_path / "small.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))

    assert "4 cases scored in both of 4 shared" in RunFolder(tmp_path).comparison("small.jsonl.gz", "plain.jsonl")
