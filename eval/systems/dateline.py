"""Dateline itself: the assistant that the API serves, in this process, over the data set's record."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from domain.answers import Answer, Citation, CitedAnswer, Clarification, Mode, Refusal, WithheldSentence
from domain.corpus import RankedPassage
from domain.errors import ConfigurationError, NotFoundError
from domain.events import Done, EvidenceChosen
from domain.ports import RecordReader
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Found, Outcome, Quote, Sentence
from eval.records import KeptRecord
from eval.systems.chat import chat_details, extractive, writer_details
from eval.systems.system import Surroundings
from prompts.registry import load_prompt
from service.answering.langchain_writer import LangChainWriter
from service.wiring import OpenService, open_service

_PROMPTS = ("answer", "answer-repair")


class DatelineSystem:
    """Answers through `Assistant.events`, with the indexes that a server would use.

    Args:
        mode: `model` needs a chat model; `auto` quotes where there is none; `extractive` opens none.
    """

    def __init__(
        self,
        *,
        name: str,
        mode: Mode,
        surroundings: Surroundings,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._name = name
        self._mode = mode
        self._records = surroundings.records
        self._settings = extractive(surroundings.settings) if mode is Mode.EXTRACTIVE else surroundings.settings
        self._clock = clock
        self._opened = ExitStack()
        self._service: OpenService | None = None
        self._kept: KeptRecord | None = None

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Mode, models, prompts and settings."""
        chat = writer_details(self._settings, system=self._name) if self._mode is Mode.MODEL else None
        if self._mode is Mode.AUTO:
            chat = chat_details(self._settings)
        return {
            "mode": self._mode.value,
            "settings": self._settings.fingerprint(),
            "encoder": self._records.encoder.encoder_id,
            "chat": chat,
            "prompts": {} if chat is None else {name: load_prompt(name).digest for name in _PROMPTS},
        }

    def prepare(self, data_set: DataSet) -> None:
        """Open the record as a server does, and warm up, so that no case pays for loading."""
        if data_set.corpus is None:
            raise ConfigurationError(f"The data set {data_set.name!r} has no documents", hint="Judge a ranking only.")
        kept = self._records.get(data_set.corpus)
        settings = self._settings.model_copy(update={"data_dir": kept.settings.data_dir})
        service = self._opened.enter_context(open_service(settings, access="write", encoder=self._records.encoder))
        service.record.wait_until_indexed()
        case = data_set.cases[0]
        service.record.retriever.retrieve(case.question, scope=case.scope, limit=1)
        if isinstance(service.chat, LangChainWriter):
            service.chat.warm_up()
        self._service, self._kept = service, kept

    def run(self, case: Case) -> Outcome:
        """Answer one case."""
        if self._service is None or self._kept is None:
            raise AssertionError("prepare comes before run")
        question = replace(case.to_question(), mode=self._mode)
        started = self._clock()
        first_words: float | None = None
        for event in self._service.assistant.events(question):
            if isinstance(event, EvidenceChosen) and first_words is None:
                first_words = (self._clock() - started) * 1000
            if isinstance(event, Done):
                timings = {**event.answer.trace.timings_ms, "total": (self._clock() - started) * 1000}
                if first_words is not None and isinstance(event.answer, CitedAnswer):
                    timings["first_words"] = first_words
                return outcome_of(
                    event.answer, record=self._service.record.ledger, doc_ids=self._kept.doc_ids, timings_ms=timings
                )
        raise AssertionError("the last event is Done")

    def close(self) -> None:
        """Close the record and the model."""
        self._service = self._kept = None
        self._opened.close()


def outcome_of(
    answer: Answer, *, record: RecordReader, doc_ids: Mapping[str, str], timings_ms: Mapping[str, float]
) -> Outcome:
    """Return an answer as an outcome; each quote is held against the document as the ledger has it."""
    trace = answer.trace
    shared = Outcome(
        status="refused",
        found=tuple(found_of(passage, doc_ids) for passage in trace.passages),
        confidence=trace.answerability,
        signals={name: round(value, 4) for name, value in trace.signals.items()},
        stand_alone=trace.stand_alone_question,
        timings_ms={stage: round(value, 3) for stage, value in timings_ms.items()},
        prompt_tokens=trace.prompt_tokens,
        completion_tokens=trace.completion_tokens,
    )
    match answer:
        case Clarification():
            return replace(shared, refusal_reason="clarification")
        case Refusal():
            return replace(shared, refusal_reason=answer.reason.value, withheld=_reasons(answer.withheld))
        case CitedAnswer():
            return replace(
                shared,
                status="answered",
                withheld=_reasons(answer.withheld),
                text=" ".join(sentence.text for sentence in answer.sentences),
                mode=answer.mode,
                sentences=tuple(
                    Sentence(
                        text=sentence.text,
                        quotes=tuple(_quote(citation, record, doc_ids) for citation in sentence.citations),
                    )
                    for sentence in answer.sentences
                ),
            )


def _reasons(withheld: Sequence[WithheldSentence]) -> tuple[str, ...]:
    return tuple(one.reason for one in withheld)


def found_of(ranked: RankedPassage, doc_ids: Mapping[str, str]) -> Found:
    """Return a ranked passage under the data set's ids; documents that the set does not have keep an empty one."""
    return Found(
        doc_id=doc_ids.get(ranked.passage.document_id, ""),
        text=ranked.passage.text,
        score=round(ranked.score, 6),
        copies=tuple(doc_ids[header.document_id] for header in ranked.copies if header.document_id in doc_ids),
    )


def _quote(citation: Citation, record: RecordReader, doc_ids: Mapping[str, str]) -> Quote:
    return Quote(
        doc_id=doc_ids.get(citation.header.document_id, ""),
        text=citation.quote,
        verbatim=_stands(citation, record),
        speaker=citation.speaker,
        support=round(citation.support, 4),
    )


def _stands(citation: Citation, record: RecordReader) -> bool:
    try:
        text = record.document(citation.header.document_id, citation.header.version).text
    except NotFoundError:
        return False
    return citation.span.of(text) == citation.quote
