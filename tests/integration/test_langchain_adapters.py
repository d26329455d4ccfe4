"""The adapters against LangChain's own standard suites, and what they add to them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from domain.answers import TimeScope
from domain.settings import Settings
from retriever.langchain_adapters import EmbeddingsEncoder, RecordLangChainRetriever, RecordVectorStore
from retriever.wiring import Record, open_record
from tests.support.encoders import HashingEncoder
from tests.support.readers import WordsReader
from tests.support.records import prepared


class TestRecordVectorStore(VectorStoreIntegrationTests):  # type: ignore[misc]  # langchain-tests has no types
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        encoder = EmbeddingsEncoder(embeddings=self.get_embeddings(), encoder_id="fake-6", dimensions=6)
        with open_record(Settings(data_dir=tmp_path), access="write", encoder=encoder) as record:
            yield RecordVectorStore(record)


class TestRecordLangChainRetriever(RetrieversIntegrationTests):  # type: ignore[misc]  # langchain-tests has no types
    @pytest.fixture(autouse=True)
    def _record(self, record: Record) -> None:
        self.record = record

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return RecordLangChainRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self.record.retriever}

    @property
    def retriever_query_example(self) -> str:
        return "Who signed the treaty?"


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with open_record(
        Settings(data_dir=tmp_path), access="write", encoder=HashingEncoder(), reader=WordsReader()
    ) as record:
        record.ledger.commit(
            [
                prepared(
                    f"doc{n}",
                    f"Heading {n}",
                    f"Envoy number {n} signed the treaty.",
                    title=f"Title {n}",
                    published=date(2025, 2, n),
                    publisher="Wire A",
                )
                for n in range(1, 7)
            ]
        )
        record.publish()
        yield record


def test_documents_say_where_their_words_stand(record: Record) -> None:
    """The metadata of a found passage leads back to the exact words of the document."""
    retriever = RecordLangChainRetriever(retriever=record.retriever, k=1)

    (found,) = retriever.invoke("Envoy number 3 signed the treaty.")

    passage = record.ledger.passages_of("doc3")[1]
    assert found.metadata == {
        "document_id": "doc3",
        "version": 1,
        "passage_id": passage.passage_id,
        "start": 11,
        "end": 44,
        "title": "Title 3",
        "publisher": "Wire A",
        "published": "2025-02-03",
        "source": "file:///doc3.txt",
    }
    assert record.ledger.document("doc3").text[11:44] == found.page_content


def test_the_scope_of_a_retriever_hides_later_documents(record: Record) -> None:
    """A retriever with `as_of` sees the record as it was on that day."""
    retriever = RecordLangChainRetriever(retriever=record.retriever, scope=TimeScope(as_of=date(2025, 2, 2)))

    found = retriever.invoke("Envoy number 5 signed the treaty.")

    assert {document.metadata["document_id"] for document in found} == {"doc1", "doc2"}


def test_the_store_searches_what_was_ingested(record: Record) -> None:
    """Passages that came by another way are found and fetched through the store too."""
    store = RecordVectorStore(record)

    (best,) = store.similarity_search("Envoy number 4 signed the treaty.", k=1)

    assert best.id is not None
    assert store.get_by_ids([best.id]) == [best]
    assert best.metadata["document_id"] == "doc4"


def test_added_texts_are_documents_of_the_record(record: Record) -> None:
    """A text that a LangChain program adds is dated, found by the hybrid retriever, and can be cited."""
    store = RecordVectorStore(record)
    metadata = {"published": "2024-12-24", "publisher": "Desk", "title": "Note", "custom": [1, {"a": "é&=?"}]}

    (text_id,) = store.add_texts(["A zebra crossed the street."], [metadata])

    (found,) = record.retriever.retrieve("zebra", scope=TimeScope(as_of=date(2024, 12, 31)), limit=5)
    header = found.citable.header
    assert (header.document_id, header.published, header.publisher) == (text_id, date(2024, 12, 24), "Desk")
    assert store.get_by_ids([text_id])[0].metadata == metadata


def test_writing_with_another_encoder_is_refused(record: Record) -> None:
    """Vectors of two models are never mixed."""
    other = VectorStoreIntegrationTests.get_embeddings()

    with pytest.raises(ValueError, match="its own encoder"):
        RecordVectorStore.from_texts(["text"], other, record=record)


def test_from_texts_adds_to_the_record(record: Record) -> None:
    """The LangChain way to build a store adds to the given record."""
    own = RecordVectorStore(record).embeddings

    store = RecordVectorStore.from_texts(["A zebra crossed the street."], own, record=record)

    assert store.similarity_search("zebra street", k=1)[0].page_content == "A zebra crossed the street."
