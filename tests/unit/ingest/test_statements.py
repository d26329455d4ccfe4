"""Who says what, by rules."""

import pytest

from domain.corpus import Document, DocumentHeader
from ingest.paragraphs import split_passages
from ingest.statements import find_statements

Found = tuple[str, str | None, str, str]


def _found(text: str) -> list[Found]:
    header = DocumentHeader(document_id="doc_1", version=1, content_sha256="0", source_uri="file:///a.txt")
    passages = split_passages(Document(header=header, text=text), max_chars=5000)
    return [
        (made.speaker, made.verb, made.kind, made.span.of(text))
        for passage in passages
        for made in find_statements(passage)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The Chinese side reiterated that it would support the port.",
            ("The Chinese side", "reiterated", "reported", "it would support the port."),
        ),
        (
            "Both sides reaffirmed their commitment to the treaty.",
            ("Both sides", "reaffirmed", "reported", "their commitment to the treaty."),
        ),
        (
            "On Thursday, the two sides agreed to open a new crossing.",
            ("the two sides", "agreed", "reported", "to open a new crossing."),
        ),
        (
            "President Zardari thanked the city for its help.",
            ("President Zardari", "thanked", "reported", "the city for its help."),
        ),
        (
            "Two sides believed that the bridge would last.",
            ("Two sides", "believed", "reported", "the bridge would last."),
        ),
        (
            "The company also strongly condemned the theft.",
            ("The company", "condemned", "reported", "the theft."),
        ),
        ("Pakistan called for calm.", ("Pakistan", "called", "reported", "for calm.")),
        (
            "BEIJING, Feb. 6 (Wire) -- President Wu Lan on Thursday told his guest that the road matters.",
            ("President Wu Lan", "told", "reported", "the road matters."),
        ),
        (
            "The minister told reporters that the road would open in June.",
            ("The minister", "told", "reported", "the road would open in June."),
        ),
        (
            "Mao Ning, a spokesperson for the Foreign Ministry, said on Friday that the talks went well.",
            ("Mao Ning", "said", "reported", "the talks went well."),
        ),
        (
            "Lt. Gen. Omar Khan warned that the pass was closed.",
            ("Lt. Gen. Omar Khan", "warned", "reported", "the pass was closed."),
        ),
        (
            "President Wu and visiting Governor Ali Haq agreed to deepen ties.",
            ("President Wu and visiting Governor Ali Haq", "agreed", "reported", "to deepen ties."),
        ),
        (
            "In a statement, the Foreign Ministry condemned the attack.",
            ("the Foreign Ministry", "condemned", "reported", "the attack."),
        ),
        (
            "Speaking at the event, Governor Omar Haq urged farmers to save water.",
            ("Governor Omar Haq", "urged", "reported", "farmers to save water."),
        ),
        (
            "According to the joint statement, both towns will share flood data.",
            ("the joint statement", "according to", "reported", "both towns will share flood data."),
        ),
        (
            "The toll rose to 87, according to the Interior Ministry.",
            ("the Interior Ministry", "according to", "reported", "The toll rose to 87"),
        ),
        (
            "The toll rose to 87, the Interior Ministry said.",
            ("the Interior Ministry", "said", "reported", "The toll rose to 87"),
        ),
        (
            "“We will finish this year,” said Foreign Ministry spokesperson Mao Ning.",
            ("Foreign Ministry spokesperson Mao Ning", "said", "quoted", "We will finish this year,"),
        ),
        ('"We will finish this year," the engineer Li Wei told us.', None),
        (
            '"We will finish this year," President Wu said.',
            ("President Wu", "said", "quoted", "We will finish this year,"),
        ),
        ("« Le pont est ouvert », said the mayor.", ("the mayor", "said", "quoted", "Le pont est ouvert")),
        ("‘We don’t wait,’ said the mayor.", ("the mayor", "said", "quoted", "We don’t wait,")),
        ('Li Wei: "We are ready to start."', ("Li Wei", None, "quoted", "We are ready to start.")),
        ('The mayor said: "The road is open."', ("The mayor", "said", "quoted", "The road is open.")),
        (
            "Xi said that the two sides agreed on the matter.",
            ("Xi", "said", "reported", "the two sides agreed on the matter."),
        ),
        (
            "President\nZardari stressed that\nwater is short.",
            ("President Zardari", "stressed", "reported", "water is short."),
        ),
        ("He said the road was closed.", None),
        ("They agreed to meet again.", None),
        ("It was agreed to open the road.", None),
        ("The agreed text was published on Monday.", None),
        ("A noted scholar visited the museum.", None),
        ("The company is said to be in talks.", None),
        ("The minister was told that the road was closed.", None),
        ("Workers called a taxi.", None),
        ("Nobody said the word.", None),
        ("What the minister said was unclear.", None),
        ("If the ministry said so, it would be true.", None),
        ("The minister did not say that taxes would rise.", None),
        ("The toll rose, according to plan.", None),
        ("The ‘iron brother’ label is old.", None),
        ("Talks noted progress.", None),
        ("The road is closed.", None),
    ],
)
def test_statements_name_their_speaker_and_words(text: str, expected: Found | None) -> None:
    """One sentence gives its one statement, or none where nobody is clearly said to say anything."""
    assert _found(text) == ([] if expected is None else [expected])


def test_contrasted_speakers_keep_their_own_words() -> None:
    """The words of the first end where the second speaks."""
    assert _found("The Chinese side expressed its thanks, and the Pakistani side welcomed the gift.") == [
        ("The Chinese side", "expressed", "reported", "its thanks"),
        ("the Pakistani side", "welcomed", "reported", "the gift."),
    ]


def test_a_split_quotation_belongs_to_one_speaker() -> None:
    """`“…,” said X, “…”` attributes both halves."""
    assert _found('"The work is hard," said Dar, "but we go on."') == [
        ("Dar", "said", "quoted", "The work is hard,"),
        ("Dar", "said", "quoted", "but we go on."),
    ]


def test_a_quotation_that_follows_belongs_to_the_last_speaker() -> None:
    """A sentence that is only a quotation goes on with the speaker before."""
    assert _found("“It is hard,” Mao Ning said. “It is nearly done.”") == [
        ("Mao Ning", "said", "quoted", "It is hard,"),
        ("Mao Ning", None, "quoted", "It is nearly done."),
    ]


def test_a_pronoun_stands_for_the_speaker_of_the_sentence_before() -> None:
    """Number and kind must agree; a sentence between them breaks the link."""
    assert _found("Governor Haq warned that snow was coming. He added that roads would close.") == [
        ("Governor Haq", "warned", "reported", "snow was coming."),
        ("Governor Haq", "added", "reported", "roads would close."),
    ]
    assert _found("The two sides agreed on trade. They also expressed concern over the drought.")[1:] == [
        ("The two sides", "expressed", "reported", "concern over the drought.")
    ]
    assert _found("Both sides agreed on trade. He said it was late.") == [
        ("Both sides", "agreed", "reported", "on trade.")
    ]
    assert _found("Governor Haq said snow was coming. The mayor left. He said it was late.") == [
        ("Governor Haq", "said", "reported", "snow was coming.")
    ]


def test_words_quoted_inside_reported_speech_are_found_too() -> None:
    """A partial quotation of three words or more is a statement of its own inside the reported one."""
    assert _found("The statement said “the road is closed” until Monday.") == [
        ("The statement", "said", "reported", "“the road is closed” until Monday."),
        ("The statement", "said", "quoted", "the road is closed"),
    ]


def test_a_quotation_over_several_sentences_is_one_statement() -> None:
    """The attribution at its end reaches back to its opening mark."""
    first = "The dam " + "really " * 30 + "is safe."
    second = "Nobody " + "ever " * 30 + "doubted it,"
    assert _found(f"“{first} {second}” Governor Haq said.") == [("Governor Haq", "said", "quoted", f"{first} {second}")]


@pytest.mark.parametrize(
    "text", ["“" * 5000 + "said", "said " * 4000, "X said, " * 2000, ': "' * 3000, "The and " * 3000]
)
def test_generated_text_does_no_harm(text: str) -> None:
    """Whatever the text, spans lie inside it."""
    assert all(words in text for *_, words in _found(text))
