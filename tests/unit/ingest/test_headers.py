"""What the first lines of a text say of it, and what they do not."""

from datetime import date
from pathlib import Path

import pytest

from ingest.headers import Header, header_of, header_of_keys, language_code
from ingest.parsed import Metadata, RawSource
from ingest.readers.markdown import split_front_matter
from ingest.reading import read_source

_SAMPLES = Path(__file__).resolve().parents[3] / "samples"
_DAY = date(2025, 3, 6)
_REST = " The governor said that the bridge would open."


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            " date 2025-03-06 LYSK, (Halyard / Basin Observer - 6th Mar, 2025)",
            Metadata(published=_DAY, place="LYSK", publisher="Halyard / Basin Observer"),
        ),
        ("LYSK, (Halyard - 6th Mar, 2025)", Metadata(published=_DAY, place="LYSK", publisher="Halyard")),
        ("LYSK, March 6 (Xinhua) --", Metadata(place="LYSK", publisher="Xinhua")),
        ("LYSK, March 6, 2025 (Halyard) --", Metadata(published=_DAY, place="LYSK", publisher="Halyard")),
        ("LYSK, 6 March 2025 (Reuters) -", Metadata(published=_DAY, place="LYSK", publisher="Reuters")),
        ("PORT MARRICK (Halyard News) —", Metadata(place="PORT MARRICK", publisher="Halyard News")),
        ("Lysk (Reuters) -", Metadata(place="Lysk", publisher="Reuters")),
        ("LYSK, 6 March 2025.", Metadata(published=_DAY, place="LYSK")),
        ("LYSK, Velmark, March 6, 2025 (AP) --", Metadata(published=_DAY, place="LYSK, Velmark", publisher="AP")),
        ("ÅSGÅRD, 6 March 2025 (NTB) –", Metadata(published=_DAY, place="ÅSGÅRD", publisher="NTB")),
        ("date 2025-03-06 LYSK, March 6 (Halyard) --", Metadata(published=_DAY, place="LYSK", publisher="Halyard")),
        ("LYSK, 2025-03-06 (Halyard) --", Metadata(published=_DAY, place="LYSK", publisher="Halyard")),
    ],
)
def test_datelines_say_place_agency_and_day(line: str, expected: Metadata) -> None:
    """The forms in which agencies write them."""
    assert header_of(line + _REST) == Header(metadata=expected)


@pytest.mark.parametrize(
    "text",
    [
        "Mr Smith (Labour) - who opened the bridge - left.",
        "WHO (World Health Organization) - the body that counts - said so.",
        "NATO said on 5 May 2024 that the bridge would open.",
        "The EU (European Union) opened the bridge.",
        "A 5 May 2024 report says that the bridge is new.",
        "I (the author) - was there.",
        "LYSK, VELMARK - MAY 3: In this picture the bridge opens.",
        "Source: the minister said that the bridge would open.",
        "On 6 March 2025 the bridge opened.",
        "",
        "\n\n",
    ],
)
def test_sentences_are_no_headers(text: str) -> None:
    """Parentheses, dates and colons of running text say nothing of the document."""
    assert header_of(text).metadata == Metadata()


def test_a_headline_above_the_story_is_its_title() -> None:
    """A short first line without the end of a sentence, and the dateline below it."""
    metadata = header_of("Bridge opens after two years\n\nLYSK, 6 March 2025 (Halyard) - The bridge is open.").metadata
    assert metadata == Metadata(title="Bridge opens after two years", place="LYSK", publisher="Halyard", published=_DAY)


@pytest.mark.parametrize(
    "first",
    [
        "The bridge opens.",
        "He called it “a fine bridge.”",
        "- The bridge opens",
        "1. Which bridge opens?",
        "CNN —",
        "By Joss Hallet and others",
        "Joss Hallet and Ivo Roe",
        "6 March 2025",
        "word " * 40,
        "Two short\nlines here",
    ],
)
def test_other_first_lines_are_no_title(first: str) -> None:
    """Sentences, list entries, dates, long lines and wrapped ones."""
    assert header_of(f"{first}\n\n{_REST * 5}").metadata.title is None


def test_key_lines_say_what_they_name() -> None:
    """Also in other words and in any case."""
    text = f"Headline: Bridge: open\nDATE: 6 March 2025\nSource: Halyard\nLocation: Lysk\nLanguage: en-GB\n\n{_REST}"
    assert header_of(text).metadata == Metadata(
        title="Bridge: open", published=_DAY, publisher="Halyard", place="Lysk", language="en"
    )


def test_unclear_dates_stay_unknown_with_a_note() -> None:
    """The place and the agency are taken all the same."""
    header = header_of("LYSK, 2025-02-31 (Halyard) -- The bridge is open.")
    assert header.metadata == Metadata(place="LYSK", publisher="Halyard")
    assert header.notes == ("date '2025-02-31' does not exist and stays unknown",)
    assert header_of_keys({"Date": "02/03/2025"}).metadata.published is None


def test_front_matter_is_metadata_and_not_text() -> None:
    """Our own keys are read, others passed over, and the block is not quoted."""
    parts = split_front_matter(
        "---\ntitle: 'Bridge: open' # draft\ndate: 2025-03-06\ntags:\n  - road\n# comment\nplace: Lysk\n---\n\nOpen.\n"
    )
    assert parts.body == "Open.\n"
    assert parts.header.metadata == Metadata(title="Bridge: open", published=_DAY, place="Lysk")


@pytest.mark.parametrize(
    "text", ["---\nA rule above.\n---\nMore.", "---\ntitle: never closed\n\nText.", "--- \n---\nText."]
)
def test_rules_are_no_front_matter(text: str) -> None:
    """Nothing of such a text is lost."""
    assert split_front_matter(text).body == text


def test_language_tags_become_codes() -> None:
    """Two letters, or nothing."""
    assert [language_code(tag) for tag in ("en-GB", "EN", "de_AT", "eng", "", None)] == [
        "en",
        "en",
        "de",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("path", sorted(_SAMPLES.glob("w*/*.*")), ids=lambda path: path.name)
def test_every_sample_says_when_where_and_by_whom(path: Path) -> None:
    """The day in a sample's name, or in its entry's id, is the one that is read from its content."""
    for document in read_source(RawSource(uri=path.as_uri(), name=path.name, content=path.read_bytes())):
        day = document.key.partition(",")[2][:10] if document.key else path.name[:10]
        assert document.metadata.published == date.fromisoformat(day)
        assert document.metadata.publisher
        assert document.metadata.place
        assert document.metadata.title or path.suffix == ".txt"
        assert document.notes == ()
