"""Ingests a folder in a process of its own, to be killed: `python -m tests.support.ingest_child DATA SOURCES LOG`.

Appends JSON lines to LOG, each durable before the next step: what the record held when it was opened, then the ids
that each commit acknowledged, then that it came to the end.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.corpus import sha256_of
from domain.ports import PreparedDocument
from domain.settings import load_settings
from ingest.parsed import Metadata
from ingest.pipeline import ingest
from ingest.sources import discover
from retriever.wiring import Record, open_record
from tests.support.encoders import HashingEncoder

_WINDOW_PASSAGES = 24


def main(data: Path, sources: Path, log: Path) -> None:
    """Open, check, ingest."""
    settings = load_settings(data_dir=data)
    section = settings.ingest.model_copy(update={"window_passages": _WINDOW_PASSAGES})
    with open_record(settings, access="write", encoder=HashingEncoder()) as record:
        append(log, {"opened": _holdings(record)})
        _acknowledge_commits(record, log)
        report = ingest(
            discover([str(sources)], declared=Metadata(), settings=section),
            ledger=record.ledger,
            encoder=record.encoder,
            publish=record.publish,
            settings=section,
        )
        append(log, {"finished": report.as_json()})


def _holdings(record: Record) -> dict[str, Any]:
    verified = record.verify()
    headers = record.ledger.headers()
    texts = {header.document_id: record.ledger.document(header.document_id).text for header in headers}
    passages = [passage for header in headers for passage in record.ledger.passages_of(header.document_id)]
    return {
        "documents": sorted(texts),
        "repeated": [uri for uri, times in Counter(header.source_uri for header in headers).items() if times > 1],
        "altered": [
            header.document_id for header in headers if sha256_of(texts[header.document_id]) != header.content_sha256
        ],
        "inexact": [
            passage.passage_id for passage in passages if passage.span.of(texts[passage.document_id]) != passage.text
        ],
        "versions": max((header.version for header in headers), default=1),
        "passages": len(passages),
        "vectors": len(record.ledger.vectors()[0]),
        "differences": list(verified.differences),
    }


def _acknowledge_commits(record: Record, log: Path) -> None:
    commit = record.ledger.commit

    def acknowledged(documents: Sequence[PreparedDocument]) -> None:
        commit(documents)
        append(log, {"acknowledged": [made.document.header.document_id for made in documents]})

    record.ledger.commit = acknowledged  # type: ignore[method-assign]  # the real commit, with a witness


def append(log: Path, entry: dict[str, Any]) -> None:
    """Add a line to the log, durably."""
    with log.open("a") as file:
        file.write("\n" + json.dumps(entry) + "\n")  # A kill may have cut the line before.
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
