"""A small record in memory, and documents to put into it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from domain.answers import TimeScope
from domain.corpus import (
    Citable,
    Document,
    DocumentHeader,
    Passage,
    RankedPassage,
    Span,
    Statement,
    passage_id_of,
    sha256_of,
)
from domain.errors import NotFoundError
from domain.ports import Encoder, IndexEntry, Matrix, PreparedDocument, RecordCounts
from tests.support.encoders import HashingEncoder


def prepared(
    document_id: str,
    *paragraphs: str,
    version: int = 1,
    published: date | None = None,
    publisher: str | None = None,
    title: str | None = None,
    duplicate_of: str | None = None,
    encoder: Encoder | None = None,
    statements: Sequence[Statement] = (),
    signature: bytes = b"",
) -> PreparedDocument:
    """A document of whole paragraphs, ready to commit."""
    text = "\n\n".join(paragraphs)
    header = DocumentHeader(
        document_id=document_id,
        version=version,
        content_sha256=sha256_of(text),
        source_uri=f"file:///{document_id}.txt",
        title=title,
        publisher=publisher,
        published=published,
        duplicate_of=duplicate_of,
        duplicate_kind="exact" if duplicate_of else None,
        similarity=1.0 if duplicate_of else None,
    )
    passages, start = [], 0
    for ordinal, paragraph in enumerate(paragraphs):
        span = Span(start=start, end=start + len(paragraph))
        start = span.end + 2
        passages.append(
            Passage(
                passage_id=passage_id_of(document_id, version, span),
                document_id=document_id,
                version=version,
                ordinal=ordinal,
                span=span,
                text=paragraph,
                sentences=(span,),
            )
        )
    return PreparedDocument(
        document=Document(header=header, text=text),
        passages=tuple(passages),
        statements=tuple(statements),
        embedded_texts=paragraphs,
        vectors=(encoder or HashingEncoder()).encode_passages(paragraphs),
        signature=signature,
    )


def ranking(*passages: str | RankedPassage) -> tuple[RankedPassage, ...]:
    """A ranking of passages named by their text, each in a document of its own, scored by nothing."""
    return tuple(
        passage if isinstance(passage, RankedPassage) else ranked(passage, rank=rank)
        for rank, passage in enumerate(passages, start=1)
    )


def ranked(
    text: str,
    *,
    rank: int = 1,
    score: float = 0.0,
    document_id: str | None = None,
    duplicate_of: str | None = None,
) -> RankedPassage:
    """One ranked passage; its id is its text."""
    document = prepared(document_id or text, text, duplicate_of=duplicate_of)
    passage = document.passages[0]
    named = Passage(
        passage_id=text,
        document_id=passage.document_id,
        version=1,
        ordinal=0,
        span=passage.span,
        text=text,
        sentences=passage.sentences,
    )
    return RankedPassage(citable=Citable(passage=named, header=document.document.header), rank=rank, score=score)


def paragraph(
    *sentences: str, offset: int = 0, document_id: str = "d", title: str | None = None, score: float = 0.0
) -> RankedPassage:
    """One ranked passage of these sentences, which begins at `offset` of its document."""
    text, spans, start = " ".join(sentences), [], offset
    for sentence in sentences:
        spans.append(Span(start=start, end=start + len(sentence)))
        start += len(sentence) + 1
    span = Span(start=offset, end=offset + len(text))
    header = DocumentHeader(
        document_id=document_id, version=1, content_sha256="", source_uri=f"file:///{document_id}.txt", title=title
    )
    passage = Passage(
        passage_id=passage_id_of(document_id, 1, span),
        document_id=document_id,
        version=1,
        ordinal=0,
        span=span,
        text=text,
        sentences=tuple(spans),
    )
    return RankedPassage(citable=Citable(passage=passage, header=header), rank=1, score=score)


@dataclass(kw_only=True)
class MemoryRecord:
    """The ports `RecordReader` and, as far as indexes need it, `RecordWriter`, in dictionaries.

    `tests/contract/test_record_contract.py` holds it to what the real ledger does.
    """

    dimensions: int = 64
    current: dict[str, PreparedDocument] = field(default_factory=dict)
    kept: dict[str, list[PreparedDocument]] = field(default_factory=dict)
    changes: int = 0

    def commit(self, documents: Sequence[PreparedDocument]) -> None:
        if not documents:
            return
        current, kept = dict(self.current), {key: list(versions) for key, versions in self.kept.items()}
        for made in documents:
            header = made.document.header
            versions = kept.get(header.document_id, [])
            if header.version != (versions[-1].document.header.version + 1 if versions else 1):
                raise ValueError(f"Document {header.document_id!r} cannot have version {header.version} next")
            kept[header.document_id] = [*(versions if header.document_id in current else []), made]
            current[header.document_id] = made
        self.current, self.kept = current, kept
        self.changes += 1

    def delete(self, document_id: str) -> bool:
        if self.current.pop(document_id, None) is None:
            return False
        self.changes += 1
        return True

    def document(self, document_id: str, version: int | None = None) -> Document:
        found = self._version(document_id, version)
        if found is None:
            raise NotFoundError(f"There is no document {document_id!r}")
        return found.document

    def versions(self, document_id: str) -> tuple[DocumentHeader, ...]:
        return tuple(made.document.header for made in self.kept.get(document_id, []))

    def headers(
        self, *, scope: TimeScope | None = None, limit: int | None = None, offset: int = 0
    ) -> tuple[DocumentHeader, ...]:
        found = [document.document.header for document in self._in(scope)]
        found.sort(key=lambda header: (-(header.published or date.min).toordinal(), header.document_id))
        return tuple(found[offset:][:limit])

    def passages_of(self, document_id: str, version: int | None = None) -> tuple[Passage, ...]:
        found = self._version(document_id, version)
        return () if found is None else found.passages

    def citables(self, passage_ids: Iterable[str]) -> dict[str, Citable]:
        found = {
            passage.passage_id: Citable(
                passage=passage,
                header=made.document.header,
                statements=tuple(said for said in made.statements if said.passage_id == passage.passage_id),
            )
            for made in self.current.values()
            for passage in made.passages
        }
        return {passage_id: found[passage_id] for passage_id in dict.fromkeys(passage_ids) if passage_id in found}

    def missing(self, document_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(document_ids) - frozenset(self.current)

    def counts(self, scope: TimeScope | None = None) -> RecordCounts:
        found = list(self._in(scope))
        return RecordCounts(documents=len(found), passages=sum(len(document.passages) for document in found))

    def copies_of(self, document_ids: Iterable[str]) -> dict[str, tuple[DocumentHeader, ...]]:
        headers = [self.kept[key][-1].document.header for key in self.kept if key in self.current]
        return {key: tuple(header for header in headers if header.duplicate_of == key) for key in document_ids}

    def passage_ids(self) -> list[str]:
        return sorted(passage.passage_id for document in self.current.values() for passage in document.passages)

    def change_counter(self) -> int:
        return self.changes

    def index_entries(self, passage_ids: Sequence[str] | None = None) -> Iterator[IndexEntry]:
        yield from self._entries(None, passage_ids)

    def vectors(self, scope: TimeScope | None = None) -> tuple[list[str], Matrix]:
        entries = self._entries(scope, None)
        if not entries:
            return [], np.empty((0, self.dimensions), dtype=np.float32)
        return [entry.passage_id for entry in entries], np.stack([entry.vector for entry in entries])

    def _version(self, document_id: str, version: int | None) -> PreparedDocument | None:
        if version is None or document_id not in self.current:
            return self.current.get(document_id)
        return next((made for made in self.kept[document_id] if made.document.header.version == version), None)

    def _in(self, scope: TimeScope | None) -> Iterator[PreparedDocument]:
        chosen = scope or TimeScope()
        return (document for document in self.current.values() if chosen.admits(document.document.header))

    def _entries(self, scope: TimeScope | None, passage_ids: Sequence[str] | None) -> list[IndexEntry]:
        wanted = None if passage_ids is None else set(passage_ids)
        entries = [
            IndexEntry(
                passage_id=passage.passage_id,
                document_id=passage.document_id,
                text=passage.text,
                title=document.document.header.title or "",
                vector=vector,
                published_day=int((document.document.header.published or date.min).strftime("%Y%m%d"))
                if document.document.header.published
                else 0,
                publisher=(document.document.header.publisher or "").casefold(),
            )
            for document in self._in(scope)
            for passage, vector in zip(document.passages, document.vectors, strict=True)
            if wanted is None or passage.passage_id in wanted
        ]
        return sorted(entries, key=lambda entry: entry.passage_id)
