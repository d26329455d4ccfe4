from domain.answers import Evidence
from domain.corpus import Citable, DocumentHeader, Passage, RankedPassage, Span, Statement
from service.answering.evidence import evidence_of, measure, sentences_of, speaker_of
from service.answering.relevance import Asking
from tests.support.records import ranked


def passage(*sentences: str, offset: int = 100, statements: tuple[tuple[str, int, int], ...] = ()) -> RankedPassage:
    """A passage of these sentences that begins at `offset`; statements are `(speaker, start, end)` in its text."""
    text = " ".join(sentences)
    spans, start = [], offset
    for sentence in sentences:
        spans.append(Span(start=start, end=start + len(sentence)))
        start += len(sentence) + 1
    header = DocumentHeader(document_id="d", version=1, content_sha256="", source_uri="file:///d.txt")
    body = Passage(
        passage_id="p",
        document_id="d",
        version=1,
        ordinal=0,
        span=Span(start=offset, end=offset + len(text)),
        text=text,
        sentences=tuple(spans),
    )
    said = tuple(
        Statement(
            passage_id="p",
            speaker=speaker,
            verb="said",
            span=Span(start=offset + first, end=offset + last),
            kind="reported",
        )
        for speaker, first, last in statements
    )
    copies = (DocumentHeader(document_id="copy", version=1, content_sha256="", source_uri="file:///copy.txt"),)
    return RankedPassage(
        citable=Citable(passage=body, header=header, statements=said), rank=1, score=0.5, copies=copies
    )


def test_sentences_keep_their_place_in_the_document() -> None:
    """Spans count from the document's start, and cut exactly the sentence."""
    found = list(sentences_of(passage("The bridge opens.", "It cost 85 million.")))

    assert [(sentence.text, sentence.span) for sentence in found] == [
        ("The bridge opens.", Span(start=100, end=117)),
        ("It cost 85 million.", Span(start=118, end=137)),
    ]


def test_questions_and_scraps_are_no_evidence() -> None:
    """A question answers nothing, and two words say too little."""
    found = sentences_of(passage("When will it open?", "“Will it open?”", "He smiled.", "The bridge opens."))

    assert [sentence.text for sentence in found] == ["The bridge opens."]


def test_a_heading_of_its_own_is_no_evidence() -> None:
    """A short paragraph without an end mark is a heading; as a line among others it may answer."""
    assert list(sentences_of(passage("Orrin bridge opens in May"))) == []
    assert [one.text for one in sentences_of(passage("Opening of Orrin: May", "Cost: 85 million"))] == [
        "Opening of Orrin: May",
        "Cost: 85 million",
    ]


def test_a_row_of_a_table_is_evidence() -> None:
    """It has no end mark and few words, as a heading has, and says something of each cell."""
    row = "Time for drawing | five years | six years"

    assert [one.text for one in sentences_of(passage(row))] == [row]


def test_a_long_list_is_not_read_to_its_end() -> None:
    assert len(list(sentences_of(passage(*["The bridge opens."] * 500)))) == 40


def test_every_sentence_that_can_be_evidence_is_measured() -> None:
    """In the order of the passages and of their text, however little they share with the question."""
    passages = [passage("Ferries sail at dawn.", "Will it open?", "The bridge opens."), ranked("Cars pay a toll.")]

    found = measure(Asking.of("When does the bridge open?", passages), passages)

    assert [fit.text for fit in found] == ["Ferries sail at dawn.", "The bridge opens.", "Cars pay a toll."]


def test_sentences_are_measured_from_the_best_passage() -> None:
    """Which need not be the first: those of the best are behind by nothing, the others by what theirs scores less."""
    passages = [ranked("Ferries sail at dawn.", score=-1.0), ranked("The bridge opens.", score=2.0)]

    found = measure(Asking.of("When does the bridge open?", passages), passages)

    assert [fit.behind for fit in found] == [3.0, 0.0]


def test_evidence_is_a_numbered_sentence_with_its_speaker_and_copies() -> None:
    source = passage("The bridge opens.", "It will be free, the mayor said.", statements=(("The mayor", 18, 33),))
    fits = measure(Asking.of("Is it free?", [source]), [source])
    (fit,) = [fit for fit in fits if "free" in fit.text]

    piece = evidence_of(fit, number=7, score=0.25)

    assert piece == Evidence(
        evidence_id="E7",
        citable=source.citable,
        span=Span(start=118, end=150),
        score=0.25,
        speaker="The mayor",
        copies=source.copies,
    )
    assert piece.text == "It will be free, the mayor said."


def test_the_closest_statement_speaks_for_words() -> None:
    """A quotation inside a report belongs to who is quoted."""
    citable = passage(
        "The mayor said that Brun had called it free of toll.", statements=(("The mayor", 15, 52), ("Brun", 37, 52))
    ).citable

    assert speaker_of(citable, Span(start=140, end=144)) == "Brun"
    assert speaker_of(citable, Span(start=120, end=130)) == "The mayor"


def test_a_statement_that_is_most_of_a_sentence_speaks_for_it() -> None:
    """A sentence of 20 characters belongs to who says 8 of them or more; otherwise to the document itself."""
    source = "The bridge opens now."
    most = passage(source, statements=(("The mayor", 13, 21),)).citable
    little = passage(source, statements=(("The mayor", 17, 21),)).citable

    assert speaker_of(most, Span(start=101, end=121)) == "The mayor"
    assert speaker_of(little, Span(start=101, end=121)) is None
    assert speaker_of(passage(source).citable, Span(start=101, end=121)) is None
