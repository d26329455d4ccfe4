"""A small record in which everything is that the examples of the description name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import update

from domain.answers import Question
from domain.errors import NotFoundError
from domain.ports import ListedRun
from domain.settings import IngestSettings, Settings
from ingest.intake import Intake
from retriever.ledger_schema import jobs
from retriever.wiring import Record
from service.api.app import create_app
from service.rendering import answer_body
from service.wiring import OpenService
from tests.support.records import prepared
from tests.support.serving import opened, serving_settings

ANSWER: Final = "ans_0123456789abcdef01234567"
DOCUMENT: Final = "doc_0123456789abcdef"
JOB: Final = "job_0123456789abcdef"
QUESTION: Final = "When does the northern bridge open?"
_DOCUMENTS: Final = (
    prepared(
        DOCUMENT,
        "The northern bridge of Torval opens in June, Governor Lena Marsh said on Thursday.",
        published=date(2025, 2, 6),
        publisher="Harbour Gazette",
        title="Bridge to open",
    ),
    prepared("doc_fedcba9876543210", "A lighthouse keeper counted the gulls of Torval.", published=date(2025, 3, 1)),
)


@contextmanager
def example_app(
    folder: Path, *, intake: Callable[[Record, IngestSettings], Intake] | None = None, **server: Any
) -> Iterator[FastAPI]:
    """Build the application over the record; it is not started."""
    settings: Settings = serving_settings(folder, **server)
    with opened(settings, _DOCUMENTS) as service:
        service.record.wait_until_indexed(60)
        _keep_what_examples_name(service)
        yield create_app(settings, service=service, intake=intake, runs=ExampleRuns())


class ExampleRuns:
    """Two runs of the evaluation."""

    def listed(self) -> tuple[ListedRun, ...]:
        """Both can be shown."""
        return tuple(
            ListedRun(
                name=name,
                started=started,
                data_sets=("sample",),
                systems=("dateline",),
                cases=280,
                figures=(("Holds the answer", holds), ("Quotes verbatim", "100 %")),
            )
            for name, started, holds in (
                ("sample.jsonl", "2025-03-02T09:30:00+00:00", "74.6 %"),
                ("earlier.jsonl", "2025-02-28T18:22:51+00:00", "65.5 %"),
            )
        )

    def report(self, name: str) -> str:
        """A page that names the run."""
        self._require(name)
        return f"<!doctype html><title>Report</title><p>Report on {name}</p>"

    def comparison(self, base: str, new: str) -> str:
        """A page that names both."""
        self._require(base)
        self._require(new)
        return f"<!doctype html><title>Comparison</title><p>From {base} to {new}</p>"

    def _require(self, name: str) -> None:
        if name not in {one.name for one in self.listed()}:
            raise NotFoundError(f"There is no run {name!r}", hint="GET /v1/runs lists those that there are.")


class Idle(Intake):
    """An intake that reads nothing of what is sent."""

    def start(self) -> None:
        """Leave what waits."""


def _keep_what_examples_name(service: OpenService) -> None:
    ledger = service.record.ledger
    body = answer_body(service.assistant.answer(Question(text=QUESTION)))
    ledger.save_answer(ANSWER, body | {"id": ANSWER})
    job_id = ledger.start_job("https://example.com/statement")
    report = {"documents": [DOCUMENT], "added": 1, "updated": 0, "unchanged": 0, "failures": [], "notes": []}
    ledger.finish_job(job_id, state="done", report=report)
    with ledger._database.writing() as connection:
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(job_id=JOB))
