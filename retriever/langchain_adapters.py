"""The record as LangChain sees it: a retriever, a vector store, and embeddings in both directions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote, urlencode

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field

from domain.answers import TimeScope
from domain.corpus import Citable, DocumentHeader, Passage, Span, passage_id_of, sha256_of
from domain.corpus import Document as RecordDocument
from domain.errors import NotFoundError
from domain.ports import Encoder, Matrix, PreparedDocument, Retriever, Vector
from retriever.wiring import Record

SCHEME: Final = "langchain:"  # Source URIs of texts that were written through the vector store.


class RecordLangChainRetriever(BaseRetriever):
    """A LangChain retriever over the record: `RecordLangChainRetriever(retriever=record.retriever, k=5)`.

    Documents carry `document_id`, `version`, `start`, `end`, `title`, `publisher`, `published` and `passage_id`, so
    that `document.text[start:end] == page_content`. `k` and `scope` can also be given with each call.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Any = Field(description="An implementation of the port Retriever.")
    scope: TimeScope = Field(default_factory=TimeScope, description="Which documents may answer.")
    k: int = Field(default=12, ge=1, description="Most documents returned.")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  - named by LangChain
        k: int | None = None,
        scope: TimeScope | None = None,
    ) -> list[Document]:
        retriever: Retriever = self.retriever
        ranked = retriever.retrieve(query, scope=scope or self.scope, limit=self.k if k is None else k)
        return [as_langchain_document(passage.citable) for passage in ranked]


class RecordVectorStore(VectorStore):
    """A LangChain vector store over the record: `RecordVectorStore(record)`.

    Every passage of the record can be searched. A text that is added becomes a document of one passage, whose id is
    the given one or is made from the text, and which comes back with the metadata it was given; `title`, `publisher`
    and `published` (a date or ISO text) are also kept as the document's own. Vectors come from the record's encoder.
    """

    def __init__(self, record: Record, *, scope: TimeScope | None = None) -> None:
        self._record = record
        self._scope = scope or TimeScope()

    @property
    def embeddings(self) -> Embeddings:
        """The record's encoder."""
        return RecordEmbeddings(encoder=self._record.encoder)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Write texts to the record; a text under a known id becomes its next version, the same text is a no-op.

        Returns:
            The ids, in order.

        Raises:
            ValueError: If the lists differ in length, or a text is empty or not valid Unicode.
            RecordError: If the record was opened for reading.
        """
        if kwargs:
            raise TypeError(f"add_texts takes no {sorted(kwargs)}")
        wanted = list(texts)
        described = metadatas if metadatas is not None else [{} for _ in wanted]
        named = ids if ids is not None else [None for _ in wanted]
        if not len(wanted) == len(described) == len(named):
            raise ValueError(f"{len(wanted)} texts need as many metadatas and ids")
        documents = [
            _document(text, metadata, document_id or f"text-{sha256_of(text)[:32]}")
            for text, metadata, document_id in zip(wanted, described, named, strict=True)
        ]
        # One id twice in a call: the last text is the one that stays, as if written one after the other.
        latest = {document.header.document_id: document for document in documents}
        if changed := [newer for newer in map(self._as_next_version, latest.values()) if newer is not None]:
            vectors = self._record.encoder.encode_passages([document.text for document in changed])
            self._record.ledger.commit(
                [_prepared(document, vector) for document, vector in zip(changed, vectors, strict=True)]
            )
            self._record.publish()
        return [document.header.document_id for document in documents]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete documents by id; unknown ids are ignored. A single passage of a longer document cannot go."""
        if ids is None or kwargs:
            raise ValueError("delete needs the ids of documents, and takes nothing else")
        deleted = [document_id for document_id in ids if self._record.ledger.delete(document_id)]
        if deleted:
            self._record.publish()
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return added texts by their id and other passages by `passage_id`; unknown ids are left out."""
        found = dict(self._record.ledger.citables(ids))
        for document_id in ids:
            try:
                passages = self._record.ledger.passages_of(document_id)
            except NotFoundError:
                continue
            citables = self._record.ledger.citables([passage.passage_id for passage in passages[:1]])
            added = [citable for citable in citables.values() if _is_ours(citable.header)]
            found.update(zip([document_id], added, strict=False))  # None, if it is no text of ours.
        return [as_langchain_document(found[wanted]) for wanted in ids if wanted in found]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the `k` passages nearest to `query`, best first; `scope=TimeScope(…)` restricts them."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, *, scope: TimeScope | None = None
    ) -> list[tuple[Document, float]]:
        """Return the `k` nearest passages with their cosine similarity, best first."""
        return self._nearest(self._record.encoder.encode_query(query), k, scope)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, *, scope: TimeScope | None = None, **kwargs: Any
    ) -> list[Document]:
        """Return the `k` passages nearest to a vector of the record's encoder."""
        if kwargs:
            raise TypeError(f"similarity_search_by_vector takes no {sorted(kwargs)}")
        vector = _unit_rows(np.asarray([embedding], dtype=np.float32))[0]
        return [document for document, _ in self._nearest(vector, k, scope)]

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        record: Record | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add texts to `record`, which must be given; `embedding` must be its own (`store.embeddings`).

        Raises:
            ValueError: If there is no record, or another encoder is asked for.
        """
        if record is None or kwargs:
            raise ValueError("from_texts needs record=…, an open Record, and takes nothing else")
        if not isinstance(embedding, RecordEmbeddings) or embedding.encoder.encoder_id != record.encoder.encoder_id:
            raise ValueError("A record is written with its own encoder; give RecordVectorStore(record).embeddings")
        store = cls(record)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def _select_relevance_score_fn(self) -> Any:
        return lambda cosine: (1.0 + cosine) / 2

    def _nearest(self, vector: Vector, k: int, scope: TimeScope | None) -> list[tuple[Document, float]]:
        ranked = self._record.retriever.nearest(vector, scope=scope or self._scope, limit=k)
        return [(as_langchain_document(passage.citable), passage.score) for passage in ranked]

    def _as_next_version(self, document: RecordDocument) -> RecordDocument | None:
        """Number a document after its kept versions; `None` if the current one is the same."""
        header = document.header
        versions = self._record.ledger.versions(header.document_id)
        try:
            current = self._record.ledger.document(header.document_id)
        except NotFoundError:
            current = None
        if current is not None and replace(current.header, version=1) == header and current.text == document.text:
            return None
        number = 1 + max((known.version for known in versions), default=0)
        return replace(document, header=replace(header, version=number))


class RecordEmbeddings(Embeddings):
    """An encoder of ours as LangChain embeddings."""

    def __init__(self, *, encoder: Encoder) -> None:
        self.encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Encode texts of the record."""
        vectors: list[list[float]] = self.encoder.encode_passages(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Encode a question."""
        vector: list[float] = self.encoder.encode_query(text).tolist()
        return vector


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsEncoder:
    """Any LangChain embeddings as an encoder of ours; vectors are brought to unit length.

    Attributes:
        encoder_id: Names the model; records keep it, and refuse another.
    """

    embeddings: Embeddings
    encoder_id: str
    dimensions: int

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        """Encode texts of the record, `(len(texts), dimensions)` float32 rows of unit length."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return _unit_rows(np.asarray(self.embeddings.embed_documents(list(texts)), dtype=np.float32))

    def encode_query(self, text: str) -> Vector:
        """Encode a question, `(dimensions,)` float32 of unit length."""
        vector: Vector = _unit_rows(np.asarray([self.embeddings.embed_query(text)], dtype=np.float32))[0]
        return vector


def as_langchain_document(citable: Citable) -> Document:
    """Return a passage as a LangChain document; `metadata` says where its words stand.

    A text that was added through the vector store comes back as it was given, with its own id and metadata.
    """
    passage, header = citable.passage, citable.header
    if _is_ours(header):
        return Document(id=header.document_id, page_content=passage.text, metadata=_given_metadata(header))
    return Document(
        id=passage.passage_id,
        page_content=passage.text,
        metadata={
            "document_id": header.document_id,
            "version": header.version,
            "passage_id": passage.passage_id,
            "start": passage.span.start,
            "end": passage.span.end,
            "title": header.title,
            "publisher": header.publisher,
            "published": header.published.isoformat() if header.published else None,
            "source": header.source_uri,
        },
    )


def _document(text: str, metadata: Mapping[str, Any], document_id: str) -> RecordDocument:
    # The ledger has no field for metadata of other programs; the source URI carries it, so that nothing is lost.
    described = urlencode({"metadata": json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False, default=str)})
    header = DocumentHeader(
        document_id=document_id,
        version=1,
        content_sha256=sha256_of(text),
        source_uri=f"{SCHEME}{quote(document_id, safe='')}?{described}",
        title=_text_or_none(metadata.get("title")),
        publisher=_text_or_none(metadata.get("publisher")),
        published=_date_or_none(metadata.get("published")),
    )
    return RecordDocument(header=header, text=text)


def _prepared(document: RecordDocument, vector: Vector) -> PreparedDocument:
    header, span = document.header, Span(start=0, end=len(document.text))
    passage = Passage(
        passage_id=passage_id_of(header.document_id, header.version, span),
        document_id=header.document_id,
        version=header.version,
        ordinal=0,
        span=span,
        text=document.text,
        sentences=(span,),
    )
    return PreparedDocument(
        document=document, passages=(passage,), statements=(), embedded_texts=(document.text,), vectors=vector[None, :]
    )


def _is_ours(header: DocumentHeader) -> bool:
    return header.source_uri.startswith(SCHEME)


def _given_metadata(header: DocumentHeader) -> dict[str, Any]:
    query = parse_qs(header.source_uri.partition("?")[2])
    metadata: dict[str, Any] = json.loads(query["metadata"][0])
    return metadata


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _date_or_none(value: object) -> date | None:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _unit_rows(rows: Matrix) -> Matrix:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ValueError("Embeddings must be finite and not zero")
    unit: Matrix = (rows / norms).astype(np.float32)
    return unit
