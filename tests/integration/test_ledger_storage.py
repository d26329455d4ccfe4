"""What the files of a record promise: durable, private, refused when damaged, whole when the disk is full."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from domain.answers import TimeScope
from domain.corpus import Span, Statement
from domain.errors import (
    DatelineError,
    NotFoundError,
    RecordBusyError,
    RecordDamagedError,
    RecordError,
    RecordMismatchError,
    StorageError,
)
from domain.feedback import Feedback
from domain.ports import PreparedDocument, RecordCounts
from domain.settings import Settings, load_settings
from domain.uploads import Upload
from retriever import ledger_database, ledger_schema
from retriever.data_folder import DataFolder
from retriever.ledger import SqliteLedger
from retriever.wiring import Record, open_record
from tests.support.disks import SmallDisk, small_disk
from tests.support.encoders import HashingEncoder
from tests.support.records import prepared

ENCODER = HashingEncoder()
ROOT = Path(__file__).resolve().parents[2]
CANARY = "Xylophonequartz"

_CLI = """\
import sys
import retriever.wiring
from tests.support.encoders import HashingEncoder
retriever.wiring.LazyEncoder = lambda settings: HashingEncoder(encoder_id=sys.argv[1])
from cli.main import run
sys.exit(run(sys.argv[2:]))
"""
"""The whole command line, with an encoder that needs no model."""


def opened(path: Path, *, read_only: bool = False, encoder_id: str = ENCODER.encoder_id) -> SqliteLedger:
    return SqliteLedger.open(path, encoder_id=encoder_id, dimensions=ENCODER.dimensions, read_only=read_only)


def command(data: Path, *arguments: str, encoder_id: str = ENCODER.encoder_id) -> "subprocess.CompletedProcess[str]":
    """Run `dateline` with an encoder that needs no model."""
    return subprocess.run(
        [sys.executable, "-c", _CLI, encoder_id, "--data-dir", str(data), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )


def child(script: str, *arguments: Path) -> "subprocess.Popen[str]":
    """Start a second process that may use the test's modules."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def lamp(number: int) -> PreparedDocument:
    return prepared(f"lamp{number:03}", f"Lamp {number} burns at the quay.", f"It was lit on day {number}.")


def long_documents(documents: int = 8) -> list[PreparedDocument]:
    """About 100 kB of text each, that nothing can be left out of."""
    chance = np.random.default_rng(7)
    return [prepared(f"long{n}", " ".join(chance.bytes(8).hex() for _ in range(6000))) for n in range(documents)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is or will be."""
    return tmp_path / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger of five documents, closed."""
    with closing(opened(path)) as ledger:
        ledger.commit([lamp(number) for number in range(5)])
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A real disk of eight megabytes."""
    with small_disk(tmp_path / "disk", megabytes=8) as mounted:
        yield mounted


class TestDurability:
    @pytest.mark.parametrize("which", ["_reads", "_writes"])
    def test_every_connection_waits_for_the_disk_and_checks_references(self, path: Path, which: str) -> None:
        """Write-ahead log, `synchronous=FULL` (2) and foreign keys hold on the connections that are really used."""
        with closing(opened(path)) as ledger, getattr(ledger._database, which).connect() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]

        assert found == ["wal", 2, 1]

    def test_reading_connections_cannot_write(self, filled: Path) -> None:
        """A mistake in a reading method is refused by SQLite."""
        with (
            closing(opened(filled)) as ledger,
            pytest.raises(StorageError, match="may not be written"),
            ledger._database.reading() as connection,
        ):
            connection.exec_driver_sql("DELETE FROM meta")

    def test_only_the_owner_may_read_the_files(self, tmp_path: Path) -> None:
        """Whatever the umask allows, ledger, log, lock and backup are for the owner alone."""
        folder = DataFolder(tmp_path / "data")
        before = os.umask(0)
        try:
            with open_record(load_settings(data_dir=folder.root), access="write", encoder=ENCODER) as record:
                record.ledger.commit([lamp(1)])
                record.ledger.backup(folder.root / "backup.db")
                files = [file for file in folder.root.iterdir() if file.is_file()]
                modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in files}
        finally:
            os.umask(before)

        names = (".lock", "backup.db", "ledger.db", "ledger.db-shm", "ledger.db-wal")
        assert modes == dict.fromkeys(names, "0o600")
        assert oct(stat.S_IMODE(folder.root.stat().st_mode)) == "0o700"

    def test_a_second_process_sees_only_whole_commits(self, path: Path) -> None:
        """While another process is in the midst of a commit of two documents, a reader sees none of it, then all."""
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from tests.integration.test_ledger_storage import lamp, opened\n"
            "ledger = opened(Path(sys.argv[1]))\n"
            "print('made', flush=True)\n"
            "insert = ledger._insert\n"
            "def paused(connection, made):\n"
            "    insert(connection, made)\n"
            "    print('inserted', flush=True)\n"
            "    sys.stdin.readline()\n"
            "ledger._insert = paused\n"
            "ledger.commit([lamp(1), lamp(2)])\n"
            "print('committed', flush=True)\n"
        )
        seen = []
        with child(script, path) as writer:
            assert writer.stdout is not None
            assert writer.stdin is not None
            assert writer.stdout.readline() == "made\n"
            with closing(opened(path, read_only=True)) as reader:
                for line in writer.stdout:
                    seen.append((line.strip(), [header.document_id for header in reader.headers()], reader.counts()))
                    if line == "inserted\n":
                        writer.stdin.write("\n")
                        writer.stdin.flush()

        nothing, all_of_it = RecordCounts(documents=0, passages=0), RecordCounts(documents=2, passages=4)
        assert seen == [
            ("inserted", [], nothing),
            ("inserted", [], nothing),
            ("committed", ["lamp001", "lamp002"], all_of_it),
        ]

    def test_a_failure_in_the_midst_of_a_commit_leaves_nothing_of_it(self, filled: Path) -> None:
        """What was inserted before the failure is taken back, and the ledger goes on working."""
        with closing(opened(filled)) as ledger:
            twice = lamp(10)
            twice = replace(twice, passages=(twice.passages[0],) * 2)

            with pytest.raises(ValueError, match="refuses the rows"):
                ledger.commit([lamp(9), twice])

            assert ledger.counts() == RecordCounts(documents=5, passages=10)
            ledger.commit([lamp(9)])
            assert ledger.check_integrity() == ()


_PASSAGE_DIFFERS = (
    f"Passage {lamp(3).passages[0].passage_id!r} differs from the text of version 1 of document 'lamp003'"
)


class TestRefusal:
    @pytest.mark.parametrize("read_only", [False, True])
    def test_the_record_of_another_encoder_is_refused(self, filled: Path, read_only: bool) -> None:  # noqa: FBT001  - a case
        """Vectors of two encoders are never compared; both are named."""
        before = filled.read_bytes()

        with pytest.raises(RecordMismatchError, match=r"'hashing-64' \(64 dimensions\), not 'other-1'"):
            opened(filled, read_only=read_only, encoder_id="other-1")

        assert filled.read_bytes() == before

    def test_the_command_tells_both_encoders_and_exits_78(self, tmp_path: Path) -> None:
        """A service manager does not try again what cannot succeed."""
        with open_record(load_settings(data_dir=tmp_path / "data"), access="write", encoder=ENCODER) as record:
            record.ledger.commit([lamp(1)])

        ended = command(tmp_path / "data", "verify", encoder_id="other-1")

        assert (ended.returncode, ended.stdout) == (78, "")
        assert "'hashing-64'" in ended.stderr
        assert "'other-1'" in ended.stderr

    @pytest.mark.parametrize("read_only", [False, True])
    def test_a_newer_schema_is_refused_and_left_alone(self, filled: Path, read_only: bool) -> None:  # noqa: FBT001  - a case
        """An older Dateline does not guess what a newer one wrote."""
        newer = str(ledger_schema.SCHEMA_VERSION + 1)
        edit(filled, "UPDATE meta SET value = ? WHERE key = 'schema_version'", newer)

        with pytest.raises(RecordMismatchError, match=f"schema version {newer}"):
            opened(filled, read_only=read_only)

        assert edit(filled, "SELECT value FROM meta WHERE key = 'schema_version'") == [(newer,)]

    def test_an_older_schema_is_brought_up_to_date_by_a_writer(
        self, filled: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader is told to; the writer's steps are kept, with the content."""
        older = ledger_schema.SCHEMA_VERSION
        next_version(monkeypatch, "ALTER TABLE documents ADD COLUMN remark VARCHAR")
        with pytest.raises(RecordMismatchError, match=f"older schema version {older}") as told:
            opened(filled, read_only=True)

        with closing(opened(filled)) as ledger:
            assert ledger.document("lamp003") == lamp(3).document

        assert "dateline verify" in told.value.hint
        assert edit(filled, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(older + 1),)]
        assert edit(filled, "SELECT remark FROM documents LIMIT 1") == [(None,)]
        with closing(opened(filled, read_only=True)) as reader:
            assert reader.counts() == RecordCounts(documents=5, passages=10)

    def test_a_migration_that_fails_changes_nothing(self, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of several steps either all are done or none."""
        older = str(ledger_schema.SCHEMA_VERSION)
        next_version(monkeypatch, "ALTER TABLE documents ADD COLUMN remark VARCHAR", "ALTER TABLE nowhere RENAME TO x")

        with pytest.raises(RecordError, match="nowhere"):
            opened(filled)

        assert edit(filled, "SELECT value FROM meta WHERE key = 'schema_version'") == [(older,)]
        monkeypatch.undo()
        with closing(opened(filled)) as ledger:
            assert ledger.check_integrity() == ()

    def test_a_ledger_of_the_first_version_takes_uploads(self, filled: Path) -> None:
        """What it holds stays, and the tables are those of a new one."""
        made_new = edit(filled, "SELECT name, type FROM pragma_table_info('uploads')")
        edit(filled, "DROP TABLE uploads")
        edit(filled, "DROP TABLE feedback")
        edit(filled, "UPDATE meta SET value = '1' WHERE key = 'schema_version'")

        with closing(opened(filled)) as ledger:
            job, is_new = ledger.uploads.put(Upload(name="a.txt", uri="upload:a", content=b"One lamp."))
            assert (is_new, ledger.job(job.job_id)) == (True, job)
            assert ledger.document("lamp003") == lamp(3).document

        assert edit(filled, "SELECT name, type FROM pragma_table_info('uploads')") == made_new

    def test_a_ledger_of_the_second_version_takes_feedback(self, filled: Path) -> None:
        """What it holds stays, and table, index and reference are those of a new one."""
        described = (
            "SELECT name, type, \"notnull\", pk FROM pragma_table_info('feedback')",
            'SELECT "table", "from", "to" FROM pragma_foreign_key_list(\'feedback\')',
            "SELECT name, \"unique\" FROM pragma_index_list('feedback')",
        )
        made_new = [edit(filled, query) for query in described]
        edit(filled, "DROP TABLE feedback")
        edit(filled, "UPDATE meta SET value = '2' WHERE key = 'schema_version'")

        with closing(opened(filled)) as ledger:
            ledger.save_answer("ans_1", {"sentences": []})
            kept, is_new = ledger.feedback.put(Feedback(answer_id="ans_1", verdict="missing", comment="All of it."))
            ledger.save_answer("ans_1", {"sentences": [], "kind": "refusal"})  # What was said of it stays.
            assert (is_new, ledger.feedback.of_answer("ans_1")) == (True, (kept,))
            assert ledger.document("lamp003") == lamp(3).document
            assert ledger.check_integrity() == ()

        assert [edit(filled, query) for query in described] == made_new

    @pytest.mark.parametrize("version", ["0", "-1", "one", ""])
    def test_a_schema_version_that_never_was_is_damage(self, filled: Path, version: str) -> None:
        """It is neither older nor newer."""
        edit(filled, "UPDATE meta SET value = ? WHERE key = 'schema_version'", version)

        with pytest.raises(RecordDamagedError, match=f"schema version '{version}'"):
            opened(filled)

    @pytest.mark.parametrize("read_only", [False, True])
    @pytest.mark.parametrize("damage", ["first page", "first bytes", "half", "first page only", "text"])
    def test_a_damaged_ledger_is_refused(self, filled: Path, damage: str, read_only: bool) -> None:  # noqa: FBT001  - a case
        """Whatever is torn off or written over, opening says so, names the file and the way back."""
        whole = filled.read_bytes()
        page = 8192
        filled.write_bytes(
            {
                "first page": os.urandom(page) + whole[page:],
                "first bytes": b"\xff" * 16 + whole[16:],
                "half": whole[: len(whole) // 2],
                "first page only": whole[:page],
                "text": b"This is no ledger.\n" * 1000,
            }[damage]
        )

        with pytest.raises(RecordDamagedError) as caught, closing(opened(filled, read_only=read_only)) as ledger:
            ledger.document("lamp003")  # Where the pages that opening reads are whole, reading on says so.

        assert str(filled) in caught.value.message
        assert "dateline restore" in caught.value.hint
        assert caught.value.exit_code == 78

    def test_every_page_that_is_written_over_is_found(self, filled: Path) -> None:
        """No page of the file is without a check: written over with noise, each is reported or refused."""
        whole = filled.read_bytes()
        page = 8192
        unseen = []
        for start in range(0, len(whole), page):
            filled.write_bytes(whole[:start] + b"\xa5" * page + whole[start + page :])
            if not damage_of(filled):
                unseen.append(start // page)

        assert unseen == []

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            (
                "UPDATE texts SET text = replace(text, 'Lamp 3', 'Lamp 8') WHERE document_key = 4",
                (
                    "The text of version 1 of document 'lamp003' does not have its digest",
                    _PASSAGE_DIFFERS,
                ),
            ),
            (
                "UPDATE passages SET text = 'Lamp 8 burns at the quay.' WHERE document_key = 4 AND ordinal = 0",
                (_PASSAGE_DIFFERS,),
            ),
            (
                "DELETE FROM passages WHERE document_key = 4 AND ordinal = 0",
                ("There are 1 passages of version 1 of document 'lamp003', not 2",),
            ),
            ("DELETE FROM texts WHERE document_key = 4", ("The text of version 1 of document 'lamp003' is missing",)),
            (
                "UPDATE embeddings SET vector = zeroblob(252) WHERE embedding_key = 2",
                ("Vector 2 is not 64 finite numbers",),
            ),
            (
                "UPDATE embeddings SET vector = CAST(x'0000c07f' || zeroblob(252) AS BLOB) WHERE embedding_key = 2",
                ("Vector 2 is not 64 finite numbers",),
            ),
            (
                "UPDATE passages SET embedding_key = 99 WHERE document_key = 4 AND ordinal = 0",
                ("Row 7 of 'passages' names a missing row of 'embeddings'",),
            ),
        ],
    )
    def test_what_sqlite_does_not_see_is_found_too(
        self, filled: Path, statement: str, expected: tuple[str, ...]
    ) -> None:
        """Rows that are sound for SQLite and wrong for us are each named."""
        edit(filled, statement)

        with closing(opened(filled)) as ledger:
            assert ledger.check_integrity() == expected

    @pytest.mark.parametrize("read_only", [False, True])
    @pytest.mark.parametrize("left", ["nothing", "an empty file", "an empty database"])
    def test_a_lost_ledger_beside_indexes_is_refused(self, path: Path, left: str, read_only: bool) -> None:  # noqa: FBT001  - a case
        """It is never replaced by an empty one."""
        (path.parent / "index" / "gen-1").mkdir(parents=True)
        if left == "an empty file":
            path.touch()
        elif left == "an empty database":
            edit(path, "PRAGMA user_version = 0")
            edit(path, "VACUUM")

        with pytest.raises(RecordDamagedError, match="is missing or empty") as told:
            opened(path, read_only=read_only)

        assert str(path) in told.value.message

    def test_another_programs_database_is_no_ledger(self, path: Path) -> None:
        """It is refused and left as it is."""
        edit(path, "CREATE TABLE bookmarks (url TEXT)")
        before = edit(path, "SELECT name FROM sqlite_master")

        with pytest.raises(RecordDamagedError, match="is not a ledger"):
            opened(path)

        assert edit(path, "SELECT name FROM sqlite_master") == before

    def test_reading_where_there_is_no_record_makes_none(self, path: Path) -> None:
        """A mistyped folder stays as it was."""
        with pytest.raises(RecordError, match="There is no record"):
            opened(path, read_only=True)

        assert list(path.parent.iterdir()) == []


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
            "from tests.integration.test_ledger_storage import long_documents, opened\n"
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


def edit(path: Path, statement: str, *values: str) -> list[tuple[object, ...]]:
    """Do something to a ledger behind Dateline's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def a_record_without_index(disk: SmallDisk) -> Settings:
    """A folder whose ledger holds fifty documents, before its first start."""
    settings = load_settings(data_dir=disk.root / "data", retrieval={"read": 0})
    settings.data_dir.mkdir()
    with closing(opened(settings.data_dir / "ledger.db")) as ledger:
        ledger.commit([lamp(number) for number in range(50)])
    return settings


def next_version(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Be a Dateline whose schema is one version on."""
    migrations = {**ledger_schema.MIGRATIONS, ledger_schema.SCHEMA_VERSION: statements}
    monkeypatch.setattr(ledger_schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(ledger_schema, "SCHEMA_VERSION", ledger_schema.SCHEMA_VERSION + 1)


def damage_of(path: Path) -> tuple[str, ...]:
    """What opening or checking a ledger finds."""
    try:
        with closing(opened(path)) as ledger:
            return ledger.check_integrity()
    except RecordDamagedError as error:
        return (error.message,)


def secret_document() -> PreparedDocument:
    """A document with the canary in its words, title, publisher and speaker."""
    made = prepared("secret", f"The {CANARY} envoy came.", title=f"{CANARY} title", publisher=f"{CANARY} press")
    (passage,) = made.passages
    said = Statement(
        passage_id=passage.passage_id, speaker=f"The {CANARY}", verb="said", span=Span(start=0, end=3), kind="quoted"
    )
    return replace(made, statements=(said,))


def traces(folder: Path, *wanted: str | bytes) -> list[str]:
    """Names of all files below a folder that hold one of the byte strings."""
    needles = [needle.encode() if isinstance(needle, str) else needle for needle in wanted]
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "ballast"]
    return [file.name for file in files if any(needle in file.read_bytes() for needle in needles)]


def first_document(record: Record, question: str) -> str:
    (found,) = record.retriever.retrieve(question, scope=TimeScope(), limit=1)
    return found.passage.document_id


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
