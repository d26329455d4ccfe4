"""What the record holds, asked one by one for a few documents and once for many."""

from collections.abc import Iterator
from typing import Protocol

from domain.answers import TimeScope
from domain.corpus import Document, DocumentHeader
from domain.errors import NotFoundError

_FEW = 64  # Documents asked for one by one; beyond, reading all headers once is quicker than a query each.


class KnownDocuments(Protocol):
    """What ingestion asks the record; `RecordReader` and `RecordWriter` together answer it."""

    def versions(self, document_id: str) -> tuple[DocumentHeader, ...]:
        """Return the headers of all kept versions, oldest first, also of a deleted document."""
        ...

    def document(self, document_id: str, version: int | None = None) -> Document:
        """Return the current version, or raise `NotFoundError`."""
        ...

    def headers(
        self, *, scope: TimeScope | None = None, limit: int | None = None, offset: int = 0
    ) -> tuple[DocumentHeader, ...]:
        """Return current documents."""
        ...

    def find_content(self, content_sha256: str) -> DocumentHeader | None:
        """Return the oldest current original with this text."""
        ...

    def signatures(self) -> Iterator[tuple[str, bytes]]:
        """Stream the current originals' signatures."""
        ...

    def change_counter(self) -> int:
        """Return 0 for a record to which nothing was ever committed."""
        ...


class Catalogue:
    """The record as one run finds it; a run asks for each document once, so what it adds itself is not looked for.

    Args:
        record: The record when the run begins.
    """

    def __init__(self, record: KnownDocuments) -> None:
        self._record = record
        self._is_new = record.change_counter() == 0
        self._asked = 0
        self._current: dict[str, DocumentHeader] | None = None
        self._contents: frozenset[str] = frozenset()

    def current(self, document_id: str) -> DocumentHeader | None:
        """Return the header of the visible version; `None` when there is none."""
        if self._is_new:
            return None
        self._asked += 1
        if self._current is None and self._asked > _FEW:
            self._read_all()
        if self._current is not None:
            return self._current.get(document_id)
        try:
            return self._record.document(document_id).header
        except NotFoundError:
            return None

    def next_version(self, document_id: str) -> int:
        """Return the number of a document's next version; deleted ones count on until they are purged."""
        if self._is_new:
            return 1
        current = self._current.get(document_id) if self._current is not None else None
        kept = (current,) if current is not None else self._record.versions(document_id)
        return kept[-1].version + 1 if kept else 1

    def original_with(self, content_sha256: str) -> str | None:
        """Return the id of the oldest original with this text."""
        if self._is_new or (self._current is not None and content_sha256 not in self._contents):
            return None
        found = self._record.find_content(content_sha256)
        return None if found is None else found.document_id

    def _read_all(self) -> None:
        headers = self._record.headers()
        self._current = {header.document_id: header for header in headers}
        self._contents = frozenset(header.content_sha256 for header in headers)
