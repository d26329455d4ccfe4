"""`dateline eval report`, `compare`, `calibrate` and `export`: files, exit codes, messages."""

import json
from pathlib import Path

import pytest

from cli.main import run
from tests.support.runs import synthetic_run, write_run

BOUNDS = [{"metric": "contains", "at_least": 0.5, "may_fall": 0.02, "data_set": "sample"}]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "base.jsonl", synthetic_run(seed=1, bounds=BOUNDS))


def test_report_writes_page_and_junit_and_holds_the_bounds(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The suite's bounds hold: exit 0, a page, an XML file, a table."""
    assert run(["eval", "report", str(base), "--html", "out/page.html", "--junit", "out/page.xml"]) == 0

    assert "contains" in capsys.readouterr().out
    assert Path("out/page.html").read_text("utf-8").startswith("<!doctype html>")
    assert 'failures="0"' in Path("out/page.xml").read_text("utf-8")


def test_report_prints_json_and_fails_on_a_violated_bound(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another suite demands more than the run has: exit 1, and the JSON says what."""
    (tmp_path / "suite.toml").write_text('[[bounds]]\nmetric = "contains"\nat_least = 0.99\n')

    assert run(["eval", "report", str(base), "--json", "--bounds", str(tmp_path)]) == 1

    said = json.loads(capsys.readouterr().out)
    assert [check["status"] for check in said["checks"]] == ["violated"]
    assert said["run"]["run_id"] == "run-1"


def test_compare_exits_1_on_a_regression_and_0_without(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against itself nothing is found; skill 0.5 instead of 0.8 is."""
    worse = write_run(Path("worse.jsonl"), synthetic_run(seed=1, skill=0.5, bounds=BOUNDS))

    assert run(["eval", "compare", str(base), str(base)]) == 0
    assert run(["eval", "compare", str(base), str(worse)]) == 1

    assert "Regressions" in capsys.readouterr().out


def test_compare_writes_its_page(base: Path) -> None:
    """It names both runs; of two systems of one run also which is which."""
    both = write_run(Path("both.jsonl"), synthetic_run(seed=1, cases=10, systems=("dateline", "bm25")))

    assert run(["eval", "compare", str(base), str(base), "--html", "out/page.html"]) == 0
    assert run(["eval", "compare", str(both), str(both), "--against", "bm25", "--html", "out/two.html"]) == 0

    assert "there are no bounds" not in Path("out/page.html").read_text("utf-8")
    assert "bm25 in both.jsonl" in Path("out/two.html").read_text("utf-8")


def test_runs_without_a_common_system_are_a_wrong_usage(base: Path) -> None:
    """A comparison of nothing must not look like one without a regression."""
    other = write_run(Path("other.jsonl"), synthetic_run(seed=1, cases=5, systems=("bm25",)))

    assert run(["eval", "compare", str(base), str(other)]) == 2


def test_calibrate_writes_what_the_settings_name(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of the two targets is needed; the file holds the threshold that was printed."""
    assert run(["eval", "calibrate", str(base), "--out", "c.json"]) == 2
    assert run(["eval", "calibrate", str(base), "--max-wrong", "0.05", "--out", "c.json"]) == 0

    assert f"{json.loads(Path('c.json').read_text())['min_relevance']:.3f}" in capsys.readouterr().out


def test_export_names_the_files_that_it_wrote(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One path a line; with --json a list."""
    assert run(["eval", "export", str(base), "trec", "--out", "out", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {"files": ["out/sample.dateline.run", "out/sample.qrels"]}
