"""The reader with the weights that come along; what every reader promises is in `contract/test_reader_contract.py`."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from domain.corpus import RankedPassage, Reading
from domain.errors import ModelFileError
from domain.settings import ModelSettings
from retriever.pair_layout import MOST_QUESTION, MOST_TOKENS
from retriever.pair_model import VOCABULARY
from retriever.reader import WEIGHTS, OnnxReader
from retriever.wiring import LazyReader
from tests.support.records import paragraph

QUESTION = "When does the Orrin bridge open?"
BRIDGE = "The Orrin bridge opens in May."
FERRY = "Ferries sail at dawn from Costrel."
LONG = [f"Clause {number} of the treaty names a river, a road and a village of the valley." for number in range(40)]


@pytest.fixture(scope="module")
def reader() -> OnnxReader:
    return OnnxReader.load()


def read_one(reader: OnnxReader, passage: RankedPassage, question: str = QUESTION) -> Reading:
    (reading,) = reader.read(question, [passage])
    return reading


def holds(reading: Reading, passage: RankedPassage) -> None:
    """Assert that a reading is whole: finite scores, one per sentence, and words of the passage."""
    scores = (reading.answers, reading.span_score, *reading.sentences)
    assert all(math.isfinite(score) for score in scores)
    assert len(reading.sentences) == len(passage.passage.sentences)
    assert reading.span is None or passage.passage.words(reading.span).strip() != ""


def test_a_passage_longer_than_one_window_is_read_to_its_end(reader: OnnxReader) -> None:
    """Other words in the last of forty sentences change what the reader makes of it, and not of the first window."""
    one, other = paragraph(*LONG, BRIDGE, offset=70), paragraph(*LONG, FERRY, offset=70)
    assert len(one.passage.text.split()) > MOST_TOKENS

    first, second = read_one(reader, one), read_one(reader, other)

    holds(first, one)
    assert first.sentences[-1] != pytest.approx(second.sentences[-1], abs=1e-6)
    assert first.sentences[:3] == second.sentences[:3]


def test_a_sentence_longer_than_a_window_is_read_as_far_as_it_fits(reader: OnnxReader) -> None:
    """The sentences before and after it are read whole."""
    endless = paragraph(FERRY, " and ".join(LONG), BRIDGE)

    holds(read_one(reader, endless), endless)


def test_the_heading_of_a_document_is_read_with_its_passages(reader: OnnxReader) -> None:
    plain = paragraph("It opens in May.", title=None)
    titled = paragraph("It opens in May.", title="The Orrin bridge")

    assert read_one(reader, plain).answers != pytest.approx(read_one(reader, titled).answers, abs=1e-6)


def test_an_empty_heading_is_none(reader: OnnxReader) -> None:
    assert read_one(reader, paragraph(BRIDGE, title="")) == read_one(reader, paragraph(BRIDGE, title=None))


def test_what_is_beyond_the_longest_question_is_not_read(reader: OnnxReader) -> None:
    """A question may be a page long; its beginning is what counts, and passages keep the room that they have."""
    longest, passage = "bridge " * MOST_QUESTION, paragraph(BRIDGE, FERRY)

    assert read_one(reader, passage, longest) == read_one(reader, passage, longest + FERRY * 40)


@pytest.mark.parametrize(
    "text", ["\ud800 broken \udfff.", "🚂🚂 in the valley.", "双方同意讨论铁路问题。", "e\u0301te\u0301 ended."]
)
def test_any_letters_are_read_in_their_place(reader: OnnxReader, text: str) -> None:
    """Lone surrogates, pictures, other scripts, combining accents: offsets stay those of the text."""
    passage = paragraph(text, BRIDGE, offset=9)

    reading = read_one(reader, passage, question=f"{QUESTION} {text}")

    holds(reading, passage)
    assert reading.sentences[1] != reading.sentences[0]


def test_a_passage_without_a_letter_that_the_vocabulary_knows_answers_nothing(reader: OnnxReader) -> None:
    """A bullet of a PDF's own font becomes no token; the scores are low, and finite as JSON needs them."""
    bullet = paragraph("\uf0b7 \uf0b7")

    reading = read_one(reader, bullet)

    holds(reading, bullet)
    assert reading.span is None
    assert max(reading.span_score, *reading.sentences) < -10


def test_a_passage_whose_sentences_are_not_known_is_read_whole(reader: OnnxReader) -> None:
    whole = paragraph(BRIDGE)
    unknown = replace(whole, citable=replace(whole.citable, passage=replace(whole.passage, sentences=())))

    assert read_one(reader, unknown) == replace(read_one(reader, whole), sentences=())


def test_several_may_read_at_a_time(reader: OnnxReader) -> None:
    """Each gets its own readings: the same as when it reads alone."""
    passages = [paragraph(BRIDGE), paragraph(FERRY), paragraph(*LONG[:12])]
    questions = [f"{QUESTION} And clause {number}?" for number in range(6)]
    alone = [reader.read(question, passages) for question in questions]

    with ThreadPoolExecutor(len(questions)) as pool:
        together = list(pool.map(lambda question: reader.read(question, passages), questions))

    assert together == alone


def test_a_reader_that_is_not_there_names_its_folder_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nowhere") as caught:
        OnnxReader.load(tmp_path / "nowhere")

    assert "DATELINE_MODELS__READER" in caught.value.hint


def test_damaged_weights_are_told_like_missing_ones(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"no model")
    (tmp_path / VOCABULARY).write_text("{}")

    with pytest.raises(ModelFileError, match="cannot be loaded"):
        OnnxReader.load(tmp_path)


def test_the_configured_reader_is_loaded_when_it_first_reads(tmp_path: Path) -> None:
    """A command that reads nothing does not need it; one that does is told what is missing."""
    lazy = LazyReader(ModelSettings(reader=tmp_path / "nowhere"))

    with pytest.raises(ModelFileError, match="nowhere"):
        lazy.read(QUESTION, [paragraph(BRIDGE)])


def test_without_a_configured_reader_the_one_that_comes_along_reads(reader: OnnxReader) -> None:
    assert LazyReader(ModelSettings()).read(QUESTION, [paragraph(BRIDGE)]) == reader.read(QUESTION, [paragraph(BRIDGE)])
