"""Ingestion: source → documents → passages → vectors → ledger, in windows; indexes follow."""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from domain.errors import DatelineError, IngestError, RecordError
from domain.ports import Encoder, PreparedDocument, RecordReader, RecordWriter, Vector
from domain.settings import IngestSettings
from ingest.catalogue import KnownDocuments
from ingest.incoming import IncomingDocument, Reception, document_id_of
from ingest.parsed import ParsedDocument, RawSource, SkippedSource
from ingest.parser_pool import ParserPool
from ingest.report import MOST_LISTED, FailedSource, FoundCopy, IngestProgress, IngestReport, StoppedEarly

_WINDOWS_PER_PUBLISH = 2  # Bringing indexes up to date has a fixed price; a search sees new documents a little later.

Parse = Callable[[RawSource], tuple[ParsedDocument, ...]]
"""Bytes to documents; raises `IngestError`."""


class Ledger(RecordReader, RecordWriter, Protocol):
    """The record, to read and to write."""


def ingest(
    sources: Iterable[RawSource | SkippedSource],
    *,
    ledger: Ledger,
    encoder: Encoder,
    publish: Callable[[], None],
    settings: IngestSettings,
    progress: Callable[[IngestProgress], None] | None = None,
    job_id: str | None = None,
    parse: Parse | None = None,
) -> IngestReport:
    """Bring sources into the record.

    Documents become durable in windows of `settings.window_passages` passages; one window is read while the one before
    it is embedded and committed. Running the same command again after a kill goes on where it stopped: what is
    committed is recognised as unchanged, vectors already computed are reused.

    Args:
        sources: Taken lazily, so that a large corpus needs little memory.
        ledger: The record; the caller holds its writer lock.
        encoder: The record's encoder.
        publish: Brings the indexes up to the ledger; called every few windows and at the end.
        settings: Limits and window.
        progress: Called after every source and every commit.
        job_id: The job that this is part of, which the caller finishes; `None` for one of its own.
        parse: Reads one source; a pool of killable processes when `None`.

    Returns:
        What became of the sources. A source that fails is reported and the others go on. An error of the record, the
        encoder, or an interrupt ends the run: the report then has `stopped` set, and what it counts is durable.
    """
    writer = _Writer(ledger=ledger, encoder=encoder, publish=publish, window=settings.window_passages)
    run = _Run(
        record=ledger,
        write=writer.write,
        settings=settings,
        progress=progress,
        total=len(sources) if isinstance(sources, Sized) else None,
    )
    job = None
    try:
        job = ledger.start_job("ingest") if job_id is None else None
        _read_all(run, sources, settings=settings, parse=parse)
        run.finish()
    except KeyboardInterrupt:
        run.stop(StoppedEarly(reason="interrupted", message="Interrupted", hint="Run the same command to go on."))
    except DatelineError as error:
        run.stop(StoppedEarly(reason=error.code, message=error.message, hint=error.hint))
    writer.publish_rest()
    report = run.report(notes=writer.notes)
    # A disk that is full refuses this too; the report already says so.
    with contextlib.suppress(RecordError):
        if job is not None:
            ledger.finish_job(job, state="failed" if report.stopped else "done", report=report.as_json())
    return report


def survey(
    sources: Iterable[RawSource | SkippedSource],
    *,
    record: KnownDocuments,
    settings: IngestSettings,
    progress: Callable[[IngestProgress], None] | None = None,
    parse: Parse | None = None,
) -> IngestReport:
    """Report what `ingest` would do, without embedding or writing anything."""
    run = _Run(record=record, write=_keep_nothing, settings=settings, progress=progress, total=None)
    try:
        _read_all(run, sources, settings=settings, parse=parse)
        run.finish()
    except KeyboardInterrupt:
        run.stop(StoppedEarly(reason="interrupted", message="Interrupted"))
    except DatelineError as error:
        run.stop(StoppedEarly(reason=error.code, message=error.message, hint=error.hint))
    return run.report(notes=())


def _read_all(
    run: "_Run", sources: Iterable[RawSource | SkippedSource], *, settings: IngestSettings, parse: Parse | None
) -> None:
    if parse is not None:
        run.read(sources, parse)
        return
    with ParserPool(settings) as pool:
        run.read(sources, pool.parse)


def _keep_nothing(documents: Sequence[IncomingDocument]) -> None:
    del documents


class _Run:
    """One ingestion: sorts sources into what is new and what is not, and hands windows of documents on."""

    def __init__(
        self,
        *,
        record: KnownDocuments,
        write: Callable[[Sequence[IncomingDocument]], None],
        settings: IngestSettings,
        progress: Callable[[IngestProgress], None] | None,
        total: int | None,
    ) -> None:
        self._reception = Reception(
            record, near_duplicate=settings.near_duplicate, max_passage_chars=settings.max_passage_chars
        )
        self._write = write
        self._window = settings.window_passages
        self._progress = progress
        self._total = total
        self._started = time.monotonic()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ingest-writer")
        self._writing: tuple[Future[None], list[IncomingDocument]] | None = None
        self._waiting: list[IncomingDocument] = []
        self._waiting_passages = 0
        self._done = 0
        self._added: list[str] = []
        self._updated: list[str] = []
        self._unchanged = 0
        self._known: list[str] = []
        self._failed: list[FailedSource] = []
        self._copies: list[FoundCopy] = []
        self._notes: list[str] = []
        self._passages = 0
        self._stopped: StoppedEarly | None = None

    def read(self, sources: Iterable[RawSource | SkippedSource], parse: Parse) -> None:
        """Take in all sources; a source that cannot be read does not keep the others out."""
        for source in sources:
            if isinstance(source, SkippedSource):
                self._failed.append(FailedSource(uri=source.uri, reason=source.reason, message=source.message))
            else:
                self._take(source, parse)
            self._done += 1
            self._tell()

    def finish(self) -> None:
        """Write the documents that wait, and wait until they are durable."""
        self._hand_over()
        self._settle()
        self._writer.shutdown()

    def stop(self, why: StoppedEarly) -> None:
        """End the run; documents that wait are dropped, since the next run reads them again."""
        self._waiting, self._waiting_passages = [], 0
        # What is being written becomes durable or fails as a whole; the report has to know which.
        with contextlib.suppress(DatelineError):
            self._settle()
        self._writer.shutdown()
        self._stopped = why

    def _hand_over(self) -> None:
        """Let the window that waits be written while the next one is read."""
        self._settle()
        if self._waiting:
            self._writing = self._writer.submit(self._write, self._waiting), self._waiting
            self._waiting, self._waiting_passages = [], 0

    def _settle(self) -> None:
        """Wait for the window that is being written, and count it."""
        if self._writing is None:
            return
        (written, documents), self._writing = self._writing, None
        written.result()
        for incoming in documents:
            self._count(incoming)
        self._tell()

    def report(self, *, notes: Sequence[str]) -> IngestReport:
        """Return what became of the sources so far."""
        return IngestReport(
            added=tuple(self._added),
            updated=tuple(self._updated),
            unchanged=self._unchanged,
            known=tuple(self._known),
            failed=tuple(self._failed),
            copies=tuple(self._copies),
            notes=(*self._notes, *notes),
            passages=self._passages,
            seconds=time.monotonic() - self._started,
            stopped=self._stopped,
        )

    def _take(self, source: RawSource, parse: Parse) -> None:
        try:
            parsed = parse(source)
        except IngestError as error:
            self._fail(source, error)
            return
        for document in parsed:
            try:
                incoming = self._reception.receive(source, document)
            except IngestError as error:
                self._fail(source, error)
                continue
            self._notes.extend(f"{source.name}: {note}" for note in document.notes)
            if incoming is None:
                self._unchanged += 1
                if len(self._known) < MOST_LISTED:
                    self._known.append(document_id_of(source.uri, document.key))
            else:
                self._wait(incoming)

    def _wait(self, incoming: IncomingDocument) -> None:
        self._waiting.append(incoming)
        self._waiting_passages += len(incoming.passages)
        if self._waiting_passages >= self._window:
            self._hand_over()

    def _count(self, incoming: IncomingDocument) -> None:
        header = incoming.document.header
        (self._updated if incoming.is_update else self._added).append(header.document_id)
        self._passages += len(incoming.passages)
        if header.duplicate_of is not None and header.duplicate_kind is not None:
            self._copies.append(
                FoundCopy(
                    document_id=header.document_id,
                    duplicate_of=header.duplicate_of,
                    kind=header.duplicate_kind,
                    similarity=1.0 if header.similarity is None else header.similarity,
                )
            )

    def _fail(self, source: RawSource, error: IngestError) -> None:
        message = f"{error.message}. {error.hint}" if error.hint else error.message
        self._failed.append(FailedSource(uri=source.uri, reason=error.reason, message=message))

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(
                IngestProgress(
                    done=self._done,
                    total=self._total,
                    passages=self._passages,
                    seconds=time.monotonic() - self._started,
                )
            )


class _Writer:
    """Embeds windows of documents, commits each in one transaction, and lets the indexes follow."""

    def __init__(self, *, ledger: Ledger, encoder: Encoder, publish: Callable[[], None], window: int) -> None:
        self._ledger = ledger
        self._encoder = encoder
        self._publish = publish
        self._window = window
        self._unpublished = 0
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="ingest-publisher")
        self._publishing: Future[None] | None = None
        self.notes: list[str] = []

    def write(self, documents: Sequence[IncomingDocument]) -> None:
        """Make documents durable."""
        vectors = self._embed([text for incoming in documents for text in incoming.embedded_texts])
        self._ledger.commit([_prepared(incoming, vectors) for incoming in documents])
        self._unpublished += 1
        if self._unpublished >= _WINDOWS_PER_PUBLISH and (self._publishing is None or self._publishing.done()):
            # Beside the next windows: an index is built on one core, and the encoder leaves gaps on both.
            self._unpublished = 0
            self._publishing = self._publisher.submit(self._publish_now)

    def publish_rest(self) -> None:
        """Bring the indexes up to the ledger; a failure loses nothing, since they can be built from it again."""
        self._publisher.shutdown()
        if self._publishing is not None:
            self._publishing.result()  # What is not expected is not hidden either.
        if self._unpublished:
            self._unpublished = 0
            self._publish_now()

    def _publish_now(self) -> None:
        try:
            self._publish()
        except DatelineError as error:
            note = f"The indexes are behind the ledger: {error.message}. Run 'dateline rebuild-index'."
            self.notes += [note] if note not in self.notes else []

    def _embed(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the vector of each text, from the ledger where it has them."""
        wanted = list(dict.fromkeys(texts))
        vectors = dict(self._ledger.known_embeddings(wanted))
        missing = [text for text in wanted if text not in vectors]
        for start in range(0, len(missing), self._window):
            batch = missing[start : start + self._window]
            encoded = self._encoder.encode_passages(batch)
            # One batch is committed at once with its documents; of a long book, a kill would undo many.
            if len(missing) > self._window:
                self._ledger.save_embeddings(batch, encoded)
            vectors.update(zip(batch, encoded, strict=True))
        return vectors


def _prepared(incoming: IncomingDocument, vectors: dict[str, Vector]) -> PreparedDocument:
    return PreparedDocument(
        document=incoming.document,
        passages=incoming.passages,
        statements=incoming.statements,
        embedded_texts=incoming.embedded_texts,
        vectors=np.stack([vectors[text] for text in incoming.embedded_texts]),
        signature=incoming.signature,
    )
