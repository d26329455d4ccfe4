"""What the files of a record promise: durable, private, and refused when they are damaged or another's."""

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import (
    RecordDamagedError,
    RecordError,
    RecordMismatchError,
    StorageError,
)
from domain.feedback import Feedback
from domain.ports import RecordCounts
from domain.settings import load_settings
from domain.uploads import Upload
from retriever import ledger_schema
from retriever.data_folder import DataFolder
from retriever.wiring import open_record
from tests.support.ledger_files import ENCODER, child, command, filled_at, lamp, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is or will be."""
    return tmp_path / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger of five documents, closed."""
    return filled_at(path)


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
            "from tests.support.ledger_files import lamp, opened\n"
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


def edit(path: Path, statement: str, *values: str) -> list[tuple[object, ...]]:
    """Do something to a ledger behind Dateline's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


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
