"""The real command, in processes of its own, on records in a temporary folder."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import pytest

from cli.ask import answer_aloud
from domain.answers import Mode, Question
from domain.errors import ModelFileError
from domain.feedback import Feedback
from domain.ports import PreparedDocument
from domain.settings import AnswerSettings, ChatSettings, ModelSettings, Settings
from eval.data_sets import open_data_sets
from retriever.data_folder import DataFolder, writer_lock
from retriever.encoder import encoder_identity
from retriever.models import locate
from retriever.wiring import open_record
from service.wiring import open_service
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader
from tests.support.records import prepared

DATELINE = Path(sys.executable).with_name("dateline")
ROOT = Path(__file__).resolve().parents[2]
BRIDGE = "The harbour bridge of Torval opens on 12 April. Ferries run every hour until then."
SCOPE = ("as_of", "from", "to", "publisher")
BUDGET = "The council of Marrick passed the budget on Monday."


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Command:
    """The `dateline` command on one data folder, with an encoder that has a name and no weights."""

    settings: Settings
    encoder: HashingEncoder

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("DATELINE_")},
            "DATELINE_DATA_DIR": str(self.settings.data_dir),
            "DATELINE_MODELS__ENCODER": self.settings.models.encoder,
            "DATELINE_MODELS__FOLDER": str(self.settings.models.folder),
            "DATELINE_CHAT__MODEL": "extractive",
        }

    def __call__(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
        ended = subprocess.run(
            [str(DATELINE), *arguments],
            input=stdin,
            capture_output=True,
            env={**self.environment, **environment},
            cwd=self.settings.data_dir.parent,
            timeout=120,
            check=False,
        )
        return Ended(code=ended.returncode, out=ended.stdout.decode(), err=ended.stderr.decode())

    def commit(self, *documents: PreparedDocument) -> None:
        with open_record(self.settings, access="write", encoder=self.encoder) as record:
            record.ledger.commit(documents)
            assert record.wait_until_indexed(60)
            record.publish()


def command_in(folder: Path) -> Command:
    encoder = folder / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"hidden_size": 64}')
    (encoder / "model.safetensors").write_bytes(b"none")
    settings = Settings(
        data_dir=folder / "data",
        models=ModelSettings(folder=folder / "models", encoder=str(encoder)),
        chat=ChatSettings(model="extractive"),
    )
    encoder_id, dimensions = encoder_identity(settings.models)
    return Command(settings=settings, encoder=HashingEncoder(encoder_id=encoder_id, dimensions=dimensions))


@pytest.fixture
def dateline(tmp_path: Path) -> Command:
    """No record yet."""
    return command_in(tmp_path)


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two documents, one of them in two versions."""
    command = command_in(tmp_path_factory.mktemp("filled"))
    command.commit(
        prepared("bridge", BRIDGE, title="The bridge", publisher="Harbour Gazette", published=date(2025, 3, 4)),
        prepared("budget", "The council of Marrick has no budget.", published=date(2025, 3, 1)),
    )
    command.commit(prepared("budget", BUDGET, version=2, published=date(2025, 3, 1)))
    return command.settings.data_dir


@pytest.fixture
def filled(dateline: Command, filled_once: Path) -> Command:
    """A record of one's own with the same content."""
    shutil.copytree(filled_once, dateline.settings.data_dir)
    return dateline


class TestDocuments:
    def test_list_shows_the_newest_first_and_counts_on_standard_error(self, filled: Command) -> None:
        ended = filled("documents", "list")

        assert ended == Ended(
            code=0,
            out="bridge  2025-03-04  Harbour Gazette · The bridge\nbudget  2025-03-01\n",
            err="2 of 2 documents\n",
        )

    def test_list_takes_scope_and_limit(self, filled: Command) -> None:
        scoped = filled("documents", "list", "--publisher", "harbour gazette", "--json").json
        second = filled("documents", "list", "--limit", "1", "--offset", "1", "--json").json

        assert [(body["total"], [row["document_id"] for row in body["documents"]]) for body in (scoped, second)] == [
            (1, ["bridge"]),
            (2, ["budget"]),
        ]

    def test_show_prints_what_is_known_and_the_text(self, filled: Command) -> None:
        assert (
            filled("documents", "show", "bridge").out
            == f"""\
Document:  bridge version 1 of 1
Title:     The bridge
Publisher: Harbour Gazette
Published: 2025-03-04
Source:    file:///bridge.txt

{BRIDGE}
"""
        )

    def test_show_as_json_has_text_passages_and_versions(self, filled: Command) -> None:
        body = filled("documents", "show", "budget", "--version", "1", "--json").json

        assert body["version"] == 1
        assert [header["version"] for header in body["versions"]] == [1, 2]
        assert [body["text"][passage["start"] : passage["end"]] for passage in body["passages"]] == [
            "The council of Marrick has no budget."
        ]

    def test_an_unknown_document_exits_1_with_a_hint(self, filled: Command) -> None:
        ended = filled("documents", "show", "nowhere")

        assert ended == Ended(
            code=1,
            out="",
            err="Error: Document 'nowhere' is not in the record\n'dateline documents list' shows what is.\n",
        )

    def test_delete_hides_and_purge_removes_the_bytes(self, filled: Command) -> None:
        deleted = filled("documents", "delete", "bridge", "--yes", "--json")
        purged = filled("documents", "purge", "--yes", "--json")

        assert (deleted.code, deleted.json) == (0, {"deleted": ["bridge"]})
        assert (purged.code, purged.json) == (0, {"documents": 1, "passages": 1})
        files = [path for path in filled.settings.data_dir.rglob("*") if path.is_file()]
        assert [path for path in files if b"Ferries run" in path.read_bytes()] == []
        assert filled("verify").code == 0

    def test_delete_takes_all_or_none(self, filled: Command) -> None:
        assert filled("documents", "delete", "bridge", "nowhere", "--yes").code == 1
        assert filled("documents", "list", "--json").json["total"] == 2

    def test_nothing_is_deleted_unasked_where_nobody_can_be_asked(self, filled: Command) -> None:
        ended = filled("documents", "delete", "bridge")

        assert (ended.code, "--yes" in ended.err) == (2, True)
        assert filled("documents", "list", "--json").json["total"] == 2


class TestFeedback:
    @pytest.fixture
    def judged(self, filled: Command) -> Command:
        """A sentence of an answer is supported, and a refusal missed something."""
        cited = {"mark": 1, "document_id": "bridge", "version": 1, "start": 0, "end": 46, "quote": BRIDGE[:46]}
        asked = {"kind": "answer", "question": "When does the bridge open?"}
        trace = {"stand_alone_question": asked["question"], "time_scope": dict.fromkeys(SCOPE)}
        sentences = [{"text": BRIDGE[:46], "citations": [cited]}]
        with open_record(filled.settings, access="write", encoder=filled.encoder) as record:
            record.ledger.save_answer("ans_1", {"id": "ans_1", **asked, "sentences": sentences, "trace": trace})
            record.ledger.save_answer("ans_2", {"id": "ans_2", **asked, "sentences": [], "trace": trace})
            record.ledger.feedback.put(Feedback(answer_id="ans_1", verdict="supports", sentence=0))
            record.ledger.feedback.put(Feedback(answer_id="ans_2", verdict="missing", comment="It is\n\x1b[31mthere."))
        return filled

    def test_list_shows_the_newest_first_and_obeys_no_comment(self, judged: Command) -> None:
        """Question, sentence and comment, without what a terminal would obey."""
        ended = judged("feedback", "list")

        newest, about, comment, older, *rest = ended.out.splitlines()
        assert (newest.split()[1:], older.split()[1:]) == (["missing", "ans_2"], ["supports", "ans_1", "sentence", "0"])
        assert (about, comment) == ("  When does the bridge open?", "  It is \N{REPLACEMENT CHARACTER}[31mthere.")
        assert rest == ["  When does the bridge open?", f"  {BRIDGE[:46]}"]
        assert (ended.code, ended.err) == (0, "2 of 2\n")
        assert judged("feedback", "list", "--verdict", "supports", "--json").json["total"] == 1

    def test_export_is_a_file_of_cases_and_the_record_they_are_asked_of(self, judged: Command) -> None:
        """Beside a process that writes: what is exported opens as a suite."""
        folder = judged.settings.data_dir.parent / "readers"
        (folder / "cases").mkdir(parents=True)
        (folder / "suite.toml").write_text('record = "record.jsonl"\n')

        with writer_lock(DataFolder(judged.settings.data_dir)):
            ended = judged(
                "feedback", "export", "readers/cases/feedback.jsonl", "--documents", "readers/record.jsonl", "--json"
            )

        (data_set,) = open_data_sets(str(folder), below=None, settings=judged.settings.ingest)
        assert ended.json == {"file": "readers/cases/feedback.jsonl", "cases": 2, "answers": 2}
        assert [case.case_id for case in data_set.cases] == ["ans_1", "ans_2"]
        assert [(gold.doc_id, gold.text) for gold in data_set.cases[0].gold] == [("bridge", BRIDGE[:46])]

    def test_a_file_that_cannot_be_written_is_told(self, judged: Command) -> None:
        """Exit 1 and the reason, no traceback."""
        ended = judged("feedback", "export", "nowhere/cases.jsonl")

        assert (ended.code, ended.out) == (1, "")
        assert "nowhere/cases.jsonl" in ended.err
        assert "Traceback" not in ended.err


class TestRecord:
    def test_verify_is_clean_and_counts(self, filled: Command) -> None:
        assert filled("verify", "--json").json == {
            "clean": True,
            "documents": 2,
            "passages": 2,
            "repaired": None,
            "differences": [],
        }

    def test_verify_exits_1_where_the_ledger_differs_from_its_digests(self, filled: Command) -> None:
        with sqlite3.connect(DataFolder(filled.settings.data_dir).ledger) as ledger:
            ledger.execute("UPDATE texts SET text = replace(text, '12 April', '13 April')")
        ledger.close()

        ended = filled("verify")

        assert ended.code == 1
        assert "The text of version 1 of document 'bridge' does not have its digest" in ended.out

    def test_rebuild_index(self, filled: Command) -> None:
        assert filled("rebuild-index", "--json").json == {"documents": 2, "passages": 2}

    def test_a_damaged_ledger_exits_78_and_a_backup_restores_it(self, filled: Command) -> None:
        assert filled("backup", "monday.db").code == 0
        ledger = DataFolder(filled.settings.data_dir).ledger
        for log in ("-wal", "-shm"):
            ledger.with_name(ledger.name + log).unlink(missing_ok=True)
        ledger.write_bytes(b"no database" * 1000)

        damaged = filled("documents", "list")
        restored = filled("restore", "monday.db", "--json")

        assert damaged.code == 78
        assert "dateline restore" in damaged.err
        assert restored.json == {"documents": 2, "kept_aside": "ledger.db.damaged-1"}
        assert ledger.with_name("ledger.db.damaged-1").read_bytes().startswith(b"no database")
        assert filled("verify").code == 0

    def test_a_lost_ledger_exits_78_and_a_backup_restores_it(self, filled: Command) -> None:
        assert filled("backup", "monday.db").code == 0
        DataFolder(filled.settings.data_dir).ledger.unlink()

        assert filled("verify").code == 78
        assert filled("restore", "monday.db", "--json").json == {"documents": 2, "kept_aside": None}
        assert filled("verify", "--json").json["documents"] == 2

    def test_a_sound_ledger_is_never_replaced(self, filled: Command) -> None:
        assert filled("backup", "monday.db").code == 0
        filled.commit(prepared("later", "It rained."))

        assert filled("restore", "monday.db").code == 1
        assert filled("documents", "list", "--json").json["total"] == 3

    def test_what_is_no_backup_is_refused_and_leaves_nothing(self, dateline: Command, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a ledger")

        ended = dateline("restore", "notes.txt")

        assert (ended.code, "is no sound backup" in ended.err) == (1, True)
        assert [path.name for path in dateline.settings.data_dir.iterdir()] == [".lock"]

    def test_a_backup_file_is_not_overwritten(self, filled: Command) -> None:
        assert [filled("backup", "monday.db").code, filled("backup", "monday.db").code] == [0, 1]

    @pytest.mark.parametrize("command", ["verify", "rebuild-index", "documents purge --yes", "documents list"])
    def test_a_mistyped_folder_is_not_made(self, dateline: Command, command: str) -> None:
        ended = dateline(*command.split())

        assert (ended.code, "There is no record in" in ended.err) == (1, True)
        assert not dateline.settings.data_dir.exists()

    def test_a_writer_that_finds_another_one_exits_75_and_readers_do_not_mind(self, filled: Command) -> None:
        with writer_lock(DataFolder(filled.settings.data_dir)):
            codes = [filled(*command.split()).code for command in ("verify", "serve --port 0", "documents list")]

        assert codes == [75, 75, 0]


class TestAsk:
    def test_an_empty_record_is_a_refusal_and_exits_0(self, dateline: Command) -> None:
        dateline.commit()

        ended = dateline("ask", "Who met whom?", "--json")

        assert (ended.code, ended.json["refusal"]["reason"]) == (0, "no_document")

    def test_a_question_may_come_from_standard_input(self, dateline: Command) -> None:
        dateline.commit()

        assert dateline("ask", "-", "--json", stdin=b"Who met whom?\n").json["question"] == "Who met whom?"

    @pytest.mark.parametrize(
        ("question", "message"),
        [
            (b"", "The question is empty"),
            (b"\x00\x01\x02", "The question holds control characters or broken Unicode"),
            (b"\xff\xfe\xfa", "The question holds control characters or broken Unicode"),
            (b"word " * 100_000, "The question has more than 8000 characters"),
        ],
        ids=["empty", "control characters", "no UTF-8", "enormous"],
    )
    def test_input_that_is_no_question_exits_2(self, dateline: Command, question: bytes, message: str) -> None:
        ended = dateline("ask", "-", stdin=question)

        assert (ended.code, ended.out, ended.err.splitlines()[0]) == (2, "", f"Error: {message}")

    def test_chat_answers_each_line_of_a_pipe_and_stops_at_quit(self, dateline: Command) -> None:
        dateline.commit()

        ended = dateline("chat", "--json", stdin=b"Who met whom?\n\n/new\nWhen?\n/quit\nWhere?\n")

        asked = [json.loads(line)["question"] for line in ended.out.splitlines()]
        assert (ended.code, asked) == (0, ["Who met whom?", "When?"])

    def test_chat_goes_on_after_a_line_that_is_no_question_and_exits_1(self, dateline: Command) -> None:
        dateline.commit()

        ended = dateline("chat", "--json", stdin=b"\xff\nWho met whom?")

        assert (ended.code, len(ended.out.splitlines())) == (1, 1)

    def test_a_misspelt_setting_is_named_and_exits_2(self, dateline: Command) -> None:
        ended = dateline("ask", "Who?", DATELINE_CHAT__MODLE="extractive")

        assert (ended.code, ended.err.splitlines()[0]) == (2, "Error: Unknown setting DATELINE_CHAT__MODLE")

    def test_a_cut_pipe_is_quiet(self, filled: Command) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            [str(DATELINE), "documents", "list", "--json"],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=filled.environment,
            check=False,
        )
        os.close(writer)

        assert ended.stderr == b""


def test_an_answer_is_printed_with_its_sources(filled: Command, capsys: pytest.CaptureFixture[str]) -> None:
    settings = filled.settings.model_copy(update={"answer": AnswerSettings(min_relevance=0.0)})
    with open_service(settings, access="read", encoder=filled.encoder, reader=WordsReader()) as service:
        question = Question(text="When does the harbour bridge of Torval open?", mode=Mode.EXTRACTIVE)
        answer_aloud(service.assistant, question, as_json=False, trace=False, ready=lambda: None)

    shown = capsys.readouterr()
    assert shown.out == (
        f"{BRIDGE} [1]\n\n"
        "[1] The bridge · Harbour Gazette · 2025-03-04\n"
        "    Speaks of: 2025-04-12\n"
        f"    > {BRIDGE}\n"
        f"    bridge version 1, characters 0–{len(BRIDGE)}\n"
    )
    assert shown.err.startswith("\nQuoted from the record in ")


class TestServe:
    def test_it_says_when_it_is_ready_answers_and_ends_cleanly(self, dateline: Command) -> None:
        with serving(dateline) as (process, address):
            with urlopen(f"{address}/readyz") as reply:  # noqa: S310  - an address that the server printed
                ready = json.load(reply)
            process.send_signal(signal.SIGTERM)

            assert (ready["ready"], process.wait(60)) == (True, 0)

    def test_a_backup_is_taken_and_restored_beside_a_running_server(self, filled: Command) -> None:
        """Its own record is not replaced under it; the backup becomes a collection that it serves."""
        beside = str(filled.settings.data_dir / "collections" / "monday")
        with serving(filled) as (_, address):
            assert filled("backup", "monday.db").code == 0
            in_place = filled("restore", "monday.db")
            restored = filled("--data-dir", beside, "restore", "monday.db", "--json")
            opened = httpx.post(f"{address}/v1/collections", json={"name": "monday"})
            listed = httpx.get(f"{address}/v1/collections/monday/documents").json()

        assert (in_place.code, "being written" in in_place.err) == (75, True)
        assert (restored.code, restored.json) == (0, {"documents": 2, "kept_aside": None})
        assert (opened.status_code, listed["total"]) == (201, 2)

    def test_reading_works_beside_it(self, filled: Command) -> None:
        with serving(filled):
            assert filled("documents", "list", "--json").json["total"] == 2

    def test_a_port_that_is_taken_is_named(self, dateline: Command) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = dateline("serve", "--port", str(port))

        assert (ended.code, ended.err.splitlines()) == (
            1,
            [
                f"Error: Port {port} on 127.0.0.1 is taken by another program",
                "Stop that program, or choose another port with --port; 0 takes a free one.",
            ],
        )

    def test_a_host_that_does_not_exist_is_a_wrong_setting(self, dateline: Command) -> None:
        assert dateline("serve", "--host", "203.0.113.255", "--port", "0").code == 2

    def test_where_other_machines_reach_it_somebody_must_have_a_key(self, dateline: Command) -> None:
        """Else nobody could use it, or everybody."""
        refused = dateline("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104  - the case at hand
        key = dateline("keys", "create", "--name", "newsroom").out.strip()
        with serving(dateline, "--host", "0.0.0.0") as (_, address):  # noqa: S104
            port = address.rpartition(":")[2]
            asked = Request(f"http://127.0.0.1:{port}/v1/documents", headers={"Authorization": f"Bearer {key}"})
            with urlopen(asked) as reply:  # noqa: S310
                status = reply.status

        assert (refused.code, refused.err.splitlines()[0]) == (
            2,
            "Error: This server asks for API keys, and there is none",
        )
        assert status == 200

    def test_its_log_is_lines_of_json_where_no_terminal_reads_it(self, dateline: Command) -> None:
        with serving(dateline, DATELINE_LOG_LEVEL="info") as (process, address):
            with urlopen(f"{address}/healthz"):  # noqa: S310
                pass
            assert process.stderr is not None
            line = json.loads(process.stderr.readline())

        assert (line["event"], line["route"], line["status"]) == ("request", "/healthz", 200)


class TestKeys:
    def test_a_key_is_shown_once_and_listed_without_it(self, dateline: Command) -> None:
        made = dateline(
            "keys", "create", "--name", "loader", "--scope", "write", "--collection", "wires", "--json"
        ).json
        listed = dateline("keys", "list", "--json").json["keys"]

        assert listed == [{name: value for name, value in made.items() if name != "key"}]
        assert (made["scope"], made["collections"], made["revoked"]) == ("write", ["wires"], None)
        assert made["key"] not in dateline("keys", "list").out

    def test_a_revoked_key_is_listed_as_that(self, dateline: Command) -> None:
        key_id = dateline("keys", "create", "--name", "loader", "--json").json["key_id"]
        dateline("keys", "revoke", key_id)

        assert dateline("keys", "list", "--json").json["keys"][0]["revoked"]
        assert dateline("keys", "revoke", "key_none").code == 1


@contextmanager
def serving(dateline: Command, *options: str, **variables: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a server on a free port until the block ends; gives its process and address."""
    process = subprocess.Popen(
        [str(DATELINE), "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        env={**dateline.environment, **variables},
        cwd=dateline.settings.data_dir.parent,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("Serving on "):
                break
        assert lines[-1:], "the server ended without a word"
        assert lines[-1].startswith("Serving on http://"), lines
        yield process, lines[-1].split()[-1]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.models
def test_ingest_ask_search_and_show_agree_on_the_samples(tmp_path: Path) -> None:
    """The quote of an answer stands in the document at its place, and nothing but results is on standard output."""
    models = ModelSettings()
    try:
        locate(models.encoder, models.folder)
    except ModelFileError as error:
        pytest.skip(f"the encoder is not here: {error.message}")

    def run(*arguments: str) -> Ended:
        command = [str(DATELINE), "--data-dir", str(tmp_path / "data"), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    ingested = run("ingest", str(ROOT / "samples" / "visit-2025"), "--json")
    answer = run("ask", "--mode", "extractive", "--json", "Which Chinese leaders did President Zardari meet?")
    found = run("search", "Which Chinese leaders did President Zardari meet?", "--limit", "1", "--json")
    citation = answer.json["sentences"][0]["citations"][0]
    document = run("documents", "show", citation["document_id"], "--json").json

    assert (ingested.code, ingested.json["failed"], answer.code, answer.err) == (0, 0, 0, "")
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert "Xi Jinping" in citation["quote"]
    assert found.json["passages"][0]["document_id"] == citation["document_id"]
