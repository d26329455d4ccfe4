from collections.abc import Iterable

import pytest

from domain.corpus import Document, Span
from domain.errors import NotFoundError
from service.receipts import Cited, citations_of, rests_on, standings, without_documents
from tests.support.records import prepared

FIRST = "Nine mills stand at Pell. The bridge opens in June."


class Kept:
    """A record of given versions, of which some documents were deleted."""

    def __init__(self, *versions: str, gone: frozenset[str] = frozenset()) -> None:
        self._versions = [prepared("doc", text, version=number).document for number, text in enumerate(versions, 1)]
        self._gone = gone

    def document(self, document_id: str, version: int | None = None) -> Document:
        number = len(self._versions) if version is None else version
        if document_id != "doc" or not 1 <= number <= len(self._versions):
            raise NotFoundError("none")
        return self._versions[number - 1]

    def deleted(self, document_ids: Iterable[str]) -> frozenset[str]:
        return frozenset(document_ids) & self._gone


def cited(
    quote: str = "The bridge opens in June.", start: int = 26, version: int = 1, document_id: str = "doc"
) -> Cited:
    """A citation; by default a true one of `FIRST`."""
    span = Span(start=start, end=start + len(quote))
    return Cited(mark=1, document_id=document_id, version=version, span=span, quote=quote)


@pytest.mark.parametrize(
    ("versions", "status", "start"),
    [
        ((FIRST,), "unchanged", 26),
        ((FIRST, "Ten mills stand at Pell!! The bridge opens in June."), "unchanged", 26),
        ((FIRST, "The bridge opens in June."), "moved", 0),
        ((FIRST, "The bridge opens in June. The bridge opens in June. Yes."), "unchanged", 26),
        ((FIRST, "Nine mills stand at Pell. The bridge opens in July."), "changed", None),
    ],
)
def test_words_are_held_against_the_current_version(versions: tuple[str, ...], status: str, start: int | None) -> None:
    """In their place, in another, or not at all; of several places the nearest."""
    (one,) = standings([cited()], Kept(*versions))

    assert (one.status, None if one.span is None else one.span.start) == (status, start)
    assert one.current is not None
    assert one.current.version == len(versions)


@pytest.mark.parametrize(
    "claimed",
    [
        cited("The bridge opens in July."),
        cited(start=25),
        cited(version=2),
        cited(document_id="nobody"),
        cited("mills", start=900),
    ],
    ids=["other words", "other place", "no such version", "no such document", "behind the end"],
)
def test_what_the_cited_version_does_not_have_was_never_there(claimed: Cited) -> None:
    """A pasted answer may claim anything."""
    (one,) = standings([claimed], Kept(FIRST))

    assert one.status == "never_there"


def test_words_of_a_deleted_document_are_not_repeated() -> None:
    """The verdict names the document and keeps its words to itself."""
    (one,) = standings([cited()], Kept(FIRST, gone=frozenset({"doc"})))

    assert one.status == "deleted"
    assert "bridge" not in str(one.as_json())


def test_an_answer_rests_on_what_it_cites_and_not_on_what_it_lists() -> None:
    """Passages beside it are left out when their document goes; a citation is what it stands on."""
    place = {"mark": 1, "version": 1, "start": 0, "end": 4, "quote": "Nine"}
    body = {
        "sentences": [{"text": "Nine.", "citations": [{**place, "document_id": "a"}]}],
        "superseded": [{"replaced": {**place, "document_id": "b"}}],
        "refusal": {"nearest": [{**place, "document_id": "c"}]},
        "trace": {"passages": [{"document_id": "c"}, {"document_id": "a", "copies": [{"document_id": "c"}]}]},
    }

    assert [rests_on(body, frozenset({name})) for name in "abc"] == [True, True, False]
    assert without_documents(body, frozenset({"c"}))["trace"] == {"passages": [{"document_id": "a", "copies": []}]}
    assert [one.document_id for one in citations_of(body)] == ["a"]
