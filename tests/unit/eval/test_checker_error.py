import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError
from domain.settings import Settings
from eval.checker_error import SHIPPED, known_error, measure, measured_with
from eval.metrics.citations import checker_error
from retriever.support_checker import OnnxSupportChecker

CHECKER = OnnxSupportChecker.load()


def test_agreement_is_counted_on_both_kinds_of_claim() -> None:
    """3 of 4 supported and 1 of 2 other claims are judged as people did: accuracy 4/6, balanced (3/4 + 1/2) / 2."""
    verdicts = [(True, True), (True, True), (True, True), (True, False), (False, False), (False, True)]

    error = checker_error(verdicts, list("abcdef"))

    assert error.accuracy.mean == pytest.approx(4 / 6)
    assert error.balanced_accuracy.mean == pytest.approx(0.625)
    assert (error.accuracy.n, error.supported) == (6, 4)


def test_no_labels_give_no_figures() -> None:
    error = checker_error([], [])

    assert (error.accuracy.mean, error.balanced_accuracy.mean, error.supported) == (None, None, 0)


def test_claims_go_through_the_assistants_own_check(tmp_path: Path) -> None:
    """A chunk that says it all supports the first claim; the second's figure is in no chunk.

    The single-sentence pairs are a quote, which is supported, and an unrelated sentence that people call support.
    """
    lock = "The lock at Orrin was closed for nine weeks."
    _write(
        tmp_path / "wice_oracle_chunks_dev.jsonl.gz",
        {"claim": lock, "label": "supported", "evidence": ["Ferries ran as usual.", ""]},
        {"claim": lock, "label": "supported", "evidence": ["Barges waited.", lock]},
        {"claim": "It was closed for 12 weeks.", "label": "partially_supported", "evidence": [lock]},
    )
    _write(
        tmp_path / "climate_fever.jsonl.gz",
        {"hypothesis": lock, "premise": lock, "label": "entailment"},
        {"hypothesis": lock, "premise": "Ferries ran as usual.", "label": "entailment"},
    )

    found = measure(tmp_path, CHECKER, min_support=0.5)

    assert [(one["name"], one["n"], one["supported"], one["accuracy"]["mean"]) for one in found["sets"]] == [
        ("wice_oracle_chunks_dev", 2, 1, 1.0),
        ("climate_fever", 2, 2, 0.5),
    ]


@pytest.mark.parametrize("other", [{}, {"min_support": 0.5}, {"weights": "others"}, {"code": "older"}])
def test_a_measurement_is_current_for_the_same_weights_threshold_and_code(
    tmp_path: Path, other: dict[str, object]
) -> None:
    """Our own is known before the shipped one; of another checker it is still shown, as another's."""
    settings = Settings()
    ours = {"sets": [], "min_support": settings.answer.min_support, **measured_with(settings), **other}
    kept = tmp_path / "checker.json"
    kept.write_text(json.dumps(ours), "utf-8")

    assert known_error(settings, kept) == {**ours, "is_current": other == {}}


@pytest.mark.parametrize("content", [None, "no JSON", "[]"])
def test_the_shipped_measurement_stands_in_for_one_of_our_own(tmp_path: Path, content: str | None) -> None:
    kept = tmp_path / "checker.json"
    if content is not None:
        kept.write_text(content, "utf-8")

    known = known_error(Settings(), kept)

    assert known is not None
    assert known["sets"] == json.loads(SHIPPED.read_text("utf-8"))["sets"]


def test_a_folder_without_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no labelled claims"):
        measure(tmp_path, CHECKER, min_support=0.5)


def test_a_limit_draws_the_same_claims_each_time(tmp_path: Path) -> None:
    rows = [
        {"hypothesis": f"{number} barges waited.", "premise": f"{number % 3} barges waited.", "label": "neutral"}
        for number in range(30)
    ]
    _write(tmp_path / "climate_fever.jsonl.gz", *rows)

    found = measure(tmp_path, CHECKER, min_support=0.5, limit=10)

    assert found["sets"][0]["n"] == 10
    assert measure(tmp_path, CHECKER, min_support=0.5, limit=10) == found


def test_the_public_sets_are_read(shared: Path) -> None:
    """On 40 claims of each, people and the checker agree more often than not on Climate-FEVER."""
    found = measure(shared / "datasets" / "dev" / "nli", CHECKER, min_support=0.5, limit=40)

    assert [(one["name"], one["n"]) for one in found["sets"]] == [
        ("wice_oracle_chunks_dev", 40),
        ("climate_fever", 40),
    ]
    assert found["sets"][1]["accuracy"]["mean"] > 0.5


def _write(path: Path, *rows: dict[str, Any]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
