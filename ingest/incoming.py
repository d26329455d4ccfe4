"""What a parsed document is to the record: new, a new version, already there, a copy, or an impostor."""

import hashlib
from dataclasses import dataclass, replace

from domain.corpus import Document, DocumentHeader, Passage, Statement, sha256_of
from domain.errors import IngestError
from ingest.catalogue import Catalogue, KnownDocuments
from ingest.duplicates import NearCopy, NearDuplicates, marked_as_copy, signature_of
from ingest.paragraphs import split_passages
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.statements import find_statements

_SHORT_CHARS = 100  # A short sentence; longer passages are found as often without their context, which costs time.


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingDocument:
    """A document that is to be embedded and committed.

    Attributes:
        embedded_texts: What the encoder reads for each passage.
        is_update: Whether an earlier version is visible now.
    """

    document: Document
    passages: tuple[Passage, ...]
    statements: tuple[Statement, ...]
    embedded_texts: tuple[str, ...]
    signature: bytes
    is_update: bool


class Reception:
    """Compares each parsed document with the record and with those that came before it in the same run.

    Args:
        record: The record as it was when the run began, and as it grows.
        near_duplicate: Least Jaccard similarity of a near copy.
        max_passage_chars: The longest passage.
    """

    def __init__(self, record: KnownDocuments, *, near_duplicate: float, max_passage_chars: int) -> None:
        self._record = record
        self._catalogue = Catalogue(record)
        self._near_duplicate = near_duplicate
        self._max_passage_chars = max_passage_chars
        self._seen: dict[str, bytes] = {}
        self._contents: dict[str, str] = {}
        self._superseded: set[str] = set()
        self._originals: NearDuplicates | None = None

    def receive(self, source: RawSource, parsed: ParsedDocument) -> IncomingDocument | None:
        """Return the document ready for embedding, or `None` when the record already has it as it is.

        Raises:
            IngestError: `no_text` for a document without words, `identity_conflict` when another document of this
                run has the same identity but other content.
        """
        if not parsed.text.strip():
            raise IngestError(f"{source.name!r} has no text", reason="no_text", hint="Check that the file is complete.")
        header = _header_of(source, parsed)
        if self._is_repeated(source, header):
            return None
        current = self._catalogue.current(header.document_id)
        if current is not None and _is_same(current, header):
            return None
        version = self._catalogue.next_version(header.document_id)
        document = Document(header=replace(header, version=version), text=parsed.text, pages=parsed.pages)
        return self._prepared(document, is_update=current is not None)

    def _is_repeated(self, source: RawSource, header: DocumentHeader) -> bool:
        """Tell whether this run brought the same document already, and keep a mark of it."""
        mark = hashlib.blake2b(repr(_comparable(header)).encode(), digest_size=16).digest()
        earlier = self._seen.setdefault(header.document_id, mark)
        is_first = earlier is mark
        if not is_first and earlier != mark:
            raise IngestError(
                f"{source.name!r} claims the identity of another document of this run, {header.source_uri!r}, "
                "but differs from it; the first one is kept",
                reason="identity_conflict",
                hint="Give each document its own id, or ingest the later one in a run of its own to replace the first.",
            )
        return not is_first

    def _prepared(self, document: Document, *, is_update: bool) -> IncomingDocument:
        if is_update:
            self._forget(document.header.document_id)
        signature = signature_of(document)
        document = replace(document, header=self._marked(document.header, signature))
        passages = split_passages(document, max_chars=self._max_passage_chars)
        return IncomingDocument(
            document=document,
            passages=passages,
            statements=tuple(found for passage in passages for found in find_statements(passage)),
            embedded_texts=tuple(text_to_embed(document.header, passage) for passage in passages),
            signature=signature,
            is_update=is_update,
        )

    def _marked(self, header: DocumentHeader, signature: bytes) -> DocumentHeader:
        """Return the header, marked when the document is a copy; else remember it as an original."""
        same = self._same_content(header)
        if same is not None:
            return marked_as_copy(header, NearCopy(document_id=same, similarity=1.0), exact=True)
        near = self._near().nearest(signature, besides=header.document_id)
        if near is not None:
            return marked_as_copy(header, near, exact=False)
        self._contents[header.content_sha256] = header.document_id
        self._near().add(header.document_id, signature)
        return header

    def _same_content(self, header: DocumentHeader) -> str | None:
        in_run = self._contents.get(header.content_sha256)
        if in_run is not None:
            return in_run
        known = self._catalogue.original_with(header.content_sha256)
        return None if known in self._superseded | {header.document_id} else known

    def _near(self) -> NearDuplicates:
        if self._originals is None:
            self._originals = NearDuplicates(threshold=self._near_duplicate, signatures=self._record.signatures())
        return self._originals

    def _forget(self, document_id: str) -> None:
        # The version that the ledger still shows is replaced with this run's next commit; nothing may be its copy.
        self._superseded.add(document_id)
        self._near().discard(document_id)


def document_id_of(uri: str, key: str) -> str:
    """Return the id of a document: `doc_` and 16 hexadecimal digits of its source and its key therein."""
    return "doc_" + sha256_of(f"{uri}\x00{key}")[:16]


def text_to_embed(header: DocumentHeader, passage: Passage) -> str:
    """Return what the encoder reads for a passage: a short one is preceded by the title and its heading."""
    if len(passage.text) >= _SHORT_CHARS:
        return passage.text
    context = dict.fromkeys(part for part in (header.title, passage.heading) if part and part not in passage.text)
    return ". ".join([*context, passage.text])


def _header_of(source: RawSource, parsed: ParsedDocument) -> DocumentHeader:
    metadata: Metadata = source.declared.over(parsed.metadata)
    return DocumentHeader(
        document_id=document_id_of(source.uri, parsed.key),
        version=1,
        content_sha256=sha256_of(parsed.text),
        source_uri=source.uri,
        title=metadata.title,
        publisher=metadata.publisher,
        published=metadata.published,
        place=metadata.place,
        language=metadata.language,
        media_type=parsed.media_type,
    )


def _comparable(header: DocumentHeader) -> tuple[object, ...]:
    return (
        header.content_sha256,
        header.title,
        header.publisher,
        header.published,
        header.place,
        header.language,
        header.media_type,
    )


def _is_same(one: DocumentHeader, other: DocumentHeader) -> bool:
    return _comparable(one) == _comparable(other)
