"""Passages as exact spans that cover a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.corpus import Document, DocumentHeader, Span
from ingest.paragraphs import split_passages


def _document(text: str, pages: tuple[Span, ...] = ()) -> Document:
    header = DocumentHeader(document_id="doc_1", version=1, content_sha256="0", source_uri="file:///a.txt")
    return Document(header=header, text=text, pages=pages)


def test_a_passage_is_a_paragraph_with_its_sentences() -> None:
    """Blank lines separate passages; sentences are in document coordinates."""
    document = _document("One. Two.\n\n  \nThree\nfour.\n")
    passages = split_passages(document, max_chars=1000)
    assert [passage.text for passage in passages] == ["One. Two.", "Three\nfour."]
    assert [passage.ordinal for passage in passages] == [0, 1]
    assert [span.of(document.text) for span in passages[0].sentences] == ["One.", "Two."]
    assert [span.of(document.text) for span in passages[1].sentences] == ["Three\nfour."]


def test_headings_are_passages_and_name_the_ones_below() -> None:
    """A short line without an end mark heads the paragraphs that follow, until the next one."""
    passages = split_passages(
        _document("Trade\n\nTariffs fall in May.\n\nQuotas stay.\n\nEnergy\n\nThe dam is full."), max_chars=1000
    )
    assert [(passage.text, passage.heading) for passage in passages] == [
        ("Trade", None),
        ("Tariffs fall in May.", "Trade"),
        ("Quotas stay.", "Trade"),
        ("Energy", None),
        ("The dam is full.", "Energy"),
    ]


def test_markdown_headings_need_no_blank_line() -> None:
    """A line that starts with number signs is a passage of its own, and heads without them."""
    passages = split_passages(_document("Intro ends.\n## The dam\nIt is full."), max_chars=1000)
    assert [(passage.text, passage.heading) for passage in passages] == [
        ("Intro ends.", None),
        ("## The dam", None),
        ("It is full.", "The dam"),
    ]


def test_a_last_short_line_heads_nothing() -> None:
    """A signature at the end is a passage, not a heading."""
    passages = split_passages(_document("The dam is full.\n\nOur correspondent"), max_chars=1000)
    assert [passage.heading for passage in passages] == [None, None]


def test_long_paragraphs_are_split_at_sentence_ends() -> None:
    """Sentences are packed up to the limit and never cut when they fit."""
    passages = split_passages(_document("Aaa bbb ccc. Ddd eee fff. Ggg hhh iii."), max_chars=26)
    assert [passage.text for passage in passages] == ["Aaa bbb ccc. Ddd eee fff.", "Ggg hhh iii."]


def test_a_sentence_without_end_is_split_at_spaces_or_hard() -> None:
    """What has no sentence end is cut at a space, what has no space at the limit."""
    passages = split_passages(_document("aaaa bbbb cccc " + "d" * 25), max_chars=10)
    assert [passage.text for passage in passages] == ["aaaa bbbb", "cccc", "d" * 10, "d" * 10, "d" * 5]


def test_passages_know_their_page() -> None:
    """A passage belongs to the page on which it starts; without pages it has none."""
    text = "First page.\n\nSecond page."
    paged = split_passages(_document(text, (Span(start=0, end=13), Span(start=13, end=25))), max_chars=1000)
    assert [passage.page for passage in paged] == [1, 2]
    assert [passage.page for passage in split_passages(_document(text), max_chars=1000)] == [None, None]


def test_a_megabyte_on_one_line_is_split_into_bounded_passages() -> None:
    """Size alone is no error, and nothing is lost."""
    document = _document("The dam is full. " * 60_000)
    passages = split_passages(document, max_chars=1200)
    assert max(len(passage.text) for passage in passages) <= 1200
    assert sum(len(passage.sentences) for passage in passages) == 60_000


def test_a_limit_of_nothing_is_refused() -> None:
    """A passage has at least one character."""
    with pytest.raises(ValueError, match="max_chars is at least 1"):
        split_passages(_document("a"), max_chars=0)


@given(
    st.text(alphabet=st.sampled_from(list('aB.?"“ \n\n\t#5•-é😀\u2029\r')), max_size=120).filter(str.strip),
    st.integers(min_value=1, max_value=40),
)
def test_every_word_lies_in_exactly_one_passage(text: str, max_chars: int) -> None:
    """Spans are exact, disjoint, in order, within the limit, the same each time, and leave out white space only."""
    passages = split_passages(_document(text), max_chars=max_chars)
    covered = [at for passage in passages for at in range(passage.span.start, passage.span.end)]
    assert covered == sorted(set(covered))
    assert {at for at, character in enumerate(text) if not character.isspace()} <= set(covered)
    assert all(passage.text == passage.span.of(text) and len(passage.text) <= max_chars for passage in passages)
    assert all(passage.span.contains(sentence) for passage in passages for sentence in passage.sentences)
    assert len({passage.passage_id for passage in passages}) == len(passages)
    assert passages == split_passages(_document(text), max_chars=max_chars)
