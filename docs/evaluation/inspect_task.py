"""An Inspect task over Dateline's HTTP interface.

    dateline serve &
    inspect eval inspect_task.py --model none -T cases=cases.jsonl

`cases` is a file of cases in Dateline's own form: `case_id`, `question`, `answers`, `answerable` and the fields that
restrict the question, as in eval/suites/sample/cases. Tried with inspect-ai 0.3.285, which wants a relative path.
"""

import json
from pathlib import Path
from typing import Any

import httpx
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

REFUSED = "(refused)"
ASKED_WITH = ("as_of", "from", "to", "publisher", "history")


@task
def dateline(cases: str, url: str = "http://127.0.0.1:8000") -> Task:
    """Ask every case, and score answers and refusals alike."""
    return Task(dataset=_samples(Path(cases)), solver=asked(url), scorer=right())


@solver
def asked(url: str) -> Solver:
    """Ask `/v1/ask`; what it says in full is kept in the sample's store."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001  - Inspect's signature
        body = {"question": state.input_text, **state.metadata}
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            response = await client.post("/v1/ask", json=body)
            response.raise_for_status()
        answer: dict[str, Any] = response.json()
        state.store.set("answer", answer)
        said = REFUSED if answer["kind"] == "refusal" else " ".join(one["text"] for one in answer["sentences"])
        state.output = ModelOutput.from_content(model="dateline", content=said)
        return state

    return solve


@scorer(metrics=[accuracy(), stderr()])
def right() -> Scorer:
    """Right is an answer that contains one of the expected ones, or a refusal where there is none."""

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        expected = list(target)
        if expected == [REFUSED]:
            return Score(value=float(said == REFUSED), answer=said)
        return Score(value=float(any(one.casefold() in said.casefold() for one in expected)), answer=said)

    return score


def _samples(cases: Path) -> MemoryDataset:
    rows = [json.loads(line) for line in cases.read_text("utf-8").splitlines() if line.strip()]
    return MemoryDataset(
        [
            Sample(
                id=row["case_id"],
                input=row["question"],
                target=list(row.get("answers") or ()) if row.get("answerable", True) else REFUSED,
                metadata={name: row[name] for name in ASKED_WITH if row.get(name)},
            )
            for row in rows
        ]
    )
