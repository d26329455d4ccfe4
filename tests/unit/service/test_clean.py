import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.clean import has_words, other_script, shown

# Markup is rare in random text, so it is offered in pieces.
PIECES = st.sampled_from(
    [
        "<",
        ">",
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "[",
        "]",
        "(",
        ")",
        "[E1]",
        "(E2)",
        "[1](x)",
        "**",
        "`",
        "# ",
        "- ",
        "1. A",
    ]
)
MARKED_UP = st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("The <b>bridge</b> opens.", "The bridge opens."),
        ("The bridge<!-- not yet --> opens.", "The bridge opens."),
        ("<|im_end|>The bridge opens.", "The bridge opens."),
        ("The **bridge** opens at `noon`.", "The bridge opens at noon."),
        ("# - 1. The bridge opens.", "The bridge opens."),
        ("The [bridge](https://example.org/b) opens.", "The bridge opens."),
        ('The [bridge](https://example.org/b(1) "title") opens.', "The bridge opens."),
        ("The bridge opens [1].", "The bridge opens."),
        ("The bridge opens , at last .", "The bridge opens, at last."),
        ("He hit .372 compared to .367.", "He hit .372 compared to .367."),
        ("The bridge opens [E1, E2].", "The bridge opens."),
        ("The bridge opens (E1).", "The bridge opens."),
        ("The bridge opens 【3】.", "The bridge opens."),
        ("The bridge opens [^note].", "The bridge opens."),
        ("The bridge opens [1](https://example.org).", "The bridge opens."),
        ("The bridge\r\n\topens .", "The bridge opens."),
        ("The br\u200bid\u00adge \u202eopens.", "The bridge opens."),
    ],
)
def test_markup_and_marks_are_removed(written: str, plain: str) -> None:
    """A reader sees the words of a sentence and nothing that formats, links, cites or hides."""
    assert shown(written) == plain


@pytest.mark.parametrize(
    "words",
    [
        "Costs (2024) rose by 3*4 and fell by 2.",
        "The file is called port_of_marrick_map.",
        "The council (12 members) met.",
        "Ærø and Żółw signed; 東京 did not.",
    ],
)
def test_words_that_only_look_like_markup_stay(words: str) -> None:
    """Brackets, stars and underscores inside words and numbers are content."""
    assert shown(words) == words


def test_comparison_signs_keep_what_stands_between_them() -> None:
    """`<` and `>` beside numbers are no tag: the words stay, the signs become harmless."""
    assert shown("Prices <5 and >3 were refused.") == "Prices ‹5 and ›3 were refused."


@pytest.mark.parametrize("hostile", ["<<b>script>x", "<scr<i>ipt>x", "[[a](b)](c)", "[a]([b](c))", "- - - a", "[[1]1]"])
def test_markup_cannot_be_hidden_in_markup(hostile: str) -> None:
    """What stands around a removed piece of markup does not become another piece."""
    plain = shown(hostile)

    assert not {"<", ">", "](", "- "} & {plain[at : at + size] for at in range(len(plain)) for size in (1, 2)}


@given(MARKED_UP)
def test_no_tag_can_open_and_cleaning_twice_changes_nothing(text: str) -> None:
    """For any text: one line, no angle bracket, no control character, and a fixed point."""
    plain = shown(text)

    assert "<" not in plain
    assert ">" not in plain
    assert plain.isprintable()
    assert plain == " ".join(plain.split())
    assert shown(plain) == plain


@pytest.mark.parametrize(
    "nothing", ["", " \n", "**", "[1]", "<b></b>", "<!-- The bridge opens. -->", "\u200b", "…", "# "]
)
def test_only_markup_has_no_words(nothing: str) -> None:
    """Marks, tags, comments and punctuation are nothing to read."""
    assert not has_words(shown(nothing))


@pytest.mark.parametrize("something", ["7", "a", "東"])
def test_a_letter_or_a_digit_is_something_to_read(something: str) -> None:
    assert has_words(something)


@pytest.mark.parametrize(
    ("text", "source", "other"),
    [
        ("Мост откроется в апреле.", "The bridge opens in April.", True),
        ("大桥四月开放。", "The bridge opens in April.", True),
        ("The bridge откроется в апреле.", "The bridge opens in April.", True),
        ("The bridge opens in April.", "大桥四月开放。", True),
        ("Le pont ouvrira en avril.", "The bridge opens in April.", False),
        ("The bridge (大桥) opens in April.", "The bridge opens in April.", False),
        ("大桥四月开放。", "The bridge, 大桥, opens in April.", False),
        ("87 – 85", "The bridge opens in April.", False),
    ],
)
def test_another_script_than_the_source_is_noticed(text: str, source: str, other: bool) -> None:  # noqa: FBT001
    """A sentence mostly in a script that its source never uses cannot be compared with it."""
    assert other_script(text, source) is other
