"""Ingestion through the real parts: sources, parser processes, ledger and indexes."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from domain.answers import TimeScope
from domain.settings import Settings, load_settings
from ingest.parsed import Metadata
from ingest.pipeline import ingest
from ingest.report import IngestReport
from ingest.sources import discover
from retriever.wiring import Record, open_record
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture
def record(settings: Settings) -> Iterator[Record]:
    with open_record(settings, access="write", encoder=HashingEncoder(), reader=WordsReader()) as opened:
        yield opened


def _ingest(record: Record, settings: Settings, *paths: Path, declared: Metadata | None = None) -> IngestReport:
    return ingest(
        discover([str(path) for path in paths], declared=declared or Metadata(), settings=settings.ingest),
        ledger=record.ledger,
        encoder=record.encoder,
        publish=record.publish,
        settings=settings.ingest,
    )


def test_a_folder_becomes_searchable(tmp_path: Path, record: Record, settings: Settings) -> None:
    """What was ingested is found by its words, with its date and speaker, and the record verifies."""
    folder = tmp_path / "wire"
    folder.mkdir()
    (folder / "bridge.txt").write_text("The governor said that the northern bridge would open in June.")
    (folder / "dam.txt").write_text("Engineers inspected the dam.\n\nThe reservoir is nearly full.")
    (folder / "empty.txt").write_text("")
    report = _ingest(record, settings, folder, declared=Metadata(published=date(2025, 2, 6)))
    found = record.retriever.retrieve("When does the northern bridge open?", scope=TimeScope(), limit=1)
    assert (len(report.added), report.passages, len(report.failed)) == (2, 3, 1)
    assert found[0].passage.text == "The governor said that the northern bridge would open in June."
    assert found[0].citable.header.published == date(2025, 2, 6)
    assert [made.speaker for made in found[0].citable.statements] == ["The governor"]
    assert record.verify().differences == ()


def test_a_large_folder_with_one_bad_file_loses_only_that_file(
    tmp_path: Path, record: Record, settings: Settings
) -> None:
    """One file among hundreds that cannot be read is reported with its reason."""
    folder = tmp_path / "wire"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.txt").write_text(f"Road {number} is closed.")
    (folder / "100.pdf").write_bytes(b"%PDF-1.7\nthis is not a PDF")
    report = _ingest(record, settings, folder)
    assert (len(report.added), [Path(failed.uri).name for failed in report.failed]) == (200, ["100.pdf"])
    assert report.failed[0].reason


def test_lines_of_a_file_are_documents_of_their_own(tmp_path: Path, record: Record, settings: Settings) -> None:
    """Each line of a JSONL file has its identity, so that ingesting the file again changes nothing."""
    lines = tmp_path / "wire.jsonl"
    entries = [{"doc_id": f"n{at}", "title": f"Road {at}", "text": f"Road {at} is closed."} for at in range(3)]
    lines.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    first, second = _ingest(record, settings, lines), _ingest(record, settings, lines)
    assert (len(first.added), first.failed, second.unchanged) == (3, (), 3)
    assert {header.title for header in record.ledger.headers()} == {"Road 0", "Road 1", "Road 2"}
