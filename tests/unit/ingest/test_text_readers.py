"""Plain text and Markdown come out as they went in."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.parsed import ParsedDocument, RawSource
from ingest.reading import read_source

_WORDS = st.text(st.characters(categories=("L", "N", "P", "Zs"), include_characters="\n"), min_size=1)


def _read(content: bytes, name: str = "story.txt") -> ParsedDocument:
    (document,) = read_source(RawSource(uri="upload:a", name=name, content=content))
    return document


@given(_WORDS, st.sampled_from(["story.txt", "story.md"]))
def test_clean_text_is_stored_exactly(text: str, name: str) -> None:
    """A quote from the record is a quote from the file, at the same place."""
    text = f"The bridge.\n\n{text}"
    assume("---" not in text)
    assert _read(text.encode(), name).text == text


def test_hard_wrapped_text_stays_as_it_is() -> None:
    """Lines of one paragraph are not taken for paragraphs."""
    text = "The governor said that\nthe northern bridge\nwould open in June.\n"
    assert _read(text.encode()).text == text


def test_lines_that_are_paragraphs_get_blank_lines() -> None:
    """A text without blank lines whose lines are longer than any program wraps; the report says so."""
    first, second = "The bridge opens. " * 20, "It is new."
    document = _read(f"{first}\n{second}".encode())
    assert document.text == f"{first}\n\n{second}"
    assert document.notes == ("a blank line was put between paragraphs of one line each",)


def test_what_hides_is_removed_before_anything_is_stored() -> None:
    """Each kind is counted."""
    document = _read("The\x00 br\u200bidge \u202eopens\udb40.".encode("utf-8", "surrogatepass"))
    assert document.text == "The bridge opens\ufffd."
    assert document.notes == (
        "1 NUL character removed",
        "1 lone surrogate replaced",
        "1 zero-width character removed",
        "1 bidirectional control removed",
    )


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000 + "!",
        "[" * 100_000 + "a",
        "\\" * 100_000 + "a",
        "A " * 50_000 + "(",
        "date " * 20_000,
        "Title:" + " " * 100_000 + "a",
        "---\na:" + " " * 15_000 + "b\n---\nca",
        "a" + "\n \t" * 50_000 + "b",
        "# " + "# " * 50_000 + "a",
        "A" + "=\n" * 50_000,
        "<!--" * 20_000 + "a",
        "1 " * 50_000 + "a",
    ],
    ids=lambda text: repr(text[:8]),
)
@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_no_text_makes_a_pattern_run_away(text: str, name: str) -> None:
    """Repetition that makes careless patterns try every division ends at once."""
    assert "a" in _read(text.encode(), name).text.lower()
