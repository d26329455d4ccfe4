"""What the port `Reader` promises, asked of the reader that comes along and of the fake that stands in for it."""

import math

import pytest

from domain.corpus import RankedPassage
from domain.ports import Reader
from retriever.reader import OnnxReader
from tests.support.readers import WordsReader
from tests.support.records import paragraph

QUESTION = "When does the Orrin bridge open?"
PASSAGES = (
    paragraph("The Orrin bridge opens in May.", "Cars pay a toll of two crowns.", offset=100, title="Orrin bridge"),
    paragraph("Ferries sail at dawn.", offset=2_000),
    paragraph("The mayor spoke.", "He praised the engineers.", "Nobody asked for the price.", title=""),
)


class ReaderContract:
    """Tests that every reader passes; `reader` is a fixture of the subclass."""

    def test_each_passage_has_one_reading_in_the_order_given(self, reader: Reader) -> None:
        """Turned round, the readings are turned round; and they are not all the same one."""
        there, back = reader.read(QUESTION, PASSAGES), reader.read(QUESTION, PASSAGES[::-1])

        assert len({reading.span for reading in there}) == len(PASSAGES)
        assert [reading.span for reading in back] == [reading.span for reading in there][::-1]
        assert [reading.answers for reading in back] == pytest.approx([reading.answers for reading in there][::-1])

    def test_each_sentence_has_a_score(self, reader: Reader) -> None:
        for ranked, reading in zip(PASSAGES, reader.read(QUESTION, PASSAGES), strict=True):
            assert len(reading.sentences) == len(ranked.passage.sentences)
            assert all(math.isfinite(score) for score in reading.sentences)

    def test_the_span_is_words_of_its_passage(self, reader: Reader) -> None:
        """In document coordinates, so that the document's own text can be cut by it."""
        for ranked, reading in zip(PASSAGES, reader.read(QUESTION, PASSAGES), strict=True):
            assert reading.span is not None
            assert ranked.passage.words(reading.span).strip() != ""

    def test_a_passage_is_read_alike_alone_and_beside_others(self, reader: Reader) -> None:
        together = reader.read(QUESTION, PASSAGES)

        for ranked, reading in zip(PASSAGES, together, strict=True):
            (alone,) = reader.read(QUESTION, [ranked])
            assert alone.span == reading.span
            assert (alone.answers, alone.span_score, *alone.sentences) == pytest.approx(
                (reading.answers, reading.span_score, *reading.sentences), abs=1e-3
            )

    def test_the_same_is_read_the_same_again(self, reader: Reader) -> None:
        assert reader.read(QUESTION, PASSAGES) == reader.read(QUESTION, PASSAGES)

    def test_no_passages_have_no_readings(self, reader: Reader) -> None:
        nothing: tuple[RankedPassage, ...] = ()

        assert reader.read(QUESTION, nothing) == ()


@pytest.fixture(scope="module")
def shipped() -> OnnxReader:
    return OnnxReader.load()


class TestOnnxReader(ReaderContract):
    @pytest.fixture
    def reader(self, shipped: OnnxReader) -> Reader:
        return shipped


class TestWordsReader(ReaderContract):
    @pytest.fixture
    def reader(self) -> Reader:
        return WordsReader()
