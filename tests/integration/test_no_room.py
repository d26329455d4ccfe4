"""A full disk, and one that may not be written: the record stays whole, and the reader is told what to do."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from domain.answers import TimeScope
from domain.errors import (
    DatelineError,
    StorageError,
)
from domain.settings import Settings, load_settings
from retriever.ledger import SqliteLedger
from retriever.wiring import Record, open_record
from tests.support.disks import SmallDisk, small_disk
from tests.support.ledger_files import (
    CANARY,
    ENCODER,
    ROOT,
    child,
    command,
    filled_at,
    lamp,
    long_documents,
    opened,
    traces,
)
from tests.support.records import prepared


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is or will be."""
    return tmp_path / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger of five documents, closed."""
    return filled_at(path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A real disk of eight megabytes."""
    with small_disk(tmp_path / "disk", megabytes=8) as mounted:
        yield mounted


class TestNoRightToWrite:
    def test_a_file_where_the_data_folder_should_be_is_named(self, tmp_path: Path) -> None:
        """The error names the place and the setting that moves it."""
        (tmp_path / "data").write_text("in the way")

        ended = command(tmp_path / "data", "ingest", str(ROOT / "README.md"))

        assert (ended.returncode, ended.stdout) == (1, "")
        assert str(tmp_path / "data") in ended.stderr
        assert "--data-dir" in ended.stderr

    @pytest.mark.parametrize("name", ["ledger.db", ".lock"])
    def test_a_folder_where_a_file_should_be_is_named(self, tmp_path: Path, name: str) -> None:
        """Ledger and lock alike: the path and what to do."""
        (tmp_path / "data" / name).mkdir(parents=True)

        with (
            pytest.raises(StorageError) as caught,
            open_record(load_settings(data_dir=tmp_path / "data"), access="write", encoder=ENCODER),
        ):
            pass

        assert str(tmp_path / "data") in caught.value.message
        assert "permissions" in caught.value.hint

    def test_a_disk_that_may_not_be_written_is_named(self, disk: SmallDisk) -> None:
        """Neither a new record nor an existing one can be opened for writing; afterwards nothing has changed."""
        settings = a_record_without_index(disk)

        with disk.read_only():
            for place in (settings.data_dir, disk.root / "new"):
                with (
                    pytest.raises(StorageError, match=str(place)) as caught,
                    open_record(load_settings(data_dir=place), access="write", encoder=ENCODER),
                ):
                    pass
                assert "permissions" in caught.value.hint

        with open_record(settings, access="write", encoder=ENCODER) as record:
            assert record.verify().clean


class TestNoRoom:
    def test_a_commit_without_room_shows_nothing_of_itself(self, disk: SmallDisk) -> None:
        """The earlier content stays whole, and the same commit works when there is room."""
        with closing(opened(disk.root / "ledger.db")) as ledger:
            ledger.commit([lamp(1)])
            disk.leave(200_000)

            with pytest.raises(StorageError, match="disk is full") as caught:
                ledger.commit([lamp(2), *long_documents()])

            assert str(disk.root / "ledger.db") in caught.value.message
            assert "Free space" in caught.value.hint
            assert (ledger.headers(), ledger.check_integrity()) == ((lamp(1).document.header,), ())
            assert ledger.known_embeddings(lamp(2).embedded_texts) == {}
            disk.make_room()
            ledger.commit([lamp(2), *long_documents()])
            assert ledger.counts().documents == 10
            assert ledger.check_integrity() == ()

    @pytest.mark.parametrize(
        "write",
        [
            lambda ledger: ledger.save_answer("a", {"text": "x" * 2_000_000}),
            lambda ledger: ledger.save_embeddings(
                [f"text {n}" for n in range(20_000)], ENCODER.encode_passages(["text"] * 20_000)
            ),
            lambda ledger: ledger.finish_job(ledger.jobs()[0].job_id, state="done", report={"x": "x" * 2_000_000}),
        ],
        ids=["answer", "vectors", "job"],
    )
    def test_every_way_to_write_says_that_the_disk_is_full(
        self, disk: SmallDisk, write: Callable[[SqliteLedger], None]
    ) -> None:
        """Receipts, vectors and jobs fail in the same way, and leave what was there."""
        with closing(opened(disk.root / "ledger.db")) as ledger:
            ledger.commit([lamp(1)])
            ledger.start_job("a")
            disk.leave(200_000)

            with pytest.raises(StorageError, match="disk is full"):
                write(ledger)

            assert ledger.document("lamp001") == lamp(1).document
            assert ledger.check_integrity() == ()

    def test_a_file_that_may_not_grow_is_like_a_full_disk(self, filled: Path) -> None:
        """The same where the operating system limits the size of files; no mount is needed for it."""
        script = (
            "import json, resource, sys\n"
            "from pathlib import Path\n"
            "from domain.errors import StorageError\n"
            "from tests.support.ledger_files import long_documents, opened\n"
            "ledger = opened(Path(sys.argv[1]))\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
            "try:\n"
            "    ledger.commit(long_documents())\n"
            "except StorageError as error:\n"
            "    told = error.message\n"
            "small = ledger.counts().documents, ledger.check_integrity()\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
            "ledger.commit(long_documents())\n"
            "print(json.dumps([told, small, (ledger.counts().documents, ledger.check_integrity())]))\n"
        )

        out, _ = child(script, filled).communicate(timeout=60)

        told, small, large = json.loads(out)
        assert str(filled) in told
        assert (small, large) == ([5, []], [13, []])

    def test_a_new_record_without_room_can_be_made_later(self, disk: SmallDisk) -> None:
        """A half-made ledger does not stand in the way."""
        settings = load_settings(data_dir=disk.root / "data")
        settings.data_dir.mkdir()
        disk.leave(0)

        with pytest.raises(StorageError), open_record(settings, access="write", encoder=ENCODER):
            pass

        disk.make_room()
        with open_record(settings, access="write", encoder=ENCODER) as record:
            record.ledger.commit([lamp(1)])
            record.publish()
            assert record.verify().clean

    @pytest.mark.parametrize("free_bytes", [60_000, 150_000, 250_000])  # For no index; for words; for half the vectors.
    def test_without_room_for_an_index_exact_search_serves(self, disk: SmallDisk, free_bytes: int) -> None:
        """Questions are answered from the ledger; with room again, the next start in this process has an index."""
        settings = a_record_without_index(disk)
        disk.leave(free_bytes)

        with open_record(settings, access="write", encoder=ENCODER) as record:
            assert not record.wait_until_indexed(60)
            assert record.status().state == "exact"
            assert first_document(record, "Lamp 31 burns at the quay.") == "lamp031"

        disk.make_room()
        with open_record(settings, access="write", encoder=ENCODER) as record:
            assert record.wait_until_indexed(60)
            assert record.verify().clean

    def test_a_server_that_had_no_room_need_not_start_anew(self, disk: SmallDisk) -> None:
        """The open record builds its index as soon as there is room and it tries again."""
        settings = a_record_without_index(disk)
        disk.leave(150_000)
        with open_record(settings, access="write", encoder=ENCODER) as record:
            assert not record.wait_until_indexed(60)
            with pytest.raises(DatelineError, match="disk is full"):
                record.rebuild()

            disk.make_room()
            record.rebuild()

            assert record.status().state == "ready"
            assert record.verify().clean

    def test_an_ingestion_without_room_ends_with_what_to_do(self, disk: SmallDisk, tmp_path: Path) -> None:
        """The command exits 1, names place and remedy, loses nothing, and goes on when there is room."""
        data, sources = disk.root / "data", tmp_path / "sources"
        sources.mkdir()
        (sources / "000.txt").write_text("Lamp 0 burns at the quay.")
        assert command(data, "ingest", str(sources)).returncode == 0
        for number, made in enumerate(long_documents(), start=1):
            (sources / f"{number:03}.txt").write_text(made.document.text)
        disk.leave(400_000)

        full = command(data, "ingest", str(sources), "--json")
        meanwhile = command(data, "documents", "list", "--json")
        disk.make_room()
        again = command(data, "ingest", str(sources), "--json")
        verified = command(data, "verify", "--json")

        report = json.loads(full.stdout)
        assert (full.returncode, report["added"]) == (1, 0)
        assert str(data / "ledger.db") in report["stopped"]["message"]
        assert "Free space" in report["stopped"]["hint"]
        assert len(json.loads(meanwhile.stdout)["documents"]) == 1
        assert (again.returncode, json.loads(again.stdout)["added"]) == (0, 8)
        assert (verified.returncode, json.loads(verified.stdout)["documents"]) == (0, 9)

    def test_a_purge_without_room_keeps_the_rest_and_can_be_run_again(self, disk: SmallDisk) -> None:
        """The deleted stays hidden, the rest stays whole, and with room the bytes go."""
        path = disk.root / "ledger.db"
        with closing(opened(path)) as ledger:
            ledger.commit([prepared("secret", f"The {CANARY} envoy."), *long_documents()])
            ledger.delete("secret")
            disk.leave(100_000)

            with pytest.raises(StorageError):
                ledger.purge()

            assert ledger.counts().documents == 8
            assert ledger.check_integrity() == ()
            disk.make_room()
            ledger.purge()
            assert ledger.check_integrity() == ()
        assert traces(disk.root, CANARY) == []

    def test_a_backup_without_room_leaves_no_part_of_it(self, filled: Path, disk: SmallDisk) -> None:
        """A file of the backup's name is a whole backup or is not there."""
        disk.leave(20_000)
        with closing(opened(filled)) as ledger, pytest.raises(StorageError):
            ledger.backup(disk.root / "backup.db")

        assert [file.name for file in disk.root.iterdir()] == ["ballast"]


def a_record_without_index(disk: SmallDisk) -> Settings:
    """A folder whose ledger holds fifty documents, before its first start."""
    settings = load_settings(data_dir=disk.root / "data", retrieval={"read": 0})
    settings.data_dir.mkdir()
    with closing(opened(settings.data_dir / "ledger.db")) as ledger:
        ledger.commit([lamp(number) for number in range(50)])
    return settings


def first_document(record: Record, question: str) -> str:
    (found,) = record.retriever.retrieve(question, scope=TimeScope(), limit=1)
    return found.passage.document_id
