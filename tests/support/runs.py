"""Synthetic runs: cases of one form, and outcomes that are right as often as is asked."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.cases import Case, Gold
from eval.outcomes import Found, Outcome, Quote, Sentence
from eval.run_file import Run, RunWriter, ScoredLine

KINDS = ("who_said_what", "figure", "superseded")
YEARS = (2023, 2024, 2025)


def synthetic_run(
    *,
    seed: int,
    cases: int = 120,
    skill: float = 0.8,
    systems: Sequence[str] = ("dateline",),
    flips: float = 0.0,
    slowness: float = 1.0,
    unscored: int = 0,
    **header: Any,
) -> Run:
    """A run over `sample`; a fifth of its cases is unanswerable.

    Args:
        cases: How many.
        systems: Each has the same outcomes.
        seed: Decides the cases' difficulties, so that two runs of one seed share their cases.
        skill: A case of lower difficulty has a right outcome.
        flips: Share of cases whose outcome is drawn anew, as a change without an effect does.
        slowness: Factor on all milliseconds.
        unscored: Cases at the end that failed.
        header: More fields of the header.
    """
    random = np.random.default_rng(seed)
    difficulties = random.random(cases)
    lines = [
        _line(number, system, float(difficulties[number]), skill, slowness, failed=number >= cases - unscored)
        for system in systems
        for number in range(cases)
    ]
    if flips:
        other = np.random.default_rng([seed, 1])
        for position, line in enumerate(lines):
            if other.random() < flips:
                lines[position] = _line(
                    int(line.case.case_id[1:]), line.system, float(other.random()), skill, slowness, failed=False
                )
    return Run(header=header_of(systems=list(systems), **header), lines=tuple(lines))


def header_of(**changes: Any) -> dict[str, Any]:
    """What the first line of a run file says, as far as reports read it."""
    return {
        "kind": "header",
        "format": 1,
        "run_id": "run-1",
        "commit": "0123abc",
        "settings": "feedc0de",
        "systems": ["dateline"],
        "data_sets": [{"name": "sample", "digest": "ab" * 32, "cases": 120}],
        "seed": 7,
        **changes,
    }


def write_run(path: Path, run: Run) -> Path:
    """Write a run file as `dateline eval run` does."""
    writer = RunWriter(path)
    writer.begin({key: value for key, value in run.header.items() if key not in {"kind", "format"}})
    for line in run.lines:
        writer.add(line)
    return path


def _line(number: int, system: str, difficulty: float, skill: float, slowness: float, *, failed: bool) -> ScoredLine:
    answerable = number % 5 != 0
    case = Case(
        case_id=f"q{number}",
        question=f"How many ships passed lock {number}?",
        answers=(f"{number + 1000} ships",) if answerable else (),
        answerable=answerable,
        kind=KINDS[number % 3] if answerable else "unanswerable",
        gold=(Gold(doc_id=f"d{number}", text=_story(number)),) if answerable else (),
        refusal_reason=None if answerable else "not_answered_by_the_record",
        cluster=f"d{number}",
        year=YEARS[number % 3],
    )
    outcome = (
        Outcome(status="unscored", reason="ValueError: boom")
        if failed
        else _outcome(case, number, difficulty, skill, slowness)
    )
    return ScoredLine(data_set="sample", system=system, case=case, outcome=outcome)


def _outcome(case: Case, number: int, difficulty: float, skill: float, slowness: float) -> Outcome:
    right = difficulty < skill
    timings = {"retrieve": 20.0 * slowness, "first_words": 40.0 * slowness, "total": (50 + 100 * difficulty) * slowness}
    found = tuple(
        Found(doc_id=f"d{(number + shift) % 1000}", text=_story(number + shift), score=1 / (shift + 1))
        for shift in range(0 if right else 3, 12)
    )
    confidence = round(1 - 0.8 * difficulty if case.answerable else 0.8 * difficulty, 4)
    signals = {"sure": _log_odds(confidence)}
    if case.answerable and not right and number % 2:
        return Outcome(
            status="refused",
            refusal_reason="not_answered_by_the_record",
            confidence=confidence,
            signals=signals,
            found=found,
            timings_ms=timings,
        )
    if not case.answerable and right:
        return Outcome(
            status="refused",
            refusal_reason="not_answered_by_the_record",
            confidence=confidence,
            signals=signals,
            found=found,
            timings_ms=timings,
        )
    said = _story(number if right else number + 3)
    quote = Quote(doc_id=f"d{number if right else number + 3}", text=said, verbatim=True, support=0.9)
    return Outcome(
        status="answered",
        text=said,
        mode="extractive",
        sentences=(Sentence(text=said, quotes=(quote,)),),
        found=found,
        confidence=confidence,
        signals=signals,
        timings_ms=timings,
    )


def _log_odds(confidence: float) -> float:
    bounded = min(max(confidence, 1e-4), 1 - 1e-4)
    return round(math.log(bounded / (1 - bounded)), 4)


def _story(number: int) -> str:
    return f"The canal office counted {number + 1000} ships at lock {number} in spring."
