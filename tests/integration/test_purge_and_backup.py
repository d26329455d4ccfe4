"""What a purge takes out of every file, and what a backup holds."""

import threading
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from domain.corpus import Span, Statement
from domain.errors import (
    NotFoundError,
    RecordBusyError,
    RecordDamagedError,
    RecordError,
)
from domain.ports import PreparedDocument
from domain.settings import Settings, load_settings
from retriever import ledger_database
from retriever.ledger import SqliteLedger
from retriever.wiring import open_record
from tests.support.ledger_files import CANARY, ENCODER, filled_at, lamp, opened, traces
from tests.support.records import prepared


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is or will be."""
    return tmp_path / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger of five documents, closed."""
    return filled_at(path)


class TestPurge:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return load_settings(data_dir=tmp_path / "data")

    def test_nothing_of_a_purged_document_is_in_any_file(self, settings: Settings) -> None:
        """Its words, names and vectors are gone in all versions, and the receipts that quote it; the rest verifies."""
        secret = secret_document()
        with open_record(settings, access="write", encoder=ENCODER) as record:
            record.wait_until_indexed(60)
            record.ledger.commit([secret, lamp(1)])
            record.publish()
            record.ledger.commit([prepared("secret", "The envoy came.", version=2)])
            record.publish()
            cited = {"sentences": [{"citations": [{"document_id": "secret", "version": 1, "quote": f"{CANARY}!"}]}]}
            other = {"sentences": [{"citations": [{"document_id": "lamp001", "version": 1, "quote": "Lamp 1"}]}]}
            record.ledger.save_answer("of the secret", cited)
            record.ledger.save_answer("of the lamp", other)
            looked_for = (CANARY, CANARY.lower(), secret.vectors[0].tobytes())
            held_before = traces(settings.data_dir, *looked_for)
            record.ledger.delete("secret")
            record.publish()

            record.purge()

            held_while_open = traces(settings.data_dir, *looked_for)
            verified = record.verify()
            assert record.ledger.answer("of the lamp") == other
            with pytest.raises(NotFoundError):
                record.ledger.answer("of the secret")
        assert {"chroma.sqlite3", "ledger.db-wal"} <= set(held_before)
        assert held_while_open == traces(settings.data_dir, *looked_for) == []
        assert (verified.differences, verified.documents, verified.passages) == ((), 1, 2)

    def test_versions_and_vectors_in_use_are_kept(self, path: Path) -> None:
        """A purge takes what was deleted: old versions of other documents, and vectors they share, stay."""
        with closing(opened(path)) as ledger:
            ledger.commit([prepared("kept", "The dam is full."), prepared("gone", "The dam is full.", "It rained.")])
            ledger.commit([prepared("kept", "The dam is empty.", version=2)])
            ledger.delete("gone")

            ledger.purge()

            assert ledger.document("kept", 1) == prepared("kept", "The dam is full.").document
            assert sorted(ledger.known_embeddings(["The dam is full.", "The dam is empty.", "It rained."])) == [
                "The dam is empty.",
                "The dam is full.",
            ]
            assert ledger.versions("gone") == ()
            assert ledger.check_integrity() == ()

    def test_the_deleted_versions_of_a_document_that_came_back_go(self, path: Path) -> None:
        """The new version stays, also after more commits; what was deleted is gone, with its receipts."""
        with closing(opened(path)) as ledger:
            ledger.commit([secret_document()])
            ledger.delete("secret")
            ledger.commit([prepared("secret", "The envoy came.", version=2)])
            ledger.save_answer("old", {"document_id": "secret", "version": 1, "quote": CANARY})
            ledger.save_answer("new", {"document_id": "secret", "version": 2})

            ledger.purge()

            ledger.commit([prepared("secret", "The envoy left.", version=3)])
            assert [header.version for header in ledger.versions("secret")] == [2, 3]
            assert ledger.answer("new") == {"document_id": "secret", "version": 2}
            with pytest.raises(NotFoundError):
                ledger.answer("old")
            assert ledger.check_integrity() == ()
        assert traces(path.parent, CANARY) == []

    def test_a_reader_in_the_way_is_told_and_the_next_purge_succeeds(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Old pages that another connection still reads cannot be removed, and purging does not claim that they are."""
        monkeypatch.setattr(ledger_database, "_BUSY_TIMEOUT_S", 0.1)
        with closing(opened(path)) as ledger, closing(opened(path, read_only=True)) as reader:
            ledger.commit([secret_document(), lamp(1)])
            ledger.delete("secret")
            with reader._database.reading() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM texts")

                with pytest.raises(RecordBusyError, match="another process"):
                    ledger.purge()

            ledger.purge()
            assert ledger.check_integrity() == ()
        assert traces(path.parent, CANARY) == []


class TestBackup:
    def test_a_backup_taken_while_another_thread_writes_is_one_point(self, path: Path) -> None:
        """Each backup holds exactly the first so many commits, whole, and passes every check."""
        with closing(opened(path)) as ledger:
            stop, written = threading.Event(), threading.Semaphore(0)
            writer = threading.Thread(target=_write_pairs, args=(ledger, stop, written))
            writer.start()
            try:
                for number in range(5):
                    written.acquire()
                    ledger.backup(path.with_name(f"backup{number}.db"))
            finally:
                stop.set()
                writer.join()

        sizes = [_commits_in(path.with_name(f"backup{number}.db")) for number in range(5)]
        assert sizes == sorted(sizes)
        assert sizes[0] >= 1

    def test_a_backup_replaces_nothing(self, filled: Path) -> None:
        """A file of that name stays as it is."""
        taken = filled.with_name("backup.db")
        taken.write_text("the last backup")

        with closing(opened(filled)) as ledger, pytest.raises(RecordError, match="exists already"):
            ledger.backup(taken)

        assert taken.read_text() == "the last backup"

    def test_a_damaged_ledger_gives_no_backup(self, filled: Path) -> None:
        """A copy of damage must not push out the sound backup before it."""
        whole = filled.read_bytes()
        with closing(opened(filled)) as ledger:
            last = len(whole) // 8192 - 1
            filled.write_bytes(whole[: last * 8192] + b"\xa5" * 8192)

            with pytest.raises(RecordDamagedError):
                ledger.backup(filled.with_name("backup.db"))

        assert not filled.with_name("backup.db").exists()


def secret_document() -> PreparedDocument:
    """A document with the canary in its words, title, publisher and speaker."""
    made = prepared("secret", f"The {CANARY} envoy came.", title=f"{CANARY} title", publisher=f"{CANARY} press")
    (passage,) = made.passages
    said = Statement(
        passage_id=passage.passage_id, speaker=f"The {CANARY}", verb="said", span=Span(start=0, end=3), kind="quoted"
    )
    return replace(made, statements=(said,))


def _write_pairs(ledger: SqliteLedger, stop: threading.Event, written: threading.Semaphore) -> None:
    for number in count():
        if stop.is_set():
            return
        ledger.commit([prepared(f"{number:04}{half}", f"Half {half} of pair {number}.") for half in "ab"])
        written.release()


def _commits_in(backup: Path) -> int:
    with closing(opened(backup, read_only=True)) as ledger:
        found = [header.document_id for header in ledger.headers()]
        assert found == [f"{number:04}{half}" for number in range(len(found) // 2) for half in "ab"]
        assert ledger.check_integrity() == ()
    return len(found) // 2
