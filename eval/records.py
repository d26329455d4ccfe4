"""The records of data sets, ingested once and kept.

Each is a data folder of its own, named after its content, the encoder, and how it was ingested, so that a change of
any of them makes another. One that was interrupted is gone on with; it counts when its `complete.json` is there.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from domain.errors import ConfigurationError, StorageError
from domain.ports import Encoder
from domain.settings import Settings
from eval.corpora import Corpus
from ingest.incoming import document_id_of
from ingest.parsed import ParsedDocument, RawSource
from ingest.parser_pool import ParserPool
from ingest.pipeline import ingest
from ingest.report import IngestProgress, IngestReport
from retriever.data_folder import DataFolder
from retriever.generations import Generations
from retriever.wiring import LazyEncoder, open_record

_COMPLETE: Final = "complete.json"
_FORMAT: Final = 1
_NAME_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """A record that is complete.

    Attributes:
        key: Name of its folder in the cache.
        settings: With the record's data folder in place of the user's own.
        doc_ids: The data set's id of each document, by our `document_id`.
        years: Year of publication by the data set's id, of the documents that have one.
        passages: How many the ledger shows.
        failed: Sources that did not become documents, as messages.
    """

    key: str
    settings: Settings
    doc_ids: Mapping[str, str]
    years: Mapping[str, int]
    passages: int
    failed: tuple[str, ...]

    @property
    def generation(self) -> int | None:
        """Number of the index generation in use; `None` without one."""
        current = Generations(DataFolder(self.settings.data_dir).index_root).current()
        return None if current is None else current.number


class RecordCache:
    """Ingests the records of data sets into folders below one root.

    Args:
        root: Made with the first record.
        settings: How documents are ingested; its data folder is not touched.
        encoder: Instead of the one that `settings.models` names; loaded once for all records.
    """

    def __init__(self, root: Path, *, settings: Settings, encoder: Encoder | None = None) -> None:
        self._root = root.expanduser()
        self._settings = settings
        self._encoder = encoder

    @property
    def encoder(self) -> Encoder:
        """The encoder of all records.

        Raises:
            ModelFileError: If it has not been fetched.
        """
        if self._encoder is None:
            self._encoder = LazyEncoder(self._settings.models)
        return self._encoder

    def folder(self, corpus: Corpus) -> Path:
        """Return where the record of these documents is, or will be."""
        recipe = hashlib.sha256(
            "\x00".join(
                (
                    self.encoder.encoder_id,
                    self._settings.models.encoder_dtype,
                    self._settings.ingest.model_dump_json(exclude={"window_passages", "fetch_timeout_s"}),
                    _ingest_code(),
                )
            ).encode()
        ).hexdigest()
        return self._root / f"{corpus.digest[:_NAME_DIGITS]}-{recipe[:_NAME_DIGITS]}"

    def get(self, corpus: Corpus, progress: Callable[[IngestProgress], None] | None = None) -> KeptRecord:
        """Return the record of these documents, ingesting what is not there yet.

        Raises:
            KeyboardInterrupt: If it was interrupted; the next call goes on.
            RecordBusyError: If another process is ingesting it.
            StorageError: If the folder cannot be written.
        """
        folder = self.folder(corpus)
        settings = self._settings.model_copy(update={"data_dir": folder})
        known = _read_complete(folder / _COMPLETE)
        if known is None:
            known = self._ingest(corpus, settings, progress)
            _write_complete(folder / _COMPLETE, known)
        return KeptRecord(
            key=folder.name,
            settings=settings,
            doc_ids=known["doc_ids"],
            years=known["years"],
            passages=known["passages"],
            failed=tuple(known["failed"]),
        )

    def _ingest(
        self, corpus: Corpus, settings: Settings, progress: Callable[[IngestProgress], None] | None
    ) -> dict[str, Any]:
        doc_ids: dict[str, str] = {}

        def total(seen: IngestProgress) -> None:
            if progress is not None:
                progress(
                    IngestProgress(done=seen.done, total=corpus.size, passages=seen.passages, seconds=seen.seconds)
                )

        with open_record(settings, access="write", encoder=self.encoder) as record, ParserPool(settings.ingest) as pool:

            def parse(source: RawSource) -> tuple[ParsedDocument, ...]:
                documents = pool.parse(source)
                for document in documents:
                    doc_ids[document_id_of(source.uri, document.key)] = corpus.doc_id(source, document.key)
                return documents

            report = ingest(
                corpus.sources(settings.ingest),
                ledger=record.ledger,
                encoder=self.encoder,
                publish=record.publish,
                settings=settings.ingest,
                progress=total,
                parse=parse,
            )
            _demand_end(report, settings.data_dir)
            record.wait_until_indexed()
            headers = record.ledger.headers()
            return {
                "format": _FORMAT,
                "doc_ids": doc_ids,
                "years": {
                    doc_ids[header.document_id]: header.published.year
                    for header in headers
                    if header.published is not None and header.document_id in doc_ids
                },
                "passages": record.ledger.counts().passages,
                "failed": [f"{failed.uri}: {failed.message}" for failed in report.failed],
            }


def _demand_end(report: IngestReport, folder: Path) -> None:
    if report.stopped is None:
        return
    if report.stopped.reason == "interrupted":
        raise KeyboardInterrupt
    raise StorageError(
        f"The record in {str(folder)!r} is not complete: {report.stopped.message}", hint=report.stopped.hint
    )


def _ingest_code() -> str:
    """Digest of the code that makes passages of documents: a record made by other code is another record."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).resolve().parents[1].joinpath("ingest").glob("*.py")):
        digest.update(file.name.encode() + b"\x00" + file.read_bytes())
    return digest.hexdigest()


def _read_complete(file: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{str(file)!r} cannot be read: {error}", hint="Delete its folder; the record is then ingested again."
        ) from error
    return known if isinstance(known, dict) and known.get("format") == _FORMAT else None


def _write_complete(file: Path, known: Mapping[str, Any]) -> None:
    draft = file.with_suffix(".new")
    try:
        with draft.open("w", encoding="utf-8") as opened:
            json.dump(known, opened)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be written: {error.strerror or error}",
            hint="Free disk space, or name another cache.",
        ) from error
