"""Reads what was sent to a server, one job after another, in a thread of its own."""

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Protocol

from domain.errors import DatelineError
from domain.ports import Encoder, Job
from domain.settings import IngestSettings
from domain.uploads import Upload
from ingest.parsed import RawSource, SkippedSource
from ingest.parser_pool import ParserPool
from ingest.pipeline import Ledger, ingest
from ingest.report import IngestProgress, IngestReport, StoppedEarly
from ingest.sources import uploaded

_LOOKS_EVERY_S: Final = 30.0  # Also without a call: after a fault there may be work that nobody announces.
_RESTS_S: Final = 5.0  # After a fault of the record, such as a full disk.

_log = logging.getLogger(__name__)


class Queue(Protocol):
    """Jobs that wait; those of a process that died wait again."""

    def take(self) -> tuple[Job, Upload | None] | None:
        """Return the oldest waiting job, from now on running; without an upload it is a purge."""
        ...

    def finish(self, job_id: str, *, state: Literal["done", "failed"], report: Mapping[str, Any]) -> None:
        """Record how a job ended."""
        ...

    def requeue(self) -> int:
        """Let jobs that are marked as running wait again, and count them."""
        ...


class LedgerWithUploads(Ledger, Protocol):
    """The record, to read and to write, and what was sent to it."""

    @property
    def uploads(self) -> Queue:
        """What waits to be read."""
        ...


class OpenRecord(Protocol):
    """An open record, as far as reading uploads needs it."""

    @property
    def ledger(self) -> LedgerWithUploads:
        """The truth."""
        ...

    @property
    def encoder(self) -> Encoder:
        """The record's encoder."""
        ...

    def publish(self) -> None:
        """Bring the indexes up to the ledger."""
        ...

    def purge(self) -> None:
        """Remove every byte of what was deleted."""
        ...


class Intake:
    """Works through the uploads of one record; a job that is running when it stops goes on with the next start.

    Args:
        record: Opened for writing.
        settings: Limits of reading.
    """

    def __init__(self, record: OpenRecord, settings: IngestSettings) -> None:
        self._record = record
        self._settings = settings
        self._pool = ParserPool(settings)
        self._called = threading.Event()
        self._stopping = threading.Event()
        self._is_paused = False
        self._running: tuple[str, IngestProgress] | None = None
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin with what waits; returns at once."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something waits, or that the indexes are behind the ledger."""
        self._called.set()

    def stop(self) -> None:
        """Stop at the next document, and wait until what is being written is durable."""
        self._stopping.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.close()

    def check_address(self, url: str) -> None:
        """Refuse a web address that may not be fetched, as far as that is known without looking its name up.

        Raises:
            FetchError: `url_not_valid` or `url_not_allowed`.
        """
        from ingest.fetch import check_address  # noqa: PLC0415  - files need no HTTP client

        check_address(url, settings=self._settings)

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """Return how far a job has come, `None` unless it is running."""
        running = self._running
        if running is None or running[0] != job_id:
            return None
        return {"done": running[1].done, "total": running[1].total, "passages": running[1].passages}

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._called.clear()
            try:
                self._record.ledger.uploads.requeue()  # What a fault, or the end of an earlier process, left running.
                self._record.publish()  # A deletion may have changed the ledger.
                while not self._stopping.is_set() and self._work():
                    pass
            except DatelineError as error:
                _log.warning("uploads wait: %s", error)
                self._stopping.wait(_RESTS_S)
            else:
                self._called.wait(_LOOKS_EVERY_S)

    def _work(self) -> bool:
        """Do the next job; `False` when none waits."""
        taken = self._record.ledger.uploads.take()
        if taken is None:
            return False
        job, upload = taken
        try:
            report = self._purged() if upload is None else self._read(job, upload)
        except Exception:  # noqa: BLE001  - the next job must not suffer for it, nor this one run again for ever
            _log.exception("job %s failed unexpectedly", job.job_id)
            why = StoppedEarly(reason="internal_error", message="A fault of ours; the server's log has the reason")
            report = IngestReport(stopped=why)
        if self._is_paused:
            return False
        # With some of its documents it is done, and the report names the others.
        is_done = report.stopped is None and bool(upload is None or report.documents or not report.failed)
        state: Literal["done", "failed"] = "done" if is_done else "failed"
        self._record.ledger.uploads.finish(job.job_id, state=state, report=report.as_json())
        _log.info("job %s %s: %d documents, %d failed", job.job_id, state, len(report.documents), len(report.failed))
        return True

    def _read(self, job: Job, upload: Upload) -> IngestReport:
        self._running = (job.job_id, IngestProgress(done=0, total=None, passages=0, seconds=0.0))
        try:
            return ingest(
                self._until_stopped(uploaded(upload, settings=self._settings)),
                ledger=self._record.ledger,
                encoder=self._record.encoder,
                publish=self._record.publish,
                settings=self._settings,
                progress=lambda told: self._tell(job.job_id, told),
                job_id=job.job_id,
                parse=self._pool.parse,
            )
        finally:
            self._running = None

    def _until_stopped(self, sources: Iterator[RawSource | SkippedSource]) -> Iterator[RawSource | SkippedSource]:
        for source in sources:
            if self._stopping.is_set():
                self._is_paused = True  # The job stays as it is, and goes on with the next start.
                return
            yield source

    def _tell(self, job_id: str, told: IngestProgress) -> None:
        self._running = (job_id, told)

    def _purged(self) -> IngestReport:
        try:
            self._record.purge()
        except DatelineError as error:
            return IngestReport(stopped=StoppedEarly(reason=error.code, message=error.message, hint=error.hint))
        return IngestReport()
