"""Ingestion from sources to the ledger, with a real ledger and a small encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError, IngestError, StorageError
from domain.ports import Matrix, PreparedDocument
from domain.settings import IngestSettings
from ingest.incoming import document_id_of
from ingest.parsed import Metadata, ParsedDocument, RawSource, SkippedSource
from ingest.pipeline import ingest, survey
from ingest.report import FailedSource, FoundCopy, IngestProgress, IngestReport
from retriever.ledger import SqliteLedger
from tests.support.encoders import HashingEncoder

_LONG = "The river rose and flooded the lower town, where 87 families left their homes before night fell in the rain."


@dataclass
class CountingEncoder:
    """Remembers what it was asked to encode."""

    inner: HashingEncoder = field(default_factory=HashingEncoder)
    texts: list[str] = field(default_factory=list)

    encoder_id = "hashing-64"
    dimensions = 64

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        self.texts.extend(texts)
        return self.inner.encode_passages(texts)

    def encode_query(self, text: str) -> Matrix:
        return self.inner.encode_query(text)


def _source(name: str, text: str, **declared: Any) -> RawSource:
    return RawSource(uri=f"file:///{name}", name=name, content=text.encode(), declared=replace(Metadata(), **declared))


def _parse(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Read a source the simplest way; one that says so is broken."""
    text = source.content.decode()
    if text == "broken":
        raise IngestError("It is broken", reason="unreadable", hint="Mend it")
    return (ParsedDocument(text=text, metadata=Metadata(publisher="Own Voice"), media_type="text/plain"),)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger.open(tmp_path / "ledger.sqlite", encoder_id="hashing-64", dimensions=64)
    yield opened
    opened.close()


def _ingest(
    ledger: SqliteLedger,
    *sources: RawSource | SkippedSource,
    encoder: CountingEncoder | None = None,
    window: int = 2048,
) -> IngestReport:
    return ingest(
        sources,
        ledger=ledger,
        encoder=encoder or CountingEncoder(),
        publish=lambda: None,
        settings=IngestSettings(window_passages=window),
        parse=_parse,
    )


def _id(name: str) -> str:
    return document_id_of(f"file:///{name}", "")


def test_a_new_document_is_added_with_its_passages_and_statements(ledger: SqliteLedger) -> None:
    """What was ingested can be read back: text, passages, statements, vectors."""
    text = "Flood\n\nThe mayor said that the road was closed."
    report = _ingest(ledger, _source("a.txt", text, published=date(2025, 2, 6)))
    passages = ledger.passages_of(_id("a.txt"))
    citable = ledger.citables([passages[1].passage_id])[passages[1].passage_id]
    assert (report.added, report.passages, report.is_complete) == ((_id("a.txt"),), 2, True)
    assert [passage.text for passage in passages] == ["Flood", "The mayor said that the road was closed."]
    assert [(made.speaker, made.span.of(text)) for made in citable.statements] == [
        ("The mayor", "the road was closed.")
    ]
    assert (citable.header.published, citable.header.publisher) == (date(2025, 2, 6), "Own Voice")
    assert len(ledger.vectors()[0]) == 2


def test_declared_metadata_is_stronger_than_what_the_reader_found(ledger: SqliteLedger) -> None:
    """A flag wins over the text's own header; what it leaves open is filled from there."""
    _ingest(ledger, _source("a.txt", "The road is closed.", publisher="Given", title="Closed"))
    header = ledger.document(_id("a.txt")).header
    assert (header.publisher, header.title) == ("Given", "Closed")


def test_ingesting_again_changes_nothing(ledger: SqliteLedger) -> None:
    """The same sources are unchanged, and nothing is encoded or written."""
    sources = [_source("a.txt", "The road is closed."), _source("b.txt", "The dam is full.")]
    _ingest(ledger, *sources)
    before = ledger.change_counter()
    encoder = CountingEncoder()
    report = _ingest(ledger, *sources, encoder=encoder)
    assert (report.added, report.updated, report.unchanged, encoder.texts) == ((), (), 2, [])
    assert ledger.change_counter() == before


def test_a_changed_source_becomes_one_new_version(ledger: SqliteLedger) -> None:
    """The new text replaces the old under the same id; only changed passages are encoded."""
    _ingest(ledger, _source("a.txt", f"{_LONG}\n\nThe road is closed to all traffic until the water falls again."))
    encoder = CountingEncoder()
    report = _ingest(ledger, _source("a.txt", f"{_LONG}\n\nThe road is open."), encoder=encoder)
    assert (report.added, report.updated) == ((), (_id("a.txt"),))
    assert [header.version for header in ledger.versions(_id("a.txt"))] == [1, 2]
    assert ledger.document(_id("a.txt")).text.endswith("The road is open.")
    assert encoder.texts == ["The road is open."]


def test_changed_metadata_makes_a_new_version_too(ledger: SqliteLedger) -> None:
    """A corrected date of publication must reach the record."""
    _ingest(ledger, _source("a.txt", "The road is closed."))
    report = _ingest(ledger, _source("a.txt", "The road is closed.", published=date(2025, 2, 6)))
    assert report.updated == (_id("a.txt"),)
    assert ledger.document(_id("a.txt")).header.published == date(2025, 2, 6)


def test_a_deleted_document_comes_back_when_it_is_ingested_again(ledger: SqliteLedger) -> None:
    """Deleting does not bar a source for ever."""
    _ingest(ledger, _source("a.txt", "The road is closed."))
    ledger.delete(_id("a.txt"))
    report = _ingest(ledger, _source("a.txt", "The road is closed."))
    assert report.added == (_id("a.txt"),)
    assert ledger.document(_id("a.txt")).text == "The road is closed."


def test_one_bad_source_does_not_keep_the_others_out(ledger: SqliteLedger) -> None:
    """Failures carry the source, a stable reason and a message with the remedy."""
    report = _ingest(
        ledger,
        _source("a.txt", "The road is closed."),
        _source("bad.txt", "broken"),
        SkippedSource(uri="file:///link", reason="not_a_file", message="It is a link"),
        _source("empty.txt", " \n"),
        _source("z.txt", "The dam is full."),
    )
    assert report.added == (_id("a.txt"), _id("z.txt"))
    assert report.failed == (
        FailedSource(uri="file:///bad.txt", reason="unreadable", message="It is broken. Mend it"),
        FailedSource(uri="file:///link", reason="not_a_file", message="It is a link"),
        FailedSource(
            uri="file:///empty.txt",
            reason="no_text",
            message="'empty.txt' has no text. Check that the file is complete.",
        ),
    )
    assert not report.is_complete


def test_two_documents_of_one_identity_are_a_conflict(ledger: SqliteLedger) -> None:
    """The second is reported instead of silently replacing the first; a plain repetition is unchanged."""
    report = _ingest(
        ledger,
        _source("a.txt", "The road is closed."),
        _source("a.txt", "The road is open."),
        _source("a.txt", "The road is closed."),
    )
    assert (report.added, report.unchanged) == ((_id("a.txt"),), 1)
    assert [failed.reason for failed in report.failed] == ["identity_conflict"]
    assert ledger.document(_id("a.txt")).text == "The road is closed."


@pytest.mark.parametrize("together", [True, False])
def test_copies_are_marked_with_the_first_ingested_as_original(ledger: SqliteLedger, *, together: bool) -> None:
    """Exact and near copies are found within one run and across runs."""
    near = f"{_LONG} Nobody slept."
    sources = [_source("a.txt", _LONG), _source("b.txt", _LONG), _source("c.txt", near)]
    reports = [_ingest(ledger, *sources)] if together else [_ingest(ledger, source) for source in sources]
    exact, similar = (copy for report in reports for copy in report.copies)
    assert exact == FoundCopy(document_id=_id("b.txt"), duplicate_of=_id("a.txt"), kind="exact", similarity=1.0)
    assert (similar.document_id, similar.duplicate_of, similar.kind) == (_id("c.txt"), _id("a.txt"), "near")
    assert ledger.document(_id("b.txt")).header.duplicate_of == _id("a.txt")


def test_an_amended_figure_is_no_copy(ledger: SqliteLedger) -> None:
    """A correction stands beside what it corrects."""
    report = _ingest(ledger, _source("a.txt", _LONG), _source("b.txt", _LONG.replace("87", "85")))
    assert (len(report.added), report.copies) == (2, ())


def test_nothing_is_a_copy_of_a_version_that_this_run_replaces(ledger: SqliteLedger) -> None:
    """A text that has just been withdrawn from its document is an original where it turns up again."""
    _ingest(ledger, _source("a.txt", _LONG))
    report = _ingest(ledger, _source("a.txt", "The road is open."), _source("b.txt", _LONG))
    assert (report.updated, report.added, report.copies) == ((_id("a.txt"),), (_id("b.txt"),), ())


def test_short_passages_are_encoded_with_title_and_heading(ledger: SqliteLedger) -> None:
    """The context helps to find them; what is stored and cited stays the paragraph itself."""
    encoder = CountingEncoder()
    _ingest(ledger, _source("a.txt", f"Roads\n\nClosed today.\n\n{_LONG} {_LONG}", title="Flood news"), encoder=encoder)
    assert encoder.texts == ["Flood news. Roads", "Flood news. Roads. Closed today.", f"{_LONG} {_LONG}"]
    assert [passage.text for passage in ledger.passages_of(_id("a.txt"))][1] == "Closed today."


def test_a_full_disk_ends_the_run_with_what_is_durable(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of earlier windows are counted, those of the failed one are not."""
    commit, calls = ledger.commit, []

    def full_after_first(documents: Sequence[PreparedDocument]) -> None:
        calls.append(len(documents))
        if len(calls) > 1:
            raise StorageError("The disk is full", hint="Make room")
        commit(documents)

    monkeypatch.setattr(ledger, "commit", full_after_first)
    report = _ingest(ledger, *(_source(f"{at}.txt", f"Road {at} is closed.") for at in range(6)), window=2)
    assert report.added == (_id("0.txt"), _id("1.txt"))
    assert report.stopped is not None
    assert (report.stopped.reason, report.stopped.hint) == ("insufficient_storage", "Make room")
    assert ledger.counts(TimeScope()).documents == 2


def test_an_interrupt_ends_the_run_cleanly_and_the_next_goes_on(ledger: SqliteLedger) -> None:
    """What was committed is kept and published; the same command does the rest and nothing twice."""
    sources = [_source(f"{at}.txt", f"Road {at} is closed.") for at in range(5)]
    published: list[int] = []

    def interrupted() -> Iterator[RawSource]:
        yield from sources[:3]
        raise KeyboardInterrupt

    report = ingest(
        interrupted(),
        ledger=ledger,
        encoder=HashingEncoder(),
        publish=lambda: published.append(ledger.counts().documents),
        settings=IngestSettings(window_passages=2),
        parse=_parse,
    )
    assert report.stopped is not None
    assert (len(report.added), report.stopped.reason, published) == (2, "interrupted", [2])
    again = _ingest(ledger, *sources)
    assert (len(again.added), again.unchanged) == (3, 2)


def test_vectors_of_a_long_document_survive_a_stop_before_its_commit(ledger: SqliteLedger) -> None:
    """A book longer than a window is not encoded from the start again."""
    book = _source("book.txt", "\n\n".join(f"Chapter {at} tells of road number {at}." for at in range(10)))

    @dataclass
    class StopsAfterSix(CountingEncoder):
        def encode_passages(self, texts: Sequence[str]) -> Matrix:
            if len(self.texts) >= 6:
                raise KeyboardInterrupt
            return super().encode_passages(texts)

    assert _ingest(ledger, book, encoder=StopsAfterSix(), window=3).stopped is not None
    encoder = CountingEncoder()
    report = _ingest(ledger, book, encoder=encoder, window=3)
    assert (report.added, len(encoder.texts)) == ((_id("book.txt"),), 4)


def test_indexes_that_fail_cost_a_note_and_no_document(ledger: SqliteLedger) -> None:
    """The ledger is the truth; the report says how to bring the indexes up."""

    def fails() -> None:
        raise IndexUnavailableError("Chroma did not answer")

    report = ingest(
        [_source("a.txt", "The road is closed.")],
        ledger=ledger,
        encoder=HashingEncoder(),
        publish=fails,
        settings=IngestSettings(),
        parse=_parse,
    )
    assert report.notes == ("The indexes are behind the ledger: Chroma did not answer. Run 'dateline rebuild-index'.",)
    assert report.is_complete


def test_progress_counts_sources_and_durable_passages(ledger: SqliteLedger) -> None:
    """A list has a known total; passages count once they are committed."""
    seen: list[IngestProgress] = []
    ingest(
        [_source("a.txt", "The road is closed."), _source("b.txt", "The dam is full.")],
        ledger=ledger,
        encoder=HashingEncoder(),
        publish=lambda: None,
        settings=IngestSettings(),
        progress=seen.append,
        parse=_parse,
    )
    assert [(step.done, step.total, step.passages) for step in seen] == [(1, 2, 0), (2, 2, 0), (2, 2, 2)]


def test_a_survey_says_what_would_happen_and_writes_nothing(ledger: SqliteLedger) -> None:
    """The same report as an ingestion, over an untouched record."""
    _ingest(ledger, _source("a.txt", "The road is closed."))
    before = ledger.change_counter()
    report = survey(
        [_source("a.txt", "The road is open."), _source("b.txt", "The dam is full."), _source("bad.txt", "broken")],
        record=ledger,
        settings=IngestSettings(),
        parse=_parse,
    )
    assert (report.updated, report.added, len(report.failed)) == ((_id("a.txt"),), (_id("b.txt"),), 1)
    assert ledger.change_counter() == before


def test_the_report_as_json_counts_everything() -> None:
    """Lists are cut, counts are not."""
    report = IngestReport(added=tuple(f"doc_{at}" for at in range(1500)), passages=3000, seconds=2.0)
    body = report.as_json()
    assert (body["added"], len(body["documents"]), body["passages_per_s"], body["stopped"]) == (
        1500,
        1000,
        1500.0,
        None,
    )
