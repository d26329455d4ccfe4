"""Small data sets written to a folder, and what systems over them are opened with."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from domain.answers import Mode
from domain.settings import Settings, load_settings
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Outcome, Sentence
from eval.records import RecordCache
from eval.systems.system import Surroundings
from service.calibration import FORMAT, Calibration, CurvePoint, Interval, Model, Provenance
from tests.support.encoders import HashingEncoder

DOCUMENTS: Sequence[Mapping[str, Any]] = (
    {
        "doc_id": "port/1",
        "title": "Harbour",
        "date": "2024-03-01",
        "source": "Coast Wire",
        "text": "The harbour of Marrick was closed on Friday because of a storm.\n\nTwo ferries waited outside.",
    },
    {
        "doc_id": "bridge",
        "title": "Bridge",
        "date": "2025-04-02",
        "source": "Coast Wire",
        "text": "The minister opened the new bridge over the Tarrow on Monday.\n\nIt cost 87 million marks.",
    },
)
QUESTIONS: Sequence[Mapping[str, Any]] = (
    {
        "qid": "q1",
        "question": "Why was the harbour of Marrick closed?",
        "answers": ["a storm"],
        "answerable": True,
        "type": "cause",
        "gold": [{"doc_id": "port/1", "text": "The harbour of Marrick was closed on Friday because of a storm."}],
        "history": [],
        "split": "dev",
    },
    {
        "qid": "q2",
        "question": "Who opened the new bridge over the Tarrow?",
        "answers": ["the minister"],
        "answerable": True,
        "type": "who",
        "gold": [{"doc_id": "bridge", "text": "The minister opened the new bridge over the Tarrow on Monday."}],
        "history": [],
    },
    {
        "qid": "q3",
        "question": "How many goals did the visitors score?",
        "answers": [],
        "answerable": False,
        "type": "none",
        "gold": [],
        "history": [],
        "would_be_answers": ["seven"],
    },
)

_HALF: Final = Interval(value=0.5, low=0.5, high=0.5)
# A passage at a cosine below a half is too far away to answer, and nothing else counts.
HALF_AS_NEAR: Final = Calibration(
    format=FORMAT,
    model=Model(bias=-4.0, weights={"near": 8.0}),
    min_relevance=0.5,
    target="made by hand",
    threshold=_HALF,
    risk=_HALF,
    held_out_risk=None,
    coverage=_HALF,
    curve=(CurvePoint(threshold=0.5, coverage=0.5, risk=0.5),),
    travelled={},
    provenance=Provenance(run_id="", system="dateline", data_sets={}, settings="", n=1, unscored=0, seed=0),
)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON lines, compressed where the name ends in `.gz`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_public_set(
    folder: Path,
    *,
    documents: Iterable[Mapping[str, Any]] = DOCUMENTS,
    questions: Iterable[Mapping[str, Any]] = QUESTIONS,
) -> Path:
    """Write a data set in the common form of public sets."""
    write_rows(folder / "corpus.jsonl.gz", documents)
    write_rows(folder / "questions.jsonl.gz", questions)
    return folder


def hashing_settings(folder: Path, *, read: int = 0) -> Settings:
    """Settings for what was not learned: no chat model, as many passages read as is asked for, a rule made by hand.

    The data folder is one that no evaluation may touch.
    """
    rule = folder / "half-as-near.json"
    folder.mkdir(parents=True, exist_ok=True)
    rule.write_text(HALF_AS_NEAR.model_dump_json(), "utf-8")
    return load_settings(
        data_dir=folder / "untouched",
        retrieval={"read": read},
        answer={"calibration": rule},
        chat={"model": "extractive"},
    )


def surroundings_in(folder: Path, *, mode: Mode = Mode.EXTRACTIVE, read: int = 0) -> Surroundings:
    """Surroundings with an encoder that needs no model."""
    settings = hashing_settings(folder, read=read)
    records = RecordCache(folder / "cache", settings=settings, encoder=HashingEncoder())
    return Surroundings(settings=settings, records=records, mode=mode)


class EchoSystem:
    """Answers with the question; fails on the cases that it is told to fail on."""

    def __init__(self, *, name: str = "echo", failing: Iterable[str] = (), interrupted_at: str | None = None) -> None:
        self._name = name
        self._failing = frozenset(failing)
        self._interrupted_at = interrupted_at
        self.seen: list[Case] = []
        self.prepared: list[DataSet] = []
        self.open = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        return {"kind": "echo"}

    def prepare(self, data_set: DataSet) -> None:
        self.prepared.append(data_set)
        self.open += 1

    def run(self, case: Case) -> Outcome:
        if case.case_id == self._interrupted_at:
            raise KeyboardInterrupt
        self.seen.append(case)
        if case.case_id in self._failing:
            raise ZeroDivisionError("the case is too hard")
        return Outcome(status="answered", text=case.question, sentences=(Sentence(text=case.question),))

    def close(self) -> None:
        self.open -= 1
