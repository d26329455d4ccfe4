"""Runs in the forms that other tools read: TREC run and qrels, and ragas-compatible JSON lines."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

from domain.errors import ConfigurationError
from eval.cases import Case
from eval.outcomes import Found
from eval.run_file import Run, ScoredLine

Format = Literal["trec", "ragas"]

_REFUSED: Final = "The record does not answer this question."
_SPACE: Final = re.compile(r"[\s%]")
_NOT_IN_NAMES: Final = re.compile(r"[^\w.-]+", re.ASCII)


def export(run: Run, form: Format, folder: Path) -> tuple[Path, ...]:
    """Write a run into a folder, one file per data set and system, and return what was written.

    `trec` gives `DATA_SET.SYSTEM.run` and `DATA_SET.qrels`, for `ir_measures QRELS RUN nDCG@10` and its like; `ragas`
    gives `DATA_SET.SYSTEM.jsonl`. Unscored cases are in none of them, except in qrels.

    Raises:
        ConfigurationError: If the folder cannot be written.
    """
    texts = _trec_files(run) if form == "trec" else _ragas_files(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The export cannot be written to {str(folder)!r}: {error.strerror or error}", hint="Name another folder."
        ) from error
    return tuple(folder / name for name in texts)


def trec_run(lines: Iterable[ScoredLine], *, tag: str) -> str:
    """Return `case Q0 document rank score tag` lines, one per document: of several passages the best counts.

    Copies that the system folds into one document follow it at ranks of their own, since the form has no other way to
    say that they were found; with copies, a figure computed from it can be below the report's.

    The score is the reciprocal rank: tools that order by score keep the system's order, whatever its own scale was.
    """
    return "".join(
        f"{_token(line.case.case_id)} Q0 {_token(doc_id)} {rank} {1 / rank:.6f} {_token(tag)}\n"
        for line in lines
        for rank, doc_id in enumerate(_ranked_documents(line.outcome.found), start=1)
    )


def trec_qrels(cases: Iterable[Case]) -> str:
    """Return `case 0 document 1` lines for the gold documents; a case without gold has none."""
    return "".join(
        f"{_token(case.case_id)} 0 {_token(doc_id)} 1\n"
        for case in cases
        for doc_id in dict.fromkeys(gold.doc_id for gold in case.gold)
    )


def ragas_rows(lines: Iterable[ScoredLine]) -> str:
    """Return JSON lines with the column names of ragas' single-turn samples.

    A refusal becomes a sentence that says so, since ragas knows no other answer; `reference` is the first right answer,
    and the same sentence where the record does not answer.
    """
    return "".join(
        json.dumps(
            {
                "user_input": line.case.question,
                "response": line.outcome.text if line.outcome.status == "answered" else _REFUSED,
                "retrieved_contexts": [one.text for one in line.outcome.found],
                "reference": _reference(line.case),
                "reference_contexts": [gold.text for gold in line.case.gold if gold.text],
            }
        )
        + "\n"
        for line in lines
        if line.outcome.status in {"answered", "refused"}
    )


def _ranked_documents(found: Sequence[Found]) -> list[str]:
    return list(dict.fromkeys(doc_id for one in found for doc_id in (one.doc_id, *one.copies)))


def _trec_files(run: Run) -> dict[str, str]:
    files = {}
    for (data_set, system), lines in _grouped(run).items():
        files[f"{_file_name(data_set)}.{_file_name(system)}.run"] = trec_run(lines, tag=system)
    for data_set in dict.fromkeys(line.data_set for line in run.lines):
        cases = {line.case.case_id: line.case for line in run.lines if line.data_set == data_set}
        files[f"{_file_name(data_set)}.qrels"] = trec_qrels(cases.values())
    return files


def _ragas_files(run: Run) -> dict[str, str]:
    files = {
        f"{_file_name(data_set)}.{_file_name(system)}.jsonl": ragas_rows(lines)
        for (data_set, system), lines in _grouped(run).items()
    }
    return {name: text for name, text in files.items() if text}


def _grouped(run: Run) -> dict[tuple[str, str], list[ScoredLine]]:
    groups: dict[tuple[str, str], list[ScoredLine]] = {}
    for line in run.lines:
        groups.setdefault((line.data_set, line.system), []).append(line)
    return groups


def _reference(case: Case) -> str:
    answers: Sequence[str] = case.answers if case.answerable else (_REFUSED,)
    return answers[0] if answers else ""


def _token(text: str) -> str:
    """Return an id without white space, which separates the columns; percent-encoded, so that it can be undone."""
    return _SPACE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text) or "-"


def _file_name(name: str) -> str:
    """Return a name that every file system takes; changed ones carry a digest, so that no two become one."""
    plain = _NOT_IN_NAMES.sub("-", name).strip("-.")
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
