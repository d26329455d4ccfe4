"""Decoding and cleaning: what is changed is counted, what is clean stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cleaning import Cleaner, clean_line, decode

_PLAIN = st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="\ufffe\uffff"))


def _cleaned(text: str) -> tuple[str, tuple[str, ...]]:
    cleaner = Cleaner()
    return cleaner.clean(text), cleaner.notes()


@pytest.mark.parametrize(
    ("text", "clean", "note"),
    [
        ("a\x00b\x00\x00", "ab", "3 NUL characters removed"),
        ("a\x1bb", "ab", "1 control character removed"),
        ("a\ud800b", "a\ufffdb", "1 lone surrogate replaced"),
        ("br\u200bidge\ufeff", "bridge", "2 zero-width characters removed"),
        ("a\u200db", "ab", "1 zero-width character removed"),
        ("pay \u202eme\u202c", "pay me", "2 bidirectional controls removed"),
        ("a" + "".join(chr(0xE0000 + ord(letter)) for letter in "obey"), "a", "4 Unicode tag characters removed"),
        ("agree\u00adment", "agreement", "1 soft hyphen removed"),
        ("a\ufe0f\ufe01\ufe02\U000e0100b", "a\ufe0fb", "1 row of variation selectors removed"),
        ("a\uffffb", "ab", "1 noncharacter removed"),
    ],
)
def test_unseen_characters_are_removed_and_counted(text: str, clean: str, note: str) -> None:
    """Each kind has its entry in the report."""
    assert _cleaned(text) == (clean, (note,))


def test_line_ends_become_line_feeds() -> None:
    """All line ends are one character, which needs no mention."""
    assert _cleaned("a\r\nb\rc\x0bd\x85e\u2028f\u2029g") == ("a\nb\nc\nd\ne\nf\n\ng", ())


@pytest.mark.parametrize("text", ["می\u200cخواهم", "ക\u0d4d\u200d", "👩\u200d🚒", "❤\ufe0f", "naïve – “quoted”\t½"])
def test_characters_that_carry_meaning_stay(text: str) -> None:
    """Joiners between letters of joining scripts, composed pictures, and typography are text."""
    assert _cleaned(text) == (text, ())


@given(_PLAIN)
def test_clean_text_comes_back_exactly(text: str) -> None:
    """Letters, numbers, punctuation and spaces pass unchanged."""
    assert _cleaned(text) == (text, ())


@given(st.text(st.characters(codec=None)))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """Clean text is clean, and can be stored as UTF-8 whatever came in."""
    once, _ = _cleaned(text)
    assert _cleaned(once) == (once, ())
    assert once.encode().decode() == once


def test_counts_of_several_pieces_are_added() -> None:
    """A document's pages are one document in the report."""
    cleaner = Cleaner()
    assert [cleaner.clean("a\x00"), cleaner.clean("\x00b")] == ["a", "b"]
    assert cleaner.notes() == ("2 NUL characters removed",)


def test_metadata_is_one_clean_line() -> None:
    """Titles are shown in lists and messages."""
    assert clean_line("  Bridge\n\topens\u202e \x00") == "Bridge opens"
    assert clean_line(" \u200b ") is None
    assert len(clean_line("word " * 1000) or "") <= 500


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("öffnet".encode(), None, "öffnet"),
        ("öffnet".encode("utf-8-sig"), None, "öffnet"),
        ("öffnet".encode("utf-16"), None, "öffnet"),
        ("öffnet".encode("utf-32"), None, "öffnet"),
        ("Das Tor öffnet".encode("utf-16-le"), None, "Das Tor öffnet"),
        ("Das Tor öffnet".encode("utf-16-be"), None, "Das Tor öffnet"),
        ("öffnet".encode("latin-1"), "iso-8859-1", "öffnet"),
        ("öffnet".encode(), "iso-8859-1", "öffnet"),
        ("“öffnet”".encode("cp1252"), "latin-1", "“öffnet”"),
        ("мост".encode("koi8-r"), "KOI8-R", "мост"),
        ("橋".encode("iso2022_jp"), "iso-2022-jp", "橋"),
        (b"+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"),
        (b"plain", "nonsense", "plain"),
        (b"plain", "zip", "plain"),
        (b"plain", "ex\x00ample", "plain"),
    ],
)
def test_bytes_are_decoded_by_mark_form_and_declaration(content: bytes, charset: str | None, text: str) -> None:
    """Unknown, unsafe and mistaken declarations do no harm."""
    assert (decode(content, charset=charset).text, decode(content, charset=charset).notes) == (text, ())


def test_an_undeclared_encoding_is_guessed_and_said() -> None:
    """A guess may be wrong, so the report names it."""
    decoded = decode("“Quotes” — and a naïve word in otherwise plain English text, it’s simple.".encode("cp1252"))
    assert decoded.text == "“Quotes” — and a naïve word in otherwise plain English text, it’s simple."
    assert decoded.notes == ("read as cp1252, which nothing declares",)


def test_a_few_damaged_bytes_do_not_change_the_encoding() -> None:
    """UTF-8 that was cut or hit stays UTF-8, and the report counts what was lost."""
    decoded = decode("Die Brücke öffnet für Fußgänger früh.".encode()[:-1] + b"\xff.")
    assert decoded.text == "Die Brücke öffnet für Fußgänger früh\ufffd."
    assert decoded.notes == ("1 undecodable byte replaced",)


@given(
    st.binary(),
    st.sampled_from([None, "utf-8", "cp1252", "utf-16", "gb18030", "hz", "idna", "unicode_escape", "rot13"]),
)
def test_any_bytes_can_be_decoded(content: bytes, charset: str | None) -> None:
    """Whatever comes, there is text and no exception."""
    assert isinstance(decode(content, charset=charset).text, str)
