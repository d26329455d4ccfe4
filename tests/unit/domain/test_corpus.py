"""Spans, passages and their ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.corpus import Document, DocumentHeader, Passage, Span, passage_id_of


def header(**fields: object) -> DocumentHeader:
    return DocumentHeader(
        **({"document_id": "doc_1", "version": 1, "content_sha256": "0", "source_uri": "file:///a"} | fields)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 2)])
def test_a_span_that_covers_nothing_cannot_be_built(start: int, end: int) -> None:
    """Empty, reversed and negative ranges are programming mistakes."""
    with pytest.raises(ValueError, match="0 <= start < end"):
        Span(start=start, end=end)


@given(st.text(min_size=1), st.data())
def test_a_span_counts_code_points(text: str, data: st.DataObject) -> None:
    """A span cuts exactly the code points between its ends, whatever script the text is in."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))

    words = Span(start=start, end=end).of(text)

    assert words == text[start:end]


def test_a_passage_gives_words_in_document_coordinates() -> None:
    """A sentence span of the document is cut from the passage's own text."""
    text = "Heading\n\nThey met. They signed."
    span = Span(start=9, end=len(text))
    passage = Passage(
        passage_id="p", document_id="d", version=1, ordinal=1, span=span, text=span.of(text), sentences=()
    )

    assert passage.words(Span(start=19, end=31)) == "They signed."
    with pytest.raises(ValueError, match="outside passage"):
        passage.words(Span(start=0, end=7))


def test_passage_ids_change_with_version_and_place() -> None:
    """The same place of the same version keeps its id; anything else gets another."""
    span, other = Span(start=0, end=5), Span(start=0, end=6)

    ids = [passage_id_of("d", 1, span), passage_id_of("d", 2, span), passage_id_of("d", 1, other)]

    assert passage_id_of("d", 1, Span(start=0, end=5)) == ids[0]
    assert len(set(ids)) == 3


def test_a_document_without_text_cannot_be_built() -> None:
    """White space is not text."""
    with pytest.raises(ValueError, match="has no text"):
        Document(header=header(), text=" \n ")


def test_a_copy_says_how_it_is_one() -> None:
    """The original and the kind of copy are known together or not at all."""
    with pytest.raises(ValueError, match="given together"):
        header(duplicate_of="doc_0")
