"""Changes a record in a process of its own, to be killed: `python -m tests.support.record_child DATA LOG ACTION`.

Appends JSON lines to LOG, each durable before the next step: what the record held when it was opened, each deletion
before and after it was made, and each purge that came to its end.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from domain.settings import load_settings
from retriever.wiring import Record, open_record
from tests.support.encoders import HashingEncoder
from tests.support.ingest_child import append

_DELETIONS_PER_PURGE = 3


def main(data: Path, log: Path, action: str) -> None:
    """Open, check, act until the end or the kill."""
    with open_record(load_settings(data_dir=data), access="write", encoder=HashingEncoder()) as record:
        append(log, {"opened": holdings(record)})
        ACTIONS[action](record, log)
        append(log, {"finished": action})


def holdings(record: Record) -> dict[str, Any]:
    """Return what an open record holds, after verifying it."""
    verified = record.verify()
    return {
        "documents": sorted(header.document_id for header in record.ledger.headers()),
        "passages": verified.passages,
        "differences": list(verified.differences),
    }


def _delete(record: Record, log: Path) -> None:
    for header in record.ledger.headers(limit=100):
        _delete_one(record, log, header.document_id)
        record.publish()


def _purge(record: Record, log: Path) -> None:
    for _ in range(10):
        for header in record.ledger.headers(limit=_DELETIONS_PER_PURGE):
            _delete_one(record, log, header.document_id)
        record.purge()
        append(log, {"purged": True})


def _rebuild(record: Record, log: Path) -> None:
    for _ in range(10):
        record.rebuild()


def _nothing(record: Record, log: Path) -> None:
    """Opening is all there is to kill."""


def _delete_one(record: Record, log: Path, document_id: str) -> None:
    append(log, {"deleting": document_id})
    record.ledger.delete(document_id)
    append(log, {"deleted": document_id})


ACTIONS: Final[Mapping[str, Callable[[Record, Path], None]]] = {
    "delete": _delete,
    "purge": _purge,
    "rebuild": _rebuild,
    "start": _nothing,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
