"""Does the gate hold? Real runs of the sample suite: harmless changes pass, planted faults do not."""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.answers import Evidence, Mode, TimeScope
from domain.corpus import RankedPassage
from domain.errors import ModelFileError
from domain.events import AnswerEvent
from domain.ports import ChatModel, DraftSentence
from domain.settings import Settings, load_settings
from eval.bounds import bounds_of_run
from eval.compare import Comparison, compare
from eval.data_sets import DataSet, open_data_sets
from eval.records import RecordCache
from eval.run_file import Run, RunWriter
from eval.runner import run
from eval.systems import open_systems
from eval.systems.system import Surroundings
from retriever.models import locate
from retriever.retrieve import HybridRetriever
from service.answering import assistant
from service.answering.assistant import Assistant
from service.answering.decide import Scored, score
from service.answering.relevance import Fit
from service.answering.verify import Supported
from service.answering.working_answer import WorkingAnswer
from service.calibration import RefusalRule
from tests.support.chat_models import PlayedModel

pytestmark = [pytest.mark.models, pytest.mark.soak, pytest.mark.timeout(1200)]

Change = Callable[[pytest.MonkeyPatch], None]


def suite_run(folder: Path, settings: Settings, *, backwards: bool = False) -> Run:
    """Run the whole suite without a chat model."""
    folder.mkdir(parents=True)
    (data_set,) = open_data_sets("sample", below=None, settings=settings.ingest)
    if backwards:
        data_set = _backwards(data_set)
    records = RecordCache(folder / "cache", settings=settings)
    surroundings = Surroundings(settings=settings, records=records, mode=Mode.EXTRACTIVE)
    file = folder / "run.jsonl"
    run([data_set], open_systems(["dateline"], surroundings), RunWriter(file), records=records, settings=settings)
    return Run.read(file)


def gate(base: Run, new: Run) -> Comparison:
    return compare(base, new, bounds_of_run(new.header))


def settings_with(**sections: dict[str, Any]) -> Settings:
    settings = load_settings()
    changed = {name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()}
    return settings.model_copy(update=changed)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Run:
    models = load_settings().models
    try:
        locate(models.encoder, models.folder)
    except ModelFileError as error:
        pytest.skip(f"the encoder is not here: {error.message}")
    return suite_run(tmp_path_factory.mktemp("base") / "run", load_settings())


@pytest.mark.parametrize(
    ("settings", "backwards"),
    [
        pytest.param({}, False, id="again"),
        pytest.param({}, True, id="questions in another order"),
        pytest.param({"models": {"encoder_dtype": "float32"}}, False, id="vectors of another precision"),
        pytest.param({"ingest": {"window_passages": 64}}, False, id="documents committed in smaller windows"),
        pytest.param({"retrieval": {"word_weight": 0.0201}}, False, id="a constant moved by less than it matters"),
    ],
)
def test_a_change_that_changes_nothing_passes(
    base: Run, tmp_path: Path, settings: dict[str, dict[str, Any]], *, backwards: bool
) -> None:
    new = suite_run(tmp_path / "run", settings_with(**settings), backwards=backwards)

    assert gate(base, new).regressions == ()


def _ignore_words(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HybridRetriever, "_by_words", lambda *_: ())


def _ignore_dates(patch: pytest.MonkeyPatch) -> None:
    retrieve = HybridRetriever.retrieve

    def undated(self: HybridRetriever, question: str, *, scope: TimeScope, limit: int) -> tuple[RankedPassage, ...]:
        del scope
        return retrieve(self, question, scope=TimeScope(), limit=limit)

    patch.setattr(HybridRetriever, "retrieve", undated)


def _never_refuse(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RefusalRule, "probability", lambda *_: 1.0)


def _quote_the_worst(patch: pytest.MonkeyPatch) -> None:
    def upside_down(fits: Sequence[Fit]) -> tuple[Scored, ...]:
        return tuple(replace(one, score=1 - one.score) for one in reversed(score(fits)))

    patch.setattr(assistant, "score", upside_down)


def _let_everything_pass(patch: pytest.MonkeyPatch) -> None:
    def passed(sentence: DraftSentence, evidence: Sequence[Evidence], **_: object) -> Supported:
        return Supported(text=sentence.text, evidence=((evidence[0], 1.0),))

    patch.setattr(assistant, "verify", passed)


@pytest.mark.parametrize(
    ("fault", "caught_by"),
    [
        (_ignore_words, "passage_hit@4"),
        (_ignore_dates, "wrong_value_given"),
        (_never_refuse, "wrong_answers"),
        (_quote_the_worst, "citation_recall"),
    ],
)
def test_a_planted_fault_is_caught(
    base: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Change, caught_by: str
) -> None:
    fault(monkeypatch)

    new = suite_run(tmp_path / "run", load_settings())

    assert caught_by in {one.metric for one in gate(base, new).regressions}


def test_a_verifier_that_lets_everything_pass_is_caught(
    base: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer adds one to every figure. The real verifier keeps that out, and quotes instead."""
    monkeypatch.setattr(Assistant, "_write", _write_false_figures)
    monkeypatch.setattr(Assistant, "_writer", lambda *_: PlayedModel())
    guarded = suite_run(tmp_path / "guarded", load_settings())
    _let_everything_pass(monkeypatch)

    unguarded = suite_run(tmp_path / "unguarded", load_settings())

    assert "number_errors" not in {one.metric for one in gate(base, guarded).regressions}
    assert "number_errors" in {one.metric for one in gate(base, unguarded).regressions}


def _write_false_figures(
    self: Assistant, answering: WorkingAnswer, chat: ChatModel
) -> Generator[AnswerEvent, None, bool]:
    del chat
    best = answering.evidence[0]
    text = re.sub(r"\d+", lambda figure: str(int(figure[0]) + 1), best.text)
    yield from self._verified(answering, DraftSentence(text=text, evidence_ids=(best.evidence_id,)))
    return False


def _backwards(data_set: DataSet) -> DataSet:
    return replace(data_set, cases=data_set.cases[::-1])
