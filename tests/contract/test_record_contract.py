"""What the ports of the record promise, asked of the real ledger and of the fake that stands in for it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from domain.answers import TimeScope
from domain.corpus import Citable, Document, Span, Statement, passage_id_of
from domain.errors import NotFoundError
from domain.ports import IndexEntry, PreparedDocument, RecordCounts, RecordReader
from retriever.ledger import SqliteLedger
from tests.support.encoders import HashingEncoder
from tests.support.records import MemoryRecord, prepared

ENCODER = HashingEncoder()
MARCH, APRIL = date(2025, 3, 4), date(2025, 4, 9)
SPRING = TimeScope(published_from=date(2025, 4, 1), published_to=date(2025, 4, 30))


class CommittedRecord(RecordReader, Protocol):
    """The part of a record that the fake implements too."""

    def commit(self, documents: list[PreparedDocument]) -> None: ...

    def delete(self, document_id: str) -> bool: ...


def bridge(version: int = 1) -> PreparedDocument:
    """The bridge of Torval opens later with each version."""
    words = f"The bridge opens on day {version}."
    return prepared("bridge", words, "Ferries run until then.", version=version, published=MARCH, publisher="Gazette")


def budget() -> PreparedDocument:
    return prepared("budget", "Marrick passed its budget.", published=APRIL, publisher="Meridian Wire", title="Budget")


def undated() -> PreparedDocument:
    return prepared("undated", "A lamp burns at the quay.")


def ids(*documents: PreparedDocument) -> list[str]:
    return sorted(passage.passage_id for made in documents for passage in made.passages)


def entries(*documents: PreparedDocument) -> list[IndexEntry]:
    """What an index is to be built from, each field written out."""
    days = {None: 0, MARCH: 20250304, APRIL: 20250409}
    made = [
        IndexEntry(
            passage_id=passage.passage_id,
            document_id=passage.document_id,
            text=passage.text,
            title=made.document.header.title or "",
            vector=vector,
            published_day=days[made.document.header.published],
            publisher=(made.document.header.publisher or "").lower(),
        )
        for made in documents
        for passage, vector in zip(made.passages, made.vectors, strict=True)
    ]
    return sorted(made, key=lambda entry: entry.passage_id)


def plain(found: Iterable[IndexEntry]) -> list[tuple[object, ...]]:
    """Entries in a form that can be compared: a vector as its type and bytes."""
    return [
        (
            *(made.passage_id, made.document_id, made.text, made.title, made.published_day, made.publisher),
            *(str(made.vector.dtype), made.vector.tobytes()),
        )
        for made in found
    ]


class ReadingContract:
    """Behaviour of `RecordReader`, and of the commits and deletions that it shows."""

    def test_a_commit_shows_all_of_its_documents(self, record: CommittedRecord) -> None:
        """Headers, texts, passages and counts appear together."""
        record.commit([bridge(), budget()])

        assert record.document("bridge") == bridge().document
        assert record.passages_of("bridge") == bridge().passages
        assert record.passage_ids() == ids(bridge(), budget())
        assert record.counts() == RecordCounts(documents=2, passages=3)

    def test_a_commit_with_one_wrong_document_shows_none(self, record: CommittedRecord) -> None:
        """What stands before the wrong one in the same call stays invisible too."""
        before = record.change_counter()
        with pytest.raises(ValueError, match="version"):
            record.commit([budget(), bridge(version=2)])

        assert (record.headers(), record.passage_ids()) == ((), [])
        assert record.change_counter() == before

    @pytest.mark.parametrize("version", [1, 3])
    def test_a_version_that_is_not_the_next_is_refused(self, record: CommittedRecord, version: int) -> None:
        """Neither the same version again nor one that leaves a gap replaces what is there."""
        record.commit([bridge()])

        with pytest.raises(ValueError, match="version"):
            record.commit([bridge(version)])

        assert record.document("bridge") == bridge().document

    def test_a_new_version_hides_the_old(self, record: CommittedRecord) -> None:
        """Everything that is searched, cited or counted is of the current version only."""
        record.commit([bridge(), budget()])
        record.commit([bridge(2)])

        assert record.document("bridge") == bridge(2).document
        assert record.passages_of("bridge") == bridge(2).passages
        assert record.headers() == (budget().document.header, bridge(2).document.header)
        assert record.passage_ids() == record.vectors()[0] == ids(bridge(2), budget())
        assert [made.passage_id for made in record.index_entries()] == ids(bridge(2), budget())
        assert record.citables(ids(bridge())) == {}
        assert record.counts() == RecordCounts(documents=2, passages=3)

    def test_an_old_version_can_be_read_by_its_number(self, record: CommittedRecord) -> None:
        """A receipt that names a version stays checkable."""
        record.commit([bridge()])
        record.commit([bridge(2)])

        assert record.document("bridge", 1) == bridge().document
        assert record.passages_of("bridge", 1) == bridge().passages
        assert record.versions("bridge") == (bridge().document.header, bridge(2).document.header)

    @pytest.mark.parametrize(("document_id", "version"), [("nowhere", None), ("bridge", 2), ("bridge", 0)])
    def test_what_was_never_there_is_not_found(
        self, record: CommittedRecord, document_id: str, version: int | None
    ) -> None:
        """An unknown document or version is an error where one is asked for, and nothing where many are."""
        record.commit([bridge()])

        with pytest.raises(NotFoundError):
            record.document(document_id, version)

        assert record.passages_of(document_id, version) == ()
        assert record.versions("nowhere") == ()

    def test_a_deletion_hides_every_version_at_once(self, record: CommittedRecord) -> None:
        """Nothing that reads the record sees the document any more, whichever version is asked for."""
        record.commit([bridge(), budget()])
        record.commit([bridge(2)])

        assert record.delete("bridge") is True

        for version in (None, 1, 2):
            with pytest.raises(NotFoundError):
                record.document("bridge", version)
            assert record.passages_of("bridge", version) == ()
        assert record.headers() == (budget().document.header,)
        assert record.citables(ids(bridge(), bridge(2))) == {}
        assert record.passage_ids() == record.vectors()[0] == ids(budget())
        assert [made.passage_id for made in record.index_entries()] == ids(budget())
        assert list(record.index_entries(ids(bridge(2)))) == []
        assert record.counts() == RecordCounts(documents=1, passages=1)

    def test_deleting_what_is_not_there_changes_nothing(self, record: CommittedRecord) -> None:
        """An unknown document, or one deleted before, is `False` and no change."""
        record.commit([bridge()])
        record.delete("bridge")
        before = record.change_counter()

        assert (record.delete("bridge"), record.delete("nowhere")) == (False, False)
        assert record.change_counter() == before

    def test_a_deleted_document_comes_back_in_its_next_version_alone(self, record: CommittedRecord) -> None:
        """Numbers go on, for an index may still hold the passage ids of the deleted version; that one stays hidden."""
        record.commit([bridge()])
        record.delete("bridge")
        with pytest.raises(ValueError, match="version"):
            record.commit([bridge()])

        record.commit([bridge(2)])

        assert record.document("bridge") == bridge(2).document
        assert record.versions("bridge") == (bridge(2).document.header,)
        assert record.passages_of("bridge", 1) == ()
        with pytest.raises(NotFoundError):
            record.document("bridge", 1)

    def test_headers_are_ordered_by_day_then_id(self, record: CommittedRecord) -> None:
        """The newest comes first, an undated one last, and equal days by id, whatever the order of arrival."""
        made = [undated(), bridge(), budget(), prepared("arch", "An arch fell.", published=MARCH)]
        record.commit(made)

        assert [header.document_id for header in record.headers()] == ["budget", "arch", "bridge", "undated"]
        assert [header.document_id for header in record.headers(limit=2, offset=1)] == ["arch", "bridge"]
        assert [header.document_id for header in record.headers(offset=3)] == ["undated"]
        assert record.headers(limit=0) == record.headers(offset=4) == ()

    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            (TimeScope(), ["budget", "bridge", "undated"]),
            (TimeScope(as_of=MARCH), ["bridge"]),
            (TimeScope(published_from=APRIL), ["budget"]),
            (TimeScope(published_from=MARCH, published_to=APRIL), ["budget", "bridge"]),
            (TimeScope(published_to=APRIL, as_of=date(2025, 3, 3)), []),
            (TimeScope(publisher="GAZETTE"), ["bridge"]),
            (TimeScope(publisher="Meridian Wire", as_of=MARCH), []),
        ],
    )
    def test_a_scope_admits_the_same_documents_everywhere(
        self, record: CommittedRecord, scope: TimeScope, expected: list[str]
    ) -> None:
        """Headers, counts and vectors agree; first and last days are in, undated documents in no dated scope."""
        made = {"undated": undated(), "bridge": bridge(), "budget": budget()}
        record.commit(list(made.values()))
        passages = ids(*(made[name] for name in expected))

        assert [header.document_id for header in record.headers(scope=scope)] == expected
        assert record.counts(scope) == RecordCounts(documents=len(expected), passages=len(passages))
        assert record.vectors(scope)[0] == passages

    def test_a_scope_and_a_page_are_taken_together(self, record: CommittedRecord) -> None:
        """Limit and offset count the documents in scope."""
        record.commit([bridge(), budget(), undated()])

        assert record.headers(scope=TimeScope(as_of=APRIL), limit=5, offset=1) == (bridge().document.header,)

    def test_citables_come_in_the_order_asked_with_all_to_cite_them(self, record: CommittedRecord) -> None:
        """Each has passage, header and statements; unknown and repeated ids add nothing."""
        passage_id = passage_id_of("mayor", 1, Span(start=0, end=36))
        said = (
            Statement(
                passage_id=passage_id,
                speaker="The mayor",
                verb="said",
                span=Span(start=15, end=35),
                kind="reported",
            ),
            Statement(passage_id=passage_id, speaker="She", verb=None, span=Span(start=19, end=35), kind="quoted"),
        )
        text = "The mayor said the road was closed. "
        mayor = prepared("mayor", text, "Rain fell.", statements=said)
        record.commit([mayor, budget()])
        first, second = mayor.passages
        (other,) = budget().passages

        found = record.citables(
            [other.passage_id, "unknown", second.passage_id, first.passage_id, other.passage_id],
        )

        assert list(found.items()) == [
            (other.passage_id, Citable(passage=other, header=budget().document.header)),
            (second.passage_id, Citable(passage=second, header=mayor.document.header)),
            (first.passage_id, Citable(passage=first, header=mayor.document.header, statements=said)),
        ]

    def test_many_citables_are_found_as_surely_as_few(self, record: CommittedRecord) -> None:
        """More ids than one statement of SQLite takes are all answered."""
        many = prepared("many", *(f"Lamp {number} burns." for number in range(1203)))
        record.commit([many])

        assert list(record.citables(ids(many))) == ids(many)
        assert plain(record.index_entries(ids(many))) == plain(entries(many))
        assert plain(record.index_entries()) == plain(entries(many))

    def test_copies_are_listed_under_their_originals(self, record: CommittedRecord) -> None:
        """Each id asked for has its current copies, the earliest arrival first; a deleted copy is none."""
        copies = [
            prepared(name, "Marrick passed its budget.", duplicate_of="budget", published=MARCH)
            for name in ("zeta", "alpha", "gone")
        ]
        record.commit([budget(), bridge(), *copies])
        record.delete("gone")

        assert record.copies_of(["budget", "bridge", "nowhere"]) == {
            "budget": tuple(made.document.header for made in copies[:2]),
            "bridge": (),
            "nowhere": (),
        }

    def test_a_copy_that_became_an_original_is_no_copy(self, record: CommittedRecord) -> None:
        """Only the current version says of which document it is a copy."""
        record.commit([budget(), prepared("copy", "Marrick passed its budget.", duplicate_of="budget")])
        record.commit([prepared("copy", "Marrick has its own news.", version=2)])

        assert record.copies_of(["budget"]) == {"budget": ()}

    def test_index_entries_are_complete_and_ordered_by_id(self, record: CommittedRecord) -> None:
        """Each visible passage is there once with all its fields."""
        record.commit([bridge(), budget(), undated()])

        assert plain(record.index_entries()) == plain(entries(bridge(), budget(), undated()))

    def test_index_entries_of_some_passages_are_those_that_are_visible(self, record: CommittedRecord) -> None:
        """Order and repetition of the ids do not matter, unknown ones add nothing, none means none."""
        record.commit([bridge(), budget(), undated()])
        asked = [*reversed(ids(bridge())), *ids(budget()), ids(bridge())[0], "unknown"]

        assert plain(record.index_entries(asked)) == plain(entries(bridge(), budget()))
        assert list(record.index_entries([])) == []

    def test_vectors_come_back_bit_by_bit(self, record: CommittedRecord) -> None:
        """What was committed as float32 is read as the same float32, rows in the order of the ids."""
        record.commit([bridge(), budget()])
        expected = np.stack([made.vector for made in entries(bridge(), budget())])

        found, matrix = record.vectors()

        assert found == ids(bridge(), budget())
        assert (str(matrix.dtype), matrix.shape, matrix.tobytes()) == ("float32", (3, 64), expected.tobytes())

    def test_vectors_of_nothing_have_the_width_of_the_encoder(self, record: CommittedRecord) -> None:
        """An empty record, or an empty scope, gives a matrix without rows that can still be multiplied."""
        record.commit([bridge()])

        found, matrix = record.vectors(SPRING)

        assert (found, matrix.shape, str(matrix.dtype)) == ([], (0, 64), "float32")

    def test_the_counter_grows_with_each_change_of_what_is_visible(self, record: CommittedRecord) -> None:
        """A commit, a new version and a deletion each move it; an empty commit does not."""
        seen = [record.change_counter()]
        for change in (
            lambda: record.commit([bridge()]),
            lambda: record.commit([bridge(2)]),
            lambda: record.delete("bridge"),
        ):
            change()
            seen.append(record.change_counter())
        record.commit([])

        assert seen == sorted(set(seen))
        assert record.change_counter() == seen[-1]


class WritingContract(ReadingContract):
    """Behaviour of the rest of `RecordWriter` and of `AnswerStore`."""

    def test_a_document_keeps_everything_that_is_known_about_it(self, record: SqliteLedger) -> None:
        """Metadata, pages, headings and sentences survive the round trip, beyond the plane of two-byte characters."""
        text = "Torval 🌉\n\nÄpfel stöhnen. Zwölf Boxkämpfer jagen."
        made = prepared("full", "Torval 🌉", "Äpfel stöhnen. Zwölf Boxkämpfer jagen.", published=APRIL, title="🌉")
        header = replace(
            made.document.header,
            place="TORVAL",
            language="de",
            media_type="application/pdf",
            duplicate_of="bridge",
            duplicate_kind="near",
            similarity=0.8125,
        )
        pages = (Span(start=0, end=8), Span(start=10, end=len(text)))
        sentences = (Span(start=10, end=24), Span(start=25, end=len(text)))
        last = replace(made.passages[1], sentences=sentences, heading="Torval 🌉", page=2)
        full = replace(
            made,
            document=Document(header=header, text=text, pages=pages),
            passages=(replace(made.passages[0], page=1), last),
        )
        record.commit([full])

        assert record.document("full") == full.document
        assert record.passages_of("full") == full.passages
        assert record.headers() == (header,)

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ("text", "differs from the text"),
            ("document", "is not of"),
            ("dimensions", "Vectors need shape"),
            ("nan", "Vectors need shape"),
            ("statement", "unknown passages"),
        ],
    )
    def test_a_document_that_does_not_fit_together_is_refused(self, record: SqliteLedger, wrong: str, why: str) -> None:
        """What could later be cited wrongly, or never be found, does not get in."""
        made = bridge()
        first, second = made.passages
        said = Statement(passage_id="x" * 32, speaker="She", verb=None, span=Span(start=0, end=3), kind="quoted")
        unfit = {
            "text": replace(made, passages=(replace(first, text=first.text.upper()), second)),
            "document": replace(made, passages=(replace(first, document_id="budget"), second)),
            "dimensions": replace(made, vectors=made.vectors[:, :63]),
            "nan": replace(made, vectors=np.full_like(made.vectors, np.nan)),
            "statement": replace(made, statements=(said,)),
        }[wrong]

        with pytest.raises(ValueError, match=why):
            record.commit([unfit])

        assert (record.headers(), record.passage_ids()) == ((), [])

    def test_saved_vectors_are_known_before_their_document(self, record: SqliteLedger) -> None:
        """Exactly the texts that were saved are known, with the very bits; nothing becomes visible."""
        texts = ["The dam is full.", "The dam is empty."]
        vectors = ENCODER.encode_passages(texts)
        record.save_embeddings(texts, vectors)

        found = record.known_embeddings([*texts, "The dam is full", "the dam is full."])

        assert {text: vector.tobytes() for text, vector in found.items()} == {
            text: vector.tobytes() for text, vector in zip(texts, vectors, strict=True)
        }
        assert {str(vector.dtype) for vector in found.values()} == {"float32"}
        assert record.passage_ids() == []

    def test_a_known_vector_is_never_replaced(self, record: SqliteLedger) -> None:
        """Saving or committing a text again leaves its first vector, so that equal texts have equal vectors."""
        made = budget()
        record.save_embeddings(made.embedded_texts, made.vectors)
        other = -made.vectors
        record.save_embeddings(made.embedded_texts, other)
        record.commit([replace(made, vectors=other)])

        assert record.known_embeddings(made.embedded_texts)[made.embedded_texts[0]].tobytes() == made.vectors.tobytes()
        assert record.vectors()[1].tobytes() == made.vectors.tobytes()

    def test_vectors_that_cannot_be_compared_are_not_kept(self, record: SqliteLedger) -> None:
        """Another width, another number, or NaN is refused, and nothing of the call is known afterwards."""
        texts = ["The dam is full.", "The dam is empty."]
        vectors = ENCODER.encode_passages(texts)
        torn = vectors.copy()
        torn[1, 7] = np.nan

        for wrong in (vectors[:, :32], vectors[:1], torn):
            with pytest.raises(ValueError, match="Vectors need shape"):
                record.save_embeddings(texts, wrong)

        assert record.known_embeddings(texts) == {}

    def test_vectors_of_many_texts_are_known_at_once(self, record: SqliteLedger) -> None:
        """More texts than one statement takes, some of them equal, are all answered."""
        texts = [f"Lamp {number} burns." for number in range(1203)]
        record.save_embeddings([*texts, texts[0]], ENCODER.encode_passages([*texts, texts[0]]))

        assert sorted(record.known_embeddings(texts)) == sorted(texts)

    def test_signatures_are_those_of_current_originals(self, record: SqliteLedger) -> None:
        """Copies, deleted documents, old versions and documents without one are left out; the oldest comes first."""
        words = "Marrick passed its budget."
        record.commit(
            [
                prepared("zeta", words, signature=b"z1"),
                prepared("copy", words, signature=b"c1", duplicate_of="zeta"),
                prepared("alpha", words, signature=b"a1"),
                prepared("gone", words, signature=b"g1"),
                prepared("unsigned", words),
            ]
        )
        record.commit([prepared("zeta", words, version=2, signature=b"z2")])
        record.delete("gone")

        assert list(record.signatures()) == [("zeta", b"z2"), ("alpha", b"a1")]

    def test_more_signatures_than_a_batch_come_once_each(self, record: SqliteLedger) -> None:
        """The stream goes on after each batch without a gap or a repetition."""
        made = [prepared(f"lamp{number:04}", "A lamp.", signature=b"%d" % number) for number in range(1003)]
        record.commit(made)

        assert list(record.signatures()) == [(f"lamp{number:04}", b"%d" % number) for number in range(1003)]

    def test_content_is_found_in_its_oldest_current_original(self, record: SqliteLedger) -> None:
        """Copies, deleted documents and old versions do not count."""
        words = "Marrick passed its budget."
        digest = prepared("any", words).document.header.content_sha256
        record.commit([prepared("gone", words), prepared("copy", words, duplicate_of="gone"), prepared("moved", words)])
        record.commit([prepared("zeta", words), prepared("alpha", words), prepared("moved", "Other.", version=2)])
        record.delete("gone")

        assert record.find_content(digest) == prepared("zeta", words).document.header
        assert record.find_content("0" * 64) is None

    def test_a_job_is_remembered_from_start_to_end(self, record: SqliteLedger) -> None:
        """It is running until it is finished, and then says how; the newest job comes first."""
        before = datetime.now(UTC)
        first, second = record.start_job("folder a"), record.start_job("folder b")
        record.finish_job(first, state="done", report={"added": ["bridge"], "failed": 0})

        done, running = record.job(first), record.job(second)

        assert (done.state, done.source, done.report) == ("done", "folder a", {"added": ["bridge"], "failed": 0})
        assert done.finished is not None
        assert before <= done.started <= done.finished
        assert (running.state, running.source, running.finished, running.report) == ("running", "folder b", None, {})
        assert record.jobs() == (running, done)
        assert record.jobs(limit=1) == (running,)

    def test_jobs_that_a_dead_process_left_are_interrupted(self, record: SqliteLedger) -> None:
        """Those that run are marked and counted; finished ones stay as they are."""
        failed, left = record.start_job("a"), record.start_job("b")
        record.finish_job(failed, state="failed", report={"stopped": "full"})
        before = record.job(failed)

        counts = (record.interrupt_running_jobs(), record.interrupt_running_jobs())

        assert counts == (1, 0)
        assert record.job(left).state == "interrupted"
        assert record.job(left).finished is not None
        assert record.job(failed) == before

    def test_an_unknown_job_is_not_found(self, record: SqliteLedger) -> None:
        """Neither reading nor finishing one that never began succeeds."""
        with pytest.raises(NotFoundError, match="job_x"):
            record.job("job_x")
        with pytest.raises(NotFoundError, match="job_x"):
            record.finish_job("job_x", state="done", report={})

    def test_an_answer_is_kept_as_it_was_returned(self, record: SqliteLedger) -> None:
        """The receipt comes back whole, one with the same id replaces it, and others are untouched."""
        body = {
            "question": "Wann öffnet die Brücke? 🌉",
            "sentences": [{"document_id": "bridge", "version": 1}],
            "n": 0.5,
        }
        record.save_answer("a", {"sentences": [{"document_id": "budget", "version": 1}]})
        record.save_answer("b", {"kept": True})
        record.save_answer("a", body)

        assert record.answer("a") == body
        assert record.answer("b") == {"kept": True}

    def test_an_unknown_answer_is_not_found(self, record: SqliteLedger) -> None:
        """The error says which one, and why it may be gone."""
        with pytest.raises(NotFoundError, match="'a'") as caught:
            record.answer("a")

        assert "purged" in caught.value.hint

    def test_an_answer_changes_nothing_that_is_searched(self, record: SqliteLedger) -> None:
        """Receipts, vectors and jobs do not make the indexes look for changes."""
        before = record.change_counter()
        record.save_answer("a", {"sentences": []})
        record.save_embeddings(["The dam is full."], ENCODER.encode_passages(["The dam is full."]))
        record.finish_job(record.start_job("a"), state="done", report={})

        assert record.change_counter() == before


class TestMemoryRecord(ReadingContract):
    """The fake, as far as it goes."""

    @pytest.fixture
    def record(self) -> MemoryRecord:
        return MemoryRecord()


class TestSqliteLedger(WritingContract):
    """The real ledger."""

    @pytest.fixture
    def record(self, tmp_path: Path) -> Iterator[SqliteLedger]:
        opened = SqliteLedger.open(tmp_path / "ledger.db", encoder_id=ENCODER.encoder_id, dimensions=ENCODER.dimensions)
        yield opened
        opened.close()
