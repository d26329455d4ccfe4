from datetime import date
from pathlib import Path

import pytest

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError
from retriever.lexical_index import LexicalIndex
from tests.support.records import MemoryRecord, prepared

EVERYTHING = TimeScope()


def an_index(record: MemoryRecord, folder: Path | None = None) -> LexicalIndex:
    index = LexicalIndex.open(folder) if folder else LexicalIndex.in_memory()
    index.apply(add=record.index_entries())
    return index


def a_record() -> MemoryRecord:
    record = MemoryRecord()
    record.commit(
        [
            prepared(
                "one", "Türkiye's envoys were meeting in Beijing.", published=date(2024, 5, 1), publisher="Wire A"
            ),
            prepared("two", "Power plants were built.", title="Meeting in Ankara", published=date(2025, 2, 6)),
        ]
    )
    return record


def documents(record: MemoryRecord, index: LexicalIndex, question: str, scope: TimeScope = EVERYTHING) -> list[str]:
    hits = index.search(question, scope=scope, limit=10)
    citables = record.citables([hit.passage_id for hit in hits])
    return [citables[hit.passage_id].header.document_id for hit in hits]


@pytest.mark.parametrize("question", ["TURKIYE", "türkiye", "an envoy", "envoys met at meetings in Beijing"])
def test_stems_case_and_accents_do_not_matter(question: str) -> None:
    """A question finds other forms of its words."""
    record = a_record()

    assert documents(record, an_index(record), question)[0] == "one"


def test_titles_count_less_than_text() -> None:
    """A word in the title finds the passage, but after one that says it."""
    record = a_record()

    assert documents(record, an_index(record), "meeting") == ["one", "two"]


@pytest.mark.parametrize("question", ['"', "a AND (b OR", "text:x^2 [1 TO *]", "\\", "🙂 -- !!", "\x00", "of the and"])
def test_any_text_is_a_question(question: str) -> None:
    """Syntax of query languages, punctuation and stop words are taken as plain words."""
    record = a_record()

    assert documents(record, an_index(record), question) == []


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (TimeScope(as_of=date(2024, 12, 31)), ["one"]),
        (TimeScope(published_from=date(2025, 1, 1)), ["two"]),
        (TimeScope(publisher="wire a"), ["one"]),
    ],
)
def test_scope_hides_the_rest_of_the_words(scope: TimeScope, expected: list[str]) -> None:
    """Only passages in scope are found."""
    record = a_record()

    assert documents(record, an_index(record), "meeting", scope) == expected


def test_removed_and_replaced_passages_are_gone() -> None:
    """Adding an id again replaces it, removing takes it away, and the list of ids says so."""
    record = a_record()
    index = an_index(record)
    first, second = record.passage_ids()

    index.apply(add=record.index_entries([first]), remove=[second])

    assert index.ids() == {first}
    assert len(index) == 1


def test_a_second_reader_sees_commits_after_a_reload(tmp_path: Path) -> None:
    """Another process that reads the folder sees new passages once it reloads."""
    record = a_record()
    writer = an_index(record, tmp_path)
    reader = LexicalIndex.open_existing(tmp_path)
    record.commit([prepared("three", "A zebra crossed.")])

    writer.apply(add=record.index_entries())
    reader.reload()

    assert documents(record, reader, "zebra") == ["three"]


@pytest.mark.parametrize("damage", ["no folder", "torn file"])
def test_an_unreadable_index_is_unavailable(tmp_path: Path, damage: str) -> None:
    """A missing or torn index raises our error, not the library's."""
    if damage == "torn file":
        an_index(a_record(), tmp_path)
        (tmp_path / "meta.json").write_text('{"segments"')
    with pytest.raises(IndexUnavailableError):
        LexicalIndex.open_existing(tmp_path / ("none" if damage == "no folder" else ""))
