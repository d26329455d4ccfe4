"""Do the words that an answer cites still stand in the record: unchanged, moved, changed, deleted, or never there?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from domain.corpus import Document, DocumentHeader, Span
from domain.errors import NotFoundError
from service.rendering import source_url

Status = Literal["unchanged", "moved", "changed", "deleted", "never_there"]
_LISTED: Final = frozenset({"trace", "refusal"})  # Passages that were found, not what the answer says.
STANDS: Final[frozenset[Status]] = frozenset({"unchanged", "moved"})


class Kept(Protocol):
    """The record, as far as receipts are held against it."""

    def document(self, document_id: str, version: int | None = None) -> Document:
        """Return a version of a document, the current one by default; raises `NotFoundError`."""
        ...

    def deleted(self, document_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these documents were in the record and are not any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """What a citation claims: this version of this document has these words in this place.

    Attributes:
        mark: Its number in the answer.
        span: Code points of the document's text.
    """

    mark: int
    document_id: str
    version: int
    span: Span
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the words of a citation stand now.

    Attributes:
        current: The document as it now is; `None` where there is none.
        span: Where the words stand in it; `None` where they do not.
    """

    cited: Cited
    status: Status
    current: DocumentHeader | None = None
    span: Span | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; words that were deleted are not repeated."""
        here = None if self.current is None or self.span is None else source_url(self.current, self.span)
        return {
            "mark": self.cited.mark,
            "document_id": self.cited.document_id,
            "version": self.cited.version,
            "quote": None if self.status == "deleted" else self.cited.quote,
            "status": self.status,
            "current_version": None if self.current is None else self.current.version,
            "start": None if self.span is None else self.span.start,
            "end": None if self.span is None else self.span.end,
            "url": here,
        }


def standings(cited: Sequence[Cited], record: Kept) -> tuple[Standing, ...]:
    """Hold citations against the record as it now is, in their order."""
    gone = record.deleted({one.document_id for one in cited})
    return tuple(_standing(one, record, is_deleted=one.document_id in gone) for one in cited)


def citations_of(body: Mapping[str, Any]) -> tuple[Cited, ...]:
    """Return the citations of an answer's sentences, each place once.

    Raises:
        KeyError, TypeError, ValueError: If it is no answer.
    """
    return tuple(dict.fromkeys(cited for sentence in body["sentences"] for cited in cited_in(sentence)))


def cited_in(sentence: Mapping[str, Any]) -> tuple[Cited, ...]:
    """Return the citations of one sentence of an answer; raises as `citations_of` does."""
    return tuple(_cited(citation) for citation in sentence["citations"])


def rests_on(body: Mapping[str, Any], gone: frozenset[str]) -> bool:
    """Tell whether what an answer says is cited from one of these documents, not only listed beside it."""
    return any(_names(value, gone) for key, value in body.items() if key not in _LISTED)


def without_documents(body: Mapping[str, Any], gone: frozenset[str]) -> dict[str, Any]:
    """Return an answer that does not rest on these documents without what it lists of them."""
    return {key: _without(value, gone) for key, value in body.items()}


def _standing(cited: Cited, record: Kept, *, is_deleted: bool) -> Standing:
    if is_deleted:
        return Standing(cited=cited, status="deleted")
    current = _document(record, cited.document_id)
    if current is None or not _was_there(cited, current, record):
        return Standing(cited=cited, status="never_there")
    place = _place_now(cited, current.text)
    return Standing(
        cited=cited,
        status="changed" if place is None else "unchanged" if place == cited.span else "moved",
        current=current.header,
        span=place,
    )


def _was_there(cited: Cited, current: Document, record: Kept) -> bool:
    version = (
        current if cited.version == current.header.version else _document(record, cited.document_id, cited.version)
    )
    return version is not None and bool(cited.quote) and cited.span.of(version.text) == cited.quote


def _place_now(cited: Cited, text: str) -> Span | None:
    """Return where the words stand in a text: in their place, else where they are nearest to it."""
    places = list(_places(cited.quote, text))
    nearest = min(places, key=lambda start: abs(start - cited.span.start), default=None)
    return None if nearest is None else Span(start=nearest, end=nearest + len(cited.quote))


def _places(quote: str, text: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)


def _document(record: Kept, document_id: str, version: int | None = None) -> Document | None:
    try:
        return record.document(document_id, version)
    except NotFoundError:
        return None


def _cited(citation: Mapping[str, Any]) -> Cited:
    return Cited(
        mark=citation["mark"],
        document_id=citation["document_id"],
        version=citation["version"],
        span=Span(start=citation["start"], end=citation["end"]),
        quote=citation["quote"],
    )


def _without(value: Any, gone: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(inner, gone) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without(inner, gone) for inner in value if not _is_of(inner, gone)]
    return value


def _names(value: Any, gone: frozenset[str]) -> bool:
    if isinstance(value, Mapping):
        return _is_of(value, gone) or any(_names(inner, gone) for inner in value.values())
    return isinstance(value, list | tuple) and any(_names(inner, gone) for inner in value)


def _is_of(value: Any, gone: frozenset[str]) -> bool:
    return isinstance(value, Mapping) and value.get("document_id") in gone
