from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.answers import Evidence, WithheldSentence
from domain.corpus import Citable, Document, DocumentHeader, RankedPassage, sha256_of
from domain.ports import DraftSentence
from domain.settings import AnswerSettings
from ingest.paragraphs import split_passages
from ingest.parsed import RawSource
from ingest.reading import read_source
from ingest.statements import find_statements
from retriever.support_checker import OnnxSupportChecker
from service.answering.evidence import sentences_of, speaker_of
from service.answering.guards import unfounded_names
from service.answering.negation import negation_differs
from service.answering.numbers import unfounded_number
from service.answering.speakers import speaker_differs
from service.answering.verify import Quoted, Supported, verify
from tests.support.evidence import evidence

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
CHECKER = OnnxSupportChecker.load()
SHOWN = evidence("87 trains a day cross the Orrin bridge.", "The ferry to Costrel stops in May.")


class Sure:
    """The port `SupportChecker`: everything is supported."""

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        del sentence
        return (1.0,) * len(groups)


def verified(
    text: str, *ids: str, shown: tuple[Evidence, ...] = SHOWN
) -> tuple[str, tuple[str, ...]] | WithheldSentence:
    """The text that is shown with the ids that it is bound to, or why it is withheld."""
    outcome = verify(
        DraftSentence(text=text, evidence_ids=ids), shown, checker=CHECKER, min_support=AnswerSettings().min_support
    )
    if isinstance(outcome, WithheldSentence):
        return outcome
    assert isinstance(outcome, Supported)
    return outcome.text, tuple(piece.evidence_id for piece, _ in outcome.evidence)


def test_a_supported_sentence_keeps_its_evidence() -> None:
    assert verified("The Orrin bridge is crossed by 87 trains a day.", "E1") == (
        "The Orrin bridge is crossed by 87 trains a day.",
        ("E1",),
    )


def test_markup_is_gone_before_anything_is_checked() -> None:
    """What is shown is what was checked: plain words, without the marks of the model."""
    assert verified("- **87 trains** a day cross the <b>Orrin</b> bridge [E1].", "E1") == (
        "87 trains a day cross the Orrin bridge.",
        ("E1",),
    )


@pytest.mark.parametrize("wrong", ["E1", "E9", "", "E2 "])
def test_a_wrong_id_is_replaced_by_the_evidence_that_supports(wrong: str) -> None:
    """Whether the id was never shown or belongs to another sentence, the words decide."""
    assert verified("The ferry to Costrel stops in May.", wrong) == ("The ferry to Costrel stops in May.", ("E2",))


def test_evidence_cited_in_passing_is_not_shown() -> None:
    """A second id that adds nothing is dropped, so that every citation supports its sentence."""
    assert verified("The ferry to Costrel stops in May.", "E1", "E2") == ("The ferry to Costrel stops in May.", ("E2",))


@dataclass(frozen=True)
class FixedScores:
    """The port `SupportChecker`: the same scores for every sentence, by the pieces that are read together."""

    scores: Mapping[str, float]

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        return tuple(self.scores["+".join(sorted(piece.evidence_id for piece in group))] for group in groups)


TOGETHER = DraftSentence(
    text="87 trains a day cross the Orrin bridge; the ferry to Costrel stops in May.", evidence_ids=("E1", "E2")
)
PLAIN = DraftSentence(text="The ferry stops, and trains cross the bridge.", evidence_ids=("E1", "E2"))


@pytest.mark.parametrize(("alone", "first"), [((0.4, 0.1), "E1"), ((0.1, 0.4), "E2")])
def test_two_pieces_support_a_sentence_together(alone: tuple[float, float], first: str) -> None:
    """What neither says alone, both say together: each is cited with what they score together, the nearer one first."""
    outcome = verify(PLAIN, SHOWN, checker=FixedScores({"E1": alone[0], "E2": alone[1], "E1+E2": 0.7}), min_support=0.5)

    assert isinstance(outcome, Supported)
    cited = [(piece.evidence_id, score) for piece, score in outcome.evidence]
    assert cited == [(first, 0.7), ("E1" if first == "E2" else "E2", 0.7)]


def test_a_piece_with_a_name_is_cited_even_where_the_other_scores_enough() -> None:
    """The ferry to Costrel is only in the second piece: the guards want it, however sure the checker is."""
    outcome = verify(TOGETHER, SHOWN, checker=FixedScores({"E1": 0.9, "E2": 0.1, "E1+E2": 0.8}), min_support=0.5)

    assert isinstance(outcome, Supported)
    assert [(piece.evidence_id, score) for piece, score in outcome.evidence] == [("E1", 0.8), ("E2", 0.8)]


def test_a_piece_that_carries_the_sentence_alone_stands_alone() -> None:
    """Also where the other one, cited in passing, would make the checker doubt."""
    outcome = verify(PLAIN, SHOWN, checker=FixedScores({"E1": 0.6, "E2": 0.1, "E1+E2": 0.3}), min_support=0.5)

    assert outcome == Supported(text=PLAIN.text, evidence=((SHOWN[0], 0.6),))


def test_what_the_pieces_do_not_say_together_is_withheld() -> None:
    outcome = verify(TOGETHER, SHOWN, checker=FixedScores({"E1": 0.4, "E2": 0.4, "E1+E2": 0.49}), min_support=0.5)

    assert outcome == WithheldSentence(text=TOGETHER.text, reason="not_supported")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Each rush day 87 trains cross the Orrin bridge.", "How many trains cross the bridge on a rush day?"),
        ("87 trains a day groan over the Orrin bridge.", "What groans over the bridge?"),
    ],
)
def test_words_that_only_the_question_says_are_not_shown(text: str, question: str) -> None:
    """The record's own words stand in their place, and what was written counts as withheld."""
    outcome = verify(
        DraftSentence(text=text, evidence_ids=("E1",)), SHOWN, checker=Sure(), min_support=0.9, question=question
    )

    assert outcome == Quoted(evidence=(SHOWN[0],), written=WithheldSentence(text=text, reason="words_of_the_question"))


@pytest.mark.parametrize(
    "question", ["", "How many trains cross the Orrin bridge each day?", "Who crosses the Marrick bridge?"]
)
def test_words_of_the_record_may_be_those_of_the_question(question: str) -> None:
    """What the evidence says as well, and what the sentence does not take from the question, is shown as written."""
    text = "Each day 87 trains cross the Orrin bridge."

    outcome = verify(
        DraftSentence(text=text, evidence_ids=("E1",)), SHOWN, checker=Sure(), min_support=0.9, question=question
    )

    assert outcome == Supported(text=text, evidence=((SHOWN[0], 1.0),))


def test_support_just_below_the_minimum_is_not_enough() -> None:
    """The threshold itself is enough, less is not."""
    sentence = DraftSentence(text="The Orrin bridge is crossed by 87 trains a day.", evidence_ids=("E1",))

    assert isinstance(verify(sentence, SHOWN, checker=FixedScores({"E1": 0.5, "E2": 0.0}), min_support=0.5), Supported)
    assert verify(sentence, SHOWN, checker=FixedScores({"E1": 0.49, "E2": 0.0}), min_support=0.5) == WithheldSentence(
        text=sentence.text, reason="not_supported"
    )


def test_the_records_own_words_stand_whatever_the_checker_says() -> None:
    """A sentence that is a piece of evidence, word for word, is bound to it, also when another id was given."""
    sentence = DraftSentence(text=SHOWN[0].text, evidence_ids=("E2",))

    outcome = verify(sentence, SHOWN, checker=FixedScores({"E1": 0.0, "E2": 0.0}), min_support=0.5)

    assert outcome == Supported(text=sentence.text, evidence=((SHOWN[0], 1.0),))


@pytest.mark.parametrize(
    ("text", "ids", "reason"),
    [
        ("85 trains a day cross the Orrin bridge.", ("E1",), "number_not_in_source"),
        ("87 trains a day cross the Sorrel bridge.", ("E1",), "name_not_in_source"),
        ("87 trains a day do not cross the Orrin bridge.", ("E1",), "negation_differs"),
        ("The museum shows old clocks and paintings.", ("E1",), "not_supported"),
        ("The museum shows old clocks and paintings.", ("E9",), "unknown_evidence"),
        ("The museum shows old clocks and paintings.", (), "unknown_evidence"),
        ("Поезда пересекают мост каждый день.", ("E1",), "not_supported"),
        ("每天有火车过桥。", ("E1",), "not_supported"),
        ("ogni giorno passano molti treni.", ("E1",), "not_supported"),
    ],
)
def test_what_no_shown_evidence_supports_is_withheld(text: str, ids: tuple[str, ...], reason: str) -> None:
    """The reason is the one that the cited evidence gave."""
    outcome = verified(text, *ids)

    assert isinstance(outcome, WithheldSentence)
    assert (outcome.text, outcome.reason) == (text, reason)


@pytest.mark.parametrize("empty", ["", "[E1]", "<b></b>", "**", "…"])
def test_a_sentence_without_words_is_withheld(empty: str) -> None:
    outcome = verified(empty, "E1")

    assert isinstance(outcome, WithheldSentence)
    assert outcome.reason == "not_supported"


def test_without_evidence_nothing_is_supported() -> None:
    assert verified("The ferry stops.", "E1", shown=()) == WithheldSentence(
        text="The ferry stops.", reason="not_supported"
    )


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("The Chinese side agreed to widen the road to China.", "Both sides agreed to widen the road to China."),
        ("Both sides agreed to widen the road to China.", "The Chinese side agreed to widen the road to China."),
    ],
)
def test_one_side_and_both_sides_are_kept_apart(text: str, source: str) -> None:
    """The promise in its own words: no statement moves from both to one, nor from one to both."""
    assert verified(text, "E1", shown=evidence(source)) == WithheldSentence(text=text, reason="speaker_not_in_source")


@given(st.lists(st.sampled_from(["E1", "E2", "E9", ""]), max_size=3), st.text(max_size=40), st.integers(0, 39))
def test_only_shown_evidence_is_cited(ids: list[str], noise: str, at: int) -> None:
    """For any ids and any damage to a sentence: evidence comes from what was shown, at least one piece, none twice."""
    damaged = SHOWN[0].text[:at] + noise + SHOWN[0].text[at:]

    outcome = verify(DraftSentence(text=damaged, evidence_ids=tuple(ids)), SHOWN, checker=CHECKER, min_support=0.5)

    if isinstance(outcome, Supported):
        cited = [piece for piece, _ in outcome.evidence]
        assert [piece for piece in SHOWN if piece in cited] == sorted(cited, key=SHOWN.index)
        assert cited
        assert len(set(ids) & {"E1", "E2"} | {piece.evidence_id for piece in cited}) >= len(cited)


@cache
def sample_sentences() -> tuple[Evidence, ...]:
    """Every sentence of the text, Markdown and HTML samples that can be evidence, with its recorded speaker."""
    paths = sorted(path for path in SAMPLES.rglob("*") if path.suffix in {".txt", ".md", ".html"})
    return tuple(piece for path in paths for piece in _sentences_in(path))


def _sentences_in(path: Path) -> list[Evidence]:
    (parsed,) = read_source(RawSource(uri=f"file:///{path.name}", name=path.name, content=path.read_bytes()))
    header = DocumentHeader(
        document_id=path.name,
        version=1,
        content_sha256=sha256_of(parsed.text),
        source_uri=f"file:///{path.name}",
        title=parsed.metadata.title,
        publisher=parsed.metadata.publisher,
        place=parsed.metadata.place,
    )
    found = []
    for passage in split_passages(Document(header=header, text=parsed.text), max_chars=1200):
        citable = Citable(passage=passage, header=header, statements=find_statements(passage))
        for sentence in sentences_of(RankedPassage(citable=citable, rank=1, score=0.0)):
            speaker = speaker_of(citable, sentence.span)
            found.append(Evidence(evidence_id="E1", citable=citable, span=sentence.span, score=1.0, speaker=speaker))
    return found


def test_every_quote_of_the_samples_is_supported_by_itself() -> None:
    """No sentence of the sample record is withheld when a model repeats it."""
    pieces = sample_sentences()

    withheld = [
        piece.text for piece in pieces if isinstance(verified(piece.text, "E1", shown=(piece,)), WithheldSentence)
    ]

    assert len(pieces) > 500
    assert withheld == []


def test_no_guard_misreads_a_quote_of_the_samples() -> None:
    """The guards raise no false alarm on a sentence that is compared with itself."""
    misread = [
        piece.text
        for piece in sample_sentences()
        if unfounded_number(piece.text, piece.text)
        or unfounded_names(piece.text, (piece,))
        or speaker_differs(piece.text, (piece,))
        or negation_differs(piece.text, piece.text)
    ]

    assert misread == []


def test_a_changed_number_in_the_samples_is_withheld() -> None:
    """Wherever the samples give a number of three digits or more, the next higher one is not theirs."""
    let_through = []
    changed = 0
    for piece in sample_sentences():
        for word in piece.text.split():
            if word.isdigit() and len(word) > 2 and str(int(word) + 1) not in piece.text:
                changed += 1
                outcome = verified(piece.text.replace(word, str(int(word) + 1)), "E1", shown=(piece,))
                if not isinstance(outcome, WithheldSentence) or outcome.reason != "number_not_in_source":
                    let_through.append(piece.text)

    assert changed > 20
    assert let_through == []
