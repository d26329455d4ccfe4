"""Answers as chat messages: offsets, links that show nowhere, and titles that cannot break out of them."""

import re
from dataclasses import replace
from datetime import date
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from domain.answers import (
    AnswerSentence,
    Citation,
    CitedAnswer,
    Clarification,
    Option,
    Question,
    Refusal,
    RefusalReason,
    TimeScope,
    Trace,
)
from domain.corpus import DocumentHeader, Span
from service.api.openai.cited_text import (
    MessageText,
    label,
    link_definition,
    quote_url,
    text_directive,
    whole_message,
    without_citations,
)

QUESTION = Question(text="What happened?")
TRACE = Trace(stand_alone_question="What happened?", scope=TimeScope())
ASTRAL = "The 🏗️ bridge of 𠮷野 opens in June."
HEBREW = "הגשר הצפוני ייפתח ביוני."
PLAIN = "Ships – 14 of them – stayed."


def address(path: str) -> str:
    return f"https://ask.example{path}"


def header(title: str | None = "Bridge", publisher: str | None = "Harbour Gazette") -> DocumentHeader:
    return DocumentHeader(
        document_id="news/1",
        version=2,
        content_sha256="0",
        source_uri="file:///1.txt",
        title=title,
        publisher=publisher,
        published=date(2025, 2, 6),
    )


def cited(mark: int, quote: str = "The bridge opens.", title: str | None = "Bridge") -> Citation:
    start = 100 * mark
    return Citation(
        mark=mark,
        header=header(title),
        passage_id="p",
        span=Span(start=start, end=start + len(quote)),
        quote=quote,
        speaker=None,
        support=1.0,
    )


def answer_of(*sentences: AnswerSentence) -> CitedAnswer:
    return CitedAnswer(
        answer_id="ans_1", question=QUESTION, mode="model", sentences=sentences, withheld=(), trace=TRACE
    )


def refusal_of(*nearest: Citation) -> Refusal:
    return Refusal(
        answer_id="ans_2",
        question=QUESTION,
        reason=RefusalReason.NOT_ANSWERED_BY_THE_RECORD,
        message="The record does not say.",
        nearest=nearest,
        trace=TRACE,
    )


ANSWER = answer_of(
    AnswerSentence(text=ASTRAL, citations=(cited(1),)),
    AnswerSentence(text=HEBREW, citations=(cited(2), cited(1))),
    AnswerSentence(text=PLAIN, citations=(cited(3),)),
)


def links_of(text: str) -> dict[str, dict[str, str]]:
    """Read the link definitions as CommonMark does."""
    env: dict[str, dict[str, dict[str, str]]] = {}
    MarkdownIt().parse(text, env)
    return env.get("references", {})


def test_every_annotation_slices_its_sentence_out_of_the_text() -> None:
    """Offsets count code points, also after characters that JavaScript counts twice and in text that runs leftwards."""
    message = whole_message(ANSWER, address)

    assert [message.text[one.start : one.end] for one in message.citations] == [ASTRAL, HEBREW, HEBREW, PLAIN]
    assert [one.citation.mark for one in message.citations] == [1, 2, 1, 3]


def test_the_text_begins_as_the_answer_does() -> None:
    """What is added to the answer's own text stands after it."""
    text = whole_message(ANSWER, address).text

    assert text.startswith(f"{ANSWER.text}\n\n[1]: <https://ask.example/sources/")
    assert "[2] [1]" in text


def test_pieces_that_are_streamed_make_the_whole_message() -> None:
    """Character by character and citation by citation."""
    streamed = MessageText(address)

    pieces = [*map(streamed.add, ANSWER.sentences), streamed.finish(ANSWER)]

    whole = whole_message(ANSWER, address)
    assert "".join(piece.text for piece in pieces) == whole.text
    assert tuple(one for piece in pieces for one in piece.citations) == whole.citations


def test_in_markdown_each_mark_is_a_link_and_nothing_else_is_added() -> None:
    """CommonMark takes the definitions out of sight."""
    message = whole_message(ANSWER, address)

    html = MarkdownIt().render(message.text)

    shown = re.sub(r"<[^>]+>", "", html).strip()
    assert shown == re.sub(r"[\[\]]", "", ANSWER.text)
    assert re.findall(r">(\d)</a>", html) == ["1", "2", "1", "3"]
    assert [link["href"] for link in links_of(message.text).values()] == [
        quote_url(address, cited(mark)) for mark in (1, 2, 3)
    ]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
@example('a "] <b> \\')
@example('"\n\n# Heading\n\n[9]: <https://evil.example>')
@example("`*_~![x](y)&quot;&#34;|")
@example("\\")
def test_a_title_stays_inside_its_definition(title: str) -> None:
    """Whatever a document is called, there is one definition, it leads to us, and it is titled as the document."""
    definition = link_definition(1, "https://ask.example/sources/d", label(header(title)))

    links = links_of(f"Words. [1]\n\n{definition}")
    assert {name: link["href"] for name, link in links.items()} == {"1": "https://ask.example/sources/d"}
    assert links["1"]["title"] == label(header(title))


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (header(" Bridge\n to\u2028open "), "Bridge to open (Harbour Gazette, 2025-02-06)"),
        (header("Bridge", None), "Bridge (2025-02-06)"),
        (header(None), "Harbour Gazette, 2025-02-06"),
        (replace(header("Bridge", None), published=None), "Bridge"),
        (replace(header(None, None), published=None), "Untitled document"),
    ],
)
def test_a_document_is_named_by_what_is_known_of_it(document: DocumentHeader, named: str) -> None:
    """On one line: the title, and who published it when."""
    assert label(document) == named


def test_an_address_names_the_place_and_the_words() -> None:
    """The page marks the place; the browser is told the words."""
    url = quote_url(address, cited(1, quote="The bridge opens."))

    assert url == (
        "https://ask.example/sources/news%2F1?version=2&start=100&end=117#quote:~:text=The%20bridge%20opens."
    )


@pytest.mark.parametrize(
    ("words", "directive"),
    [
        ("a-b", "a%2Db"),
        ("a, b & c", "a%2C%20b%20%26%20c"),
        ("x\n  y\u00a0z", "x%20y%20z"),
        ("<b>\"'#?%", "%3Cb%3E%22%27%23%3F%25"),
        ("🏗 ב", "%F0%9F%8F%97%20%D7%91"),
        ("\ud800", "%3F"),
    ],
)
def test_what_has_a_meaning_in_a_text_directive_is_encoded(words: str, directive: str) -> None:
    """Dashes, commas and ampersands would part it; the rest would end the link."""
    assert text_directive(words) == directive


def test_a_long_quote_is_found_by_its_edges() -> None:
    """Beyond 300 characters, six words from each end."""
    words = " ".join(f"word{number}" for number in range(60))

    first, last = map(unquote, text_directive(words).split(","))

    assert first == "word0 word1 word2 word3 word4 word5"
    assert last == "word54 word55 word56 word57 word58 word59"


def test_long_words_without_spaces_are_looked_for_as_they_stand() -> None:
    """Languages without spaces have no words to take from the ends."""
    assert unquote(text_directive("港" * 400)) == "港" * 400


def test_a_refusal_has_no_annotations_and_links_what_is_nearest() -> None:
    """Nothing is cited; what the message calls the nearest passages are links below it."""
    message = whole_message(refusal_of(cited(1, title="A [sic] title")), address)

    assert message.citations == ()
    assert message.text == (
        "The record does not say.\n\n"
        f"- [A \\[sic\\] title (Harbour Gazette, 2025-02-06)](<{quote_url(address, cited(1))}>)"
    )
    assert links_of(message.text) == {}
    assert ">A [sic] title (Harbour Gazette, 2025-02-06)</a>" in MarkdownIt().render(message.text)


def test_a_question_back_is_the_whole_message() -> None:
    options = tuple(Option(text=name, citation=cited(mark)) for mark, name in enumerate(("Arif", "Zardari"), start=1))
    asked_back = Clarification(
        answer_id="ans_3", question=QUESTION, asks="Which president do you mean?", options=options, trace=TRACE
    )

    message = whole_message(asked_back, address)

    assert (message.text, message.citations) == ("Which president do you mean?", ())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ANSWER, f"{ASTRAL} {HEBREW} {PLAIN}"),
        (refusal_of(cited(1)), "The record does not say."),
        (refusal_of(), "The record does not say."),
    ],
    ids=["answer", "refusal", "bare refusal"],
)
def test_what_we_add_to_a_message_is_taken_off_when_it_comes_back(answer: CitedAnswer | Refusal, said: str) -> None:
    """As history an answer is what was said, without marks and links."""
    assert without_citations(whole_message(answer, address).text) == said


def test_what_others_wrote_stays() -> None:
    """Links and brackets that are not ours are left alone."""
    text = "See [the report](https://a.example) and [1](https://b.example), [a] and [ 2 ].\n- item"

    assert without_citations(text) == text
