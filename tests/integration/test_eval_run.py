"""Data sets in, run files out, over real records with an encoder that needs no model."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.main import run as command_line
from domain.errors import ModelFileError
from domain.settings import IngestSettings, Settings
from eval.data_sets import DataSet, open_data_sets
from eval.mutations import ablate_configured, measure_configured, shares
from eval.outcomes import Outcome
from eval.records import RecordCache
from eval.run_file import Run, RunWriter
from eval.runner import RunSummary, asked, run
from eval.systems import open_systems
from eval.systems.plain_rag import PlainRagSystem
from ingest.report import IngestProgress
from retriever.models import locate
from tests.support.chat_endpoint import chat_endpoint, says
from tests.support.data_sets import hashing_settings, surroundings_in, write_public_set
from tests.support.encoders import HashingEncoder

FEED = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><id>urn:news</id>
<updated>2024-05-01T00:00:00Z</updated><entry><id>urn:one</id><title>Harbour</title>
<updated>2024-05-01T00:00:00Z</updated><content type="text">The harbour of Marrick was closed.</content></entry>
<entry><id>urn:two</id><title>Bridge</title><updated>2024-05-02T00:00:00Z</updated>
<content type="text">The minister opened the new bridge on Monday.</content></entry></feed>"""


@pytest.fixture
def wire(tmp_path: Path) -> DataSet:
    (data_set,) = open_data_sets(str(write_public_set(tmp_path / "wire")), below=None, settings=IngestSettings())
    return data_set


def ran(folder: Path, data_set: DataSet, systems: Sequence[str], *, read: int = 0) -> RunSummary:
    surroundings = surroundings_in(folder, read=read)
    return run(
        [data_set],
        open_systems(systems, surroundings),
        RunWriter(folder / "run.jsonl"),
        records=surroundings.records,
        settings=surroundings.settings,
    )


def outcomes(folder: Path, system: str, *, file: Path | None = None) -> dict[str, Outcome]:
    lines = Run.read(file or folder / "run.jsonl").lines
    return {line.case.case_id: line.outcome for line in lines if line.system == system}


def test_dateline_answers_with_verbatim_quotes_and_refuses_what_is_not_there(tmp_path: Path, wire: DataSet) -> None:
    summary = ran(tmp_path, wire, ["dateline:extractive"])

    found = outcomes(tmp_path, "dateline:extractive")
    assert summary.unscored == {}
    assert (found["q1"].status, found["q1"].mode) == ("answered", "extractive")
    assert [quote.doc_id for quote in found["q1"].sentences[0].quotes] == ["port/1"]
    assert all(quote.verbatim for outcome in found.values() for one in outcome.sentences for quote in one.quotes)
    assert (found["q3"].status, found["q3"].refusal_reason) == ("refused", "not_answered_by_the_record")
    assert found["q1"].confidence is not None
    assert found["q1"].signals["near"] > 0.5 > found["q3"].signals["near"]
    assert 0 < found["q1"].timings_ms["first_words"] <= found["q1"].timings_ms["total"]
    assert {one.doc_id for one in found["q2"].found} == {"bridge", "port/1"}


def test_parts_of_retrieval_rank_the_same_record(tmp_path: Path, wire: DataSet) -> None:
    """The reader is the one that comes along: no other can be named."""
    ran(tmp_path, wire, ["bm25", "dense", "rrf", "fusion", "reader"], read=12)

    for system in ("bm25", "dense", "rrf", "fusion", "reader"):
        found = outcomes(tmp_path, system)
        assert [outcome.status for outcome in found.values()] == ["retrieved"] * 3
        assert found["q1"].found[0].doc_id == "port/1"
        assert found["q2"].found[0].doc_id == "bridge"
    assert len(outcomes(tmp_path, "dense")["q1"].found) == 4
    assert len(outcomes(tmp_path, "bm25")["q1"].found) < 4
    first_of_both = 1 / (60 + 1) + 1 / (60 + 1)
    assert outcomes(tmp_path, "rrf")["q1"].found[0].score == pytest.approx(first_of_both, abs=1e-6)


def test_header_names_record_index_and_encoder(tmp_path: Path, wire: DataSet) -> None:
    ran(tmp_path, wire, ["dateline"])

    header = Run.read(tmp_path / "run.jsonl").header
    (data_set,) = header["data_sets"]
    assert data_set["record"]["documents"] == 2
    assert data_set["record"]["passages"] == 4
    assert data_set["record"]["index_generation"] == 1
    assert header["system_details"]["dateline"]["encoder"] == "hashing-64"


def test_year_is_that_of_the_document_that_answers(tmp_path: Path, wire: DataSet) -> None:
    ran(tmp_path, wire, ["bm25"])

    assert [line.case.year for line in Run.read(tmp_path / "run.jsonl").lines] == [2024, 2025, None]


def test_program_answers_in_our_form_and_nonsense_is_unscored(tmp_path: Path, wire: DataSet) -> None:
    script = tmp_path / "peer.py"
    script.write_text(
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "assert asked['data_set'] == 'wire' and 'answers' not in asked\n"
        "if 'goals' in asked['question']:\n"
        "    print('seven, I think')\n"
        "else:\n"
        "    cited = [{'document_id': 'bridge', 'quote': 'opened'}]\n"
        "    print(json.dumps({'kind': 'answer', 'sentences': [{'text': 'Yes.', 'citations': cited}]}))\n",
        "utf-8",
    )

    summary = ran(tmp_path, wire, [f"peer=command:{sys.executable} {script}"])

    found = outcomes(tmp_path, "peer")
    assert found["q2"].sentences[0].quotes[0].doc_id == "bridge"
    assert found["q3"].status == "unscored"
    assert list(summary.unscored) == [("wire", "peer", "q3")]


def test_record_is_ingested_once(tmp_path: Path, wire: DataSet) -> None:
    assert wire.corpus is not None
    seen: list[IngestProgress] = []
    cache = RecordCache(tmp_path / "cache", settings=hashing_settings(tmp_path), encoder=HashingEncoder())

    first = cache.get(wire.corpus, seen.append)
    after_first = len(seen)
    second = cache.get(wire.corpus, seen.append)

    assert first == second
    assert after_first > 0
    assert len(seen) == after_first
    assert not (tmp_path / "untouched").exists()


def test_interrupted_ingestion_is_not_complete_and_goes_on(tmp_path: Path, wire: DataSet) -> None:
    assert wire.corpus is not None
    settings = hashing_settings(tmp_path)
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"window_passages": 1})})
    cache = RecordCache(tmp_path / "cache", settings=settings, encoder=HashingEncoder())

    def interrupt(progress: IngestProgress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get(wire.corpus, interrupt)
    assert not (cache.folder(wire.corpus) / "complete.json").exists()

    kept = cache.get(wire.corpus)

    assert sorted(kept.doc_ids.values()) == ["bridge", "port/1"]
    assert kept.passages == 4


def test_another_way_to_ingest_is_another_record(tmp_path: Path, wire: DataSet) -> None:
    assert wire.corpus is not None
    settings = hashing_settings(tmp_path)
    shorter = settings.ingest.model_copy(update={"max_passage_chars": 200})
    folders = {
        RecordCache(tmp_path, settings=one, encoder=encoder).folder(wire.corpus)
        for one in (settings, settings.model_copy(update={"ingest": shorter}))
        for encoder in (HashingEncoder(), HashingEncoder(encoder_id="hashing-b"))
    }

    assert len(folders) == 4


def test_entries_of_a_feed_have_the_path_and_their_id(tmp_path: Path) -> None:
    (tmp_path / "docs" / "wire").mkdir(parents=True)
    (tmp_path / "docs" / "wire" / "news.atom.xml").write_text(FEED, "utf-8")
    (tmp_path / "docs" / "one.txt").write_text("Two ferries waited outside the harbour.", "utf-8")
    cases = tmp_path / "mine.jsonl"
    case = {"case_id": "c1", "question": "Who opened the bridge?", "gold": [{"doc_id": "wire/news.atom.xml#urn:two"}]}
    cases.write_text(f'{{"record": "docs"}}\n{json.dumps(case)}\n', "utf-8")
    (data_set,) = open_data_sets(str(cases), below=None, settings=IngestSettings())

    ran(tmp_path, data_set, ["bm25"])

    (outcome,) = outcomes(tmp_path, "bm25").values()
    assert outcome.found[0].doc_id == "wire/news.atom.xml#urn:two"


def test_trec_run_is_judged_from_the_command_line_and_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.run").write_text("1 Q0 a 1 0.5 mine\n1 Q0 b 2 0.4 mine\n", "utf-8")
    (tmp_path / "qrels.txt").write_text("1 0 b 1\n2 0 a 1\n", "utf-8")
    out = tmp_path / "runs" / "mine.jsonl"
    judge = ["eval", "run", "--trec", f"{tmp_path / 'mine.run'}", f"{tmp_path / 'qrels.txt'}", "--out", str(out)]

    assert command_line(judge) == 0
    assert command_line(judge) == 2  # The file exists.
    capsys.readouterr()
    assert command_line([*judge, "--resume", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["resumed"] == 2
    assert [one.doc_id for one in outcomes(tmp_path / "runs", "mine", file=out)["1"].found] == ["a", "b"]


def test_runs_go_to_the_folder_of_the_settings_and_are_resumed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One setting says where they are: to the command line as to the server."""
    monkeypatch.setenv("DATELINE_EVAL__RUNS", str(tmp_path / "kept"))
    (tmp_path / "mine.run").write_text("1 Q0 a 1 0.5 mine\n", "utf-8")
    (tmp_path / "qrels.txt").write_text("1 0 a 1\n", "utf-8")
    judge = ["eval", "run", "--trec", f"{tmp_path / 'mine.run'}", f"{tmp_path / 'qrels.txt'}", "--json"]

    assert command_line([*judge, "--resume"]) == 2  # There is none yet.
    assert command_line(judge) == 0
    capsys.readouterr()
    assert command_line([*judge, "--resume"]) == 0

    assert json.loads(capsys.readouterr().out)["resumed"] == 1
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["no-such-set"], ["--trec", "a", "b", "--system", "bm25"], ["no-such-set", "--trec", "a", "b"]],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert command_line(["eval", "run", *arguments]) == 2


@pytest.mark.models
def test_plain_rag_answers_from_chunks_of_the_same_record(tmp_path: Path, wire: DataSet) -> None:
    pytest.importorskip("langchain_chroma")
    pytest.importorskip("langchain_huggingface")
    with chat_endpoint(says("The harbour was closed because of a storm.")) as endpoint:
        settings = _with_model(hashing_settings(tmp_path), endpoint.base_url)
        records = RecordCache(tmp_path / "cache", settings=settings)
        system = PlainRagSystem(name="plain-rag", settings=settings, records=records)
        for _ in range(2):  # The second time, its index is there.
            system.prepare(wire)
            outcome = system.run(asked(wire.cases[0]))
            system.close()

    assert (outcome.status, outcome.found[0].doc_id) == ("answered", "port/1")
    assert "The harbour of Marrick was closed" in endpoint.requests[-1]["messages"][0]["content"]


def _with_model(settings: Settings, base_url: str) -> Settings:
    try:
        locate(settings.models.encoder, settings.models.folder)
    except ModelFileError as error:
        pytest.skip(f"the encoder is not here: {error.message}")
    chat = settings.chat.model_copy(update={"model": "openai:scripted", "base_url": base_url})
    return settings.model_copy(update={"chat": chat})


def test_changed_sentences_of_a_record_are_withheld(tmp_path: Path) -> None:
    """With the assistant's own checks on the sample stories; the same draw gives the same sentences."""
    (samples,) = open_data_sets("sample", below=None, settings=IngestSettings())
    assert samples.corpus is not None
    surroundings = surroundings_in(tmp_path)

    first, second = (
        measure_configured(surroundings.settings, surroundings.records, samples.corpus, limit=20) for _ in range(2)
    )

    assert first == second
    assert {kind: figure.mean for kind, figure in shares(first).items() if kind in {"number", "date"}} == {
        "number": 0.0,
        "date": 0.0,
    }
    assert all(one.text != one.original for one in first)


def test_each_check_catches_what_the_others_do_not(tmp_path: Path) -> None:
    """The same sentences with one check off: more changed numbers are shown without that of numbers, and so on."""
    (samples,) = open_data_sets("sample", below=None, settings=IngestSettings())
    assert samples.corpus is not None
    surroundings = surroundings_in(tmp_path)
    settings, records = surroundings.settings, surroundings.records

    whole = shares(measure_configured(settings, records, samples.corpus, limit=20))
    off = {
        reason: shares(one) for reason, one in ablate_configured(settings, records, samples.corpus, limit=20).items()
    }

    for reason, kind in (
        ("number_not_in_source", "number"),
        ("name_not_in_source", "name"),
        ("modality_differs", "modality"),
    ):
        without, all_checks = off[reason][kind].mean, whole[kind].mean
        assert without is not None
        assert all_checks is not None
        assert without > all_checks
    assert "not_supported" in off
