import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answering.lexical_match import Term, coverage, folded, is_in, joined_keys, keys_of, overlap, terms_of


def test_terms_are_content_words_in_order_with_their_places() -> None:
    """Stop words are left out; names, numbers and words are told apart."""
    assert terms_of("In June, Marwick opened 2 of the dams.") == (
        Term(key="jun", kind="name", text="June", start=3),
        Term(key="marwick", kind="name", text="Marwick", start=9),
        Term(key="open", kind="word", text="opened", start=17),
        Term(key="2", kind="number", text="2", start=24),
        Term(key="dam", kind="word", text="dams", start=33),
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("They met Marwick.", "name"),
        ("Marwick met them.", "word"),
        ("They left. Marwick stayed.", "word"),
        ("NATO met them.", "name"),
        ("the U.N. met them", "name"),
    ],
)
def test_a_capital_makes_a_name_only_inside_a_sentence(text: str, kind: str) -> None:
    """The first word is capitalised anyway; an acronym is a name everywhere."""
    (named,) = [term for term in terms_of(text) if term.text in {"Marwick", "NATO", "U.N."}]

    assert named.kind == kind


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Ærø’s", "ærø"),
        ("Türkiye", "turkiye"),
        ("ministers'", "ministers"),
        ("U.N.", "un"),
        ("Covid-19", "covid19"),
        ("1,200", "1200"),
        ("3.5", "3.5"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
    ],
)
def test_folding_leaves_what_readers_take_for_the_same(written: str, plain: str) -> None:
    """Case, accents, possessives and the dots of an acronym do not matter."""
    assert folded(written) == plain


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("China", "Chinese"),
        ("Pakistan", "Pakistani"),
        ("Velmark", "Velmarkian"),
        ("France", "French"),
        ("Britain", "British"),
        ("U.N.", "UN"),
        ("twelve", "12"),
        ("14th", "fourteenth"),
        ("talks", "talk"),
    ],
)
def test_a_country_and_its_people_are_one_name(first: str, second: str) -> None:
    """So are the spellings of a number and of an acronym."""
    (term,) = terms_of(f"see {first}")[1:] or terms_of(first)

    assert is_in(term.key, keys_of(f"see {second}"))


@pytest.mark.parametrize(
    ("first", "second"), [("Iran", "Iraq"), ("Mali", "Malo"), ("Austria", "Australia"), ("6", "16")]
)
def test_names_that_only_begin_alike_are_apart(first: str, second: str) -> None:
    assert not is_in(folded(first), keys_of(second))


def test_coverage_weighs_names_and_numbers_more() -> None:
    """Of `opened` (1), Marwick (1.6) and 87 (1.4), the name alone is 1.6 of 4."""
    terms = terms_of("They opened 87 for Marwick")

    assert coverage(terms, keys_of("Marwick")) == pytest.approx(1.6 / 4)
    assert coverage(terms, keys_of("Marwick"), {"marwick": 3.0, "open": 1.0, "87": 0.0}) == pytest.approx(0.75)


def test_coverage_counts_a_repeated_word_once() -> None:
    assert coverage(terms_of("bridge bridge ferry"), keys_of("bridge")) == 0.5


def test_nothing_covers_nothing() -> None:
    """Without terms there is no share, and two empty texts have nothing in common."""
    assert coverage((), keys_of("bridge")) == 0.0
    assert overlap("", "the") == 0.0


def test_overlap_is_the_jaccard_similarity_of_content() -> None:
    """`bridge`, `open` of `bridge`, `open`, `ferry`: two of three."""
    assert overlap("The bridge opened.", "The bridge and the ferry open.") == pytest.approx(2 / 3)


def test_keys_of_several_texts_are_joined() -> None:
    """Missing texts are skipped."""
    assert joined_keys(("The bridge", None, "", "a ferry")) == keys_of("bridge ferry")


@given(st.text())
def test_terms_stand_where_they_say(text: str) -> None:
    """For any text: each term is cut from it, in order, and the text covers itself."""
    terms = terms_of(text)

    assert all(text[term.start : term.start + len(term.text)] == term.text for term in terms)
    assert [term.start for term in terms] == sorted(term.start for term in terms)
    assert coverage(terms, keys_of(text)) == (1.0 if terms else 0.0)
    assert overlap(text, text) == (1.0 if terms else 0.0)
