"""The keeper with real Chroma and tantivy in a temporary folder."""

import os
import sqlite3
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import numpy as np
import pytest

from domain.answers import TimeScope
from domain.settings import RetrievalSettings
from retriever import index_check
from retriever.chroma_index import COLLECTION, ROWS_PER_UPSERT, ChromaIndex
from retriever.generations import Generations, Manifest
from retriever.index_check import Broken, Sound, check
from retriever.index_keeper import IndexKeeper
from retriever.lexical_index import LexicalIndex
from tests.support.encoders import HashingEncoder
from tests.support.records import MemoryRecord, prepared

SETTINGS = RetrievalSettings()
ENCODER = HashingEncoder()
MANIFEST = Manifest.wanted(encoder_id=ENCODER.encoder_id, dimensions=ENCODER.dimensions)


@contextmanager
def kept(record: MemoryRecord, root: Path) -> Iterator[IndexKeeper]:
    keeper = IndexKeeper(
        record=record,
        generations=Generations(root),
        encoder_id=ENCODER.encoder_id,
        dimensions=ENCODER.dimensions,
        settings=SETTINGS,
    )
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.close()


def a_record(documents: int = 20) -> MemoryRecord:
    record = MemoryRecord()
    record.commit(
        [prepared(f"doc{n}", f"Delegation {n} arrived.", f"Treaty {n} was signed.") for n in range(documents)]
    )
    return record


def a_varied_record(passages: int) -> MemoryRecord:
    numbers = np.random.default_rng(7).integers(0, 5000, size=(passages, 8))
    record = MemoryRecord()
    record.commit([prepared("varied", *(" ".join(f"word{number}" for number in row) for row in numbers))])
    return record


def found(keeper: IndexKeeper, text: str, limit: int = 1) -> list[str]:
    hits = keeper.search(ENCODER.encode_query(text), scope=TimeScope(), limit=limit)
    return [hit.passage_id for hit in hits]


def test_the_first_start_builds_both_indexes(tmp_path: Path) -> None:
    """A record without indexes gets them in the background, complete and equal to the ledger."""
    record = a_record()
    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)

        assert keeper.differences() == []
        assert (keeper.status().state, keeper.status().generation, keeper.status().indexed) == ("ready", 1, 40)


def test_equal_vectors_that_were_indexed_late_leave_no_second_leader(tmp_path: Path) -> None:
    """Of passages with one vector, the index keeps one, whichever of them it held when it was opened."""
    record = MemoryRecord()
    copies = [prepared(f"copy{n}", "The same words again.") for n in range(3 * ROWS_PER_UPSERT)]
    by_id = sorted(copies, key=lambda made: made.passages[0].passage_id)
    record.commit(by_id[-1:])
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
    record.commit(by_id[:-1])

    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)
        assert keeper.differences() == []


def test_near_equal_texts_do_not_keep_the_index_out_of_use(tmp_path: Path) -> None:
    """What a graph strands although nothing damaged it is searched one by one; a rebuild would strand it again."""
    record = MemoryRecord()
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
        texts = ((f"Xylophone{n:05}quartz burns.", f"The lamp of valley {n:05} was lit.") for n in range(360))
        record.commit([prepared(f"{n:05}", *paragraphs) for n, paragraphs in enumerate(texts)])
        keeper.publish()

        assert keeper.wait_until_indexed(60)
        assert keeper.differences() == []
        best = keeper.search(ENCODER.encode_query("The lamp of valley 00123 was lit."), scope=TimeScope(), limit=1)
        assert best[0].score > 0.999


def test_closing_while_it_builds_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record that is closed at once says nothing of a broken index; the next start builds it."""
    record = a_varied_record(2_000)
    with kept(record, tmp_path):
        pass

    assert [entry.message for entry in caplog.records if "cannot be used" in entry.message] == []
    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)


def test_a_restart_uses_what_is_there_and_tops_it_up(tmp_path: Path) -> None:
    """What was committed and deleted while no index was open is in and out of it after the next start."""
    record = a_record()
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
    record.commit([prepared("late", "A late envoy came.")])
    record.delete("doc3")

    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)
        assert keeper.differences() == []
        assert keeper.status().generation == 1
        assert found(keeper, "A late envoy came.") == [prepared("late", "A late envoy came.").passages[0].passage_id]


def test_publishing_adds_and_removes_only_what_changed(tmp_path: Path) -> None:
    """After a commit and a deletion, publishing makes the indexes equal to the ledger again."""
    record = a_record()
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
        record.commit([prepared("new", "An envoy came.")])
        record.delete("doc0")

        keeper.publish()

        assert keeper.differences() == []
        assert keeper.status().state == "ready"


def test_equal_texts_are_all_found_and_survive_the_loss_of_one(tmp_path: Path) -> None:
    """Of equal vectors the graph holds one; each passage is still found, also when the one it holds goes."""
    record = MemoryRecord()
    record.commit([prepared(f"copy{n}", "All rights reserved.") for n in range(300)])
    record.commit([prepared("own", "An envoy came.")])
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
        copies = sorted(set(record.passage_ids()) - {prepared("own", "An envoy came.").passages[0].passage_id})
        assert found(keeper, "All rights reserved.", limit=300) == copies
        leader = next(key for key in record.current if record.current[key].passages[0].passage_id == copies[0])
        record.delete(leader)

        keeper.publish()

        assert found(keeper, "All rights reserved.", limit=299) == copies[1:]
        assert keeper.differences() == []


@pytest.mark.parametrize(
    "damage", ["no graph files", "torn pickle", "no database", "no words", "no manifest", "foreign"]
)
def test_damage_is_healed_by_a_new_generation(tmp_path: Path, damage: str) -> None:
    """Whatever is broken in the index folder, the next start ends with an index equal to the ledger."""
    record = a_varied_record(1500)  # More than Chroma keeps in its log, so that there are graph files to damage.
    with kept(record, tmp_path) as keeper:
        keeper.wait_until_indexed(60)
    generation = Generations(tmp_path).current()
    assert generation is not None
    graph = next(generation.chroma.glob("*/data_level0.bin"))
    if damage == "no graph files":
        for file in graph.parent.iterdir():
            file.unlink()
    elif damage == "torn pickle":
        (graph.parent / "index_metadata.pickle").write_bytes(b"")
    elif damage == "no database":
        (generation.chroma / "chroma.sqlite3").unlink()
    elif damage == "no words":
        (generation.tantivy / "meta.json").write_text("{")
    elif damage == "no manifest":
        (generation.folder / "manifest.json").unlink()
    else:
        (generation.folder / "manifest.json").write_text('{"format": 0}')

    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)
        assert keeper.differences() == []
        assert [folder.name for folder in tmp_path.glob("gen-*")] == ["gen-2"]


@pytest.mark.parametrize("fixture", ["broken_wedged", "broken_sigsegv"])
def test_an_index_that_a_kill_has_broken_heals_itself(tmp_path: Path, shared: Path, fixture: str) -> None:
    """Real remains of killed ingests, one of which crashes whoever opens it, are replaced without a manual step."""
    record = a_record()
    unpack(shared / "fixtures" / f"{fixture}.tar.gz", tmp_path / "gen-7" / "chroma")
    LexicalIndex.open(tmp_path / "gen-7" / "tantivy")
    generations = Generations(tmp_path)
    (tmp_path / "current").write_text("gen-7\n")
    broken = generations.current()
    assert broken is not None
    generations.switch(broken, MANIFEST)

    with kept(record, tmp_path) as keeper:
        assert keeper.wait_until_indexed(60)
        assert keeper.differences() == []
        assert [folder.name for folder in tmp_path.glob("gen-*")] == ["gen-8"]


@pytest.mark.parametrize("fixture", ["broken_wedged", "broken_sigsegv"])
def test_the_check_survives_what_it_checks(tmp_path: Path, shared: Path, fixture: str) -> None:
    """The check of a folder that raises on every call, or crashes its reader, says that it is broken."""
    unpack(shared / "fixtures" / f"{fixture}.tar.gz", tmp_path / "chroma")

    outcome = check(tmp_path / "chroma", stop=Event())

    assert isinstance(outcome, Broken)


def test_the_check_lists_what_a_sound_folder_holds(tmp_path: Path) -> None:
    """A sound folder passes, with exactly its passages."""
    record = a_record(3)
    index = ChromaIndex.open(tmp_path / "chroma", settings=SETTINGS)
    index.upsert(list(record.index_entries()))
    index.close()

    outcome = check(tmp_path / "chroma", stop=Event())

    assert outcome == Sound(ids=frozenset(record.passage_ids()), unreached=frozenset())


def test_no_more_are_checked_at_once_than_there_are_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may start with hundreds of collections."""
    children, most, stop = 0, 0, Event()
    lock = Lock()

    def counted(*_: object) -> Sound:
        nonlocal children, most
        with lock:
            children += 1
            most = max(most, children)
        stop.wait(0.05)
        with lock:
            children -= 1
        return Sound(ids=frozenset(), unreached=frozenset())

    monkeypatch.setattr(index_check, "_checked", counted)
    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(lambda _: check(tmp_path, stop=stop), range(32)))

    assert most <= (os.cpu_count() or 1)
    assert {type(one) for one in outcomes} == {Sound}


def unpack(archive: Path, chroma: Path) -> None:
    """Unpack a fixture and give its collection our name; tarfile keeps holes as holes."""
    if not archive.exists():
        pytest.skip(f"{archive.name} is not in the shared data folder")
    with tarfile.open(archive) as tar:
        top = tar.getnames()[0]
        tar.extractall(chroma.parent, filter="data")
    (chroma.parent / top).rename(chroma)
    with sqlite3.connect(chroma / "chroma.sqlite3") as database:
        database.execute("UPDATE collections SET name = ?", (COLLECTION,))
    database.close()
