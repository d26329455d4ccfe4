"""Opening records over the real ledger, Chroma and tantivy, as commands and the server do."""

import ctypes
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from domain.answers import TimeScope
from domain.errors import RecordBusyError, RecordDamagedError, RecordError
from domain.settings import RetrievalSettings, Settings
from retriever.generations import Generations
from retriever.index_keeper import IndexStatus
from retriever.wiring import Access, Record, open_record
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader
from tests.support.records import prepared

ENCODER = HashingEncoder()
EVERYTHING = TimeScope()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What is found comes in the order of the indexes; nothing is read unless a test asks for it."""
    return Settings(data_dir=tmp_path / "record", retrieval=RetrievalSettings(read=0))


def documents(record: Record, question: str, scope: TimeScope = EVERYTHING) -> list[str]:
    return [hit.passage.document_id for hit in record.retriever.retrieve(question, scope=scope, limit=5)]


def fill(settings: Settings, *, documents: int = 3) -> None:
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.ledger.commit([prepared(f"doc{n}", f"Envoy number {n} signed a treaty.") for n in range(documents)])
        record.publish()
        assert record.wait_until_indexed(60)


def test_what_is_published_is_found_and_verified(settings: Settings) -> None:
    """A commit is found after publishing, by words and by vectors, and everything agrees."""
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.wait_until_indexed(60)
        record.ledger.commit([prepared("treaty", "The treaty was signed.", published=date(2025, 2, 6))])
        record.publish()

        assert documents(record, "signed treaty") == ["treaty"]
        report = record.verify()

    assert (report.differences, report.documents, report.passages) == ((), 1, 1)


def test_answers_do_not_wait_for_the_index(settings: Settings) -> None:
    """Right after opening, while the index is still checked, exact search answers."""
    fill(settings)

    with open_record(settings, access="write", encoder=ENCODER) as record:
        found = documents(record, "Envoy number 1 signed a treaty.")

    assert found[0] == "doc1"


def test_a_deleted_document_is_not_found_even_before_publishing(settings: Settings) -> None:
    """The ledger decides what is shown, whatever the indexes still hold."""
    fill(settings)
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.wait_until_indexed(60)
        record.ledger.delete("doc1")

        assert "doc1" not in documents(record, "Envoy number 1 signed a treaty.")


def test_a_purge_leaves_no_byte(settings: Settings) -> None:
    """After deleting and purging, neither words nor vectors of the document are in any file."""
    canary = "Xylophonequartz"
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.ledger.commit([prepared("secret", f"The {canary} envoy."), prepared("other", "A treaty.")])
        record.publish()
        record.wait_until_indexed(60)
        vector = prepared("secret", f"The {canary} envoy.").vectors.tobytes()
        record.ledger.delete("secret")
        record.publish()

        record.purge()

        assert record.verify().clean
    traces = [canary.encode(), canary.lower().encode(), vector]
    files = [file for file in settings.data_dir.rglob("*") if file.is_file()]
    assert [file for file in files for trace in traces if trace in file.read_bytes()] == []


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc can overwrite what it hands out")
def test_a_purge_writes_no_memory_of_before(settings: Settings) -> None:
    """The room of the vector file that is not in use holds malloc's filling, not what was freed; see `clean_memory`."""
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.ledger.commit([prepared("secret", "An envoy."), prepared("other", "A treaty.")])
        record.publish()
        record.wait_until_indexed(60)
        record.ledger.delete("secret")

        record.purge()

    (file,) = settings.data_dir.rglob("data_level0.bin")
    assert b"\xaa" * 1_000 in file.read_bytes()


def test_a_rebuild_makes_a_new_generation(settings: Settings) -> None:
    """Rebuilding ends with one generation, a new one, equal to the ledger."""
    fill(settings)
    with open_record(settings, access="write", encoder=ENCODER) as record:
        record.wait_until_indexed(60)

        record.rebuild()

        assert record.status() == IndexStatus(
            state="ready", generation=2, indexed=3, words=3, detail="rebuilt: a rebuild was asked for"
        )
        assert record.verify().clean
    assert [folder.name for folder in (settings.data_dir / "index").glob("gen-*")] == ["gen-2"]


def test_a_reader_works_while_another_process_writes(settings: Settings) -> None:
    """A reader takes no lock, sees what a writer commits while it is open, and writes nothing itself."""
    fill(settings)
    with (
        open_record(settings, access="write", encoder=ENCODER) as writer,
        open_record(settings, access="read", encoder=ENCODER) as reader,
    ):
        before = documents(reader, "Envoy number 1 signed a treaty.")
        writer.ledger.commit([prepared("late", "A zebra crossed the street.")])
        unpublished = documents(reader, "zebra street")
        writer.publish()
        writer.ledger.delete("doc1")

        assert before[0] == "doc1"
        assert unpublished[0] == "late"
        assert "doc1" not in documents(reader, "Envoy number 1 signed a treaty.")


def test_a_reader_needs_no_index(settings: Settings) -> None:
    """Without index files a reader searches the ledger's vectors and words in memory."""
    fill(settings)
    for file in (settings.data_dir / "index").rglob("*"):
        if file.is_file():
            file.unlink()

    with open_record(settings, access="read", encoder=ENCODER) as reader:
        found = documents(reader, "Envoy number 1 signed a treaty.")

    assert found[0] == "doc1"
    assert [file for file in (settings.data_dir / "index").rglob("*") if file.is_file()] == []


def test_reading_never_loads_chroma(settings: Settings) -> None:
    """Two processes on one Chroma folder damage it, so a reading process does not even import it."""
    fill(settings)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from domain.answers import TimeScope\n"
        "from domain.settings import Settings\n"
        "from retriever.wiring import open_record\n"
        "from tests.support.encoders import HashingEncoder\n"
        "with open_record(Settings(data_dir=Path(sys.argv[1])), access='read', encoder=HashingEncoder()) as record:\n"
        "    found = record.retriever.retrieve('treaty', scope=TimeScope(), limit=9)\n"
        "print(len(found), 'chromadb' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(settings.data_dir)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "3 False\n"


@pytest.mark.parametrize("access", ["write", "read"])
@pytest.mark.parametrize("read", [2, 0])
def test_as_many_passages_are_read_as_the_settings_say(settings: Settings, access: Access, read: int) -> None:
    """By the reader that was passed in, whichever way the record is opened; 0 switches it off."""
    fill(settings)
    reading = settings.model_copy(update={"retrieval": RetrievalSettings(read=read)})

    with open_record(reading, access=access, encoder=ENCODER, reader=WordsReader()) as record:
        found = record.retriever.retrieve("Envoy number 1 signed a treaty.", scope=EVERYTHING, limit=3)

    assert [hit.reading is not None for hit in found] == [place < read for place in range(3)]


def test_a_second_writer_is_refused(settings: Settings) -> None:
    """One process writes at a time."""
    with (
        open_record(settings, access="write", encoder=ENCODER),
        pytest.raises(RecordBusyError),
        open_record(settings, access="write", encoder=ENCODER),
    ):
        pass


def test_a_reader_cannot_publish(settings: Settings) -> None:
    """Writing needs the lock, and the error says how to get it."""
    fill(settings)
    with (
        open_record(settings, access="read", encoder=ENCODER) as record,
        pytest.raises(RecordError, match="opened for reading"),
    ):
        record.publish()


@pytest.mark.parametrize("access", ["write", "read"])
def test_a_lost_ledger_is_not_replaced_by_an_empty_one(settings: Settings, access: str) -> None:
    """Indexes beside no ledger mean that something went wrong; starting empty would hide it."""
    fill(settings)
    (settings.data_dir / "ledger.db").unlink()

    with (
        pytest.raises(RecordDamagedError, match="missing"),
        open_record(settings, access="write" if access == "write" else "read", encoder=ENCODER),
    ):
        pass


def test_questions_and_commits_at_once(settings: Settings) -> None:
    """Questions from several threads are answered without an error while documents come and go."""
    fill(settings, documents=30)
    failures: list[BaseException] = []
    with open_record(settings, access="write", encoder=ENCODER) as record:
        done = threading.Event()

        def ask() -> None:
            try:
                while not done.is_set():
                    assert documents(record, "Envoy number 7 signed a treaty.")
            except BaseException as exc:  # noqa: BLE001  - shown by the test's own thread
                failures.append(exc)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(10):
            record.ledger.commit([prepared(f"more{number}", f"More envoy {number} came.")])
            record.ledger.delete(f"doc{number + 10}")
            record.publish()
        done.set()
        for thread in threads:
            thread.join()
        record.wait_until_indexed(60)

        assert failures == []
        assert record.verify().differences == ()


@pytest.mark.parametrize("fixture", ["missing", "empty"])
def test_a_record_whose_index_folder_was_removed_heals(settings: Settings, fixture: str) -> None:
    """Removing the index folder by hand is harmless."""
    fill(settings)
    root = settings.data_dir / "index"
    for path in sorted(root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    if fixture == "missing":
        root.rmdir()

    with open_record(settings, access="write", encoder=ENCODER) as record:
        assert record.wait_until_indexed(60)
        assert record.verify().clean
    assert Generations(root).current() is not None
