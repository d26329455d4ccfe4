"""An answer while it is being made, and the values that it becomes."""

from collections.abc import Sequence
from typing import Final, Literal

from domain.answers import (
    AnswerSentence,
    Citation,
    CitedAnswer,
    Clarification,
    Conflict,
    Evidence,
    Option,
    PromptUsed,
    Question,
    Refusal,
    RefusalReason,
    Side,
    Superseded,
    TimeScope,
    Trace,
    WithheldSentence,
)
from domain.corpus import RankedPassage, Span
from service.answering.clarify import Readings
from service.answering.decide import Scored
from service.answering.disagreement import Disagreement
from service.answering.event_dates import event_dates
from service.answering.evidence import evidence_of
from service.answering.stopwatch import Stopwatch
from service.answering.understand import Understanding
from service.answering.verify import Supported

_WHOLE: Final = 1.0  # A quote supports itself.


class WorkingAnswer:
    """Collects what happens while one question is answered.

    Attributes:
        watch: Times the stages.
        passages: What retrieval handed on, best first.
        evidence: What the writer is shown, best first.
        answerability: How likely the record answers, 0..1; `None` before anything was searched.
        signals: What that was judged by.
        told: What the found sentences say in more than one way.
        readings: What the question may mean, where it does not say.
        untold: Words of the question that ask about a happening of which the record does not tell.
        why_not: The reason of a refusal, should it come to one.
        sentences: Verified so far.
        withheld: Written, but not supported.
        notes: What the reader should know about how it went.
        model: Id of the model that was asked to write.
        tokens: Prompt and completion tokens spent.
    """

    def __init__(self, *, answer_id: str, question: Question, asked: Understanding, watch: Stopwatch) -> None:
        self.answer_id = answer_id
        self.question = question
        self.asked = asked
        self.watch = watch
        self.passages: tuple[RankedPassage, ...] = ()
        self.evidence: tuple[Evidence, ...] = ()
        self.sentences: list[AnswerSentence] = []
        self.withheld: list[WithheldSentence] = []
        self.notes: list[str] = []
        self.answerability: float | None = None
        self.signals: dict[str, float] = {}
        self.told = Disagreement()
        self.readings: Readings | None = None
        self.untold: tuple[str, ...] = ()
        self.why_not = RefusalReason.NOT_ANSWERED_BY_THE_RECORD
        self.prompt: PromptUsed | None = None
        self.model: str | None = None
        self.tokens = (0, 0)
        self._mode: Literal["extractive", "model"] = "model"
        self._marks: dict[tuple[str, Span], int] = {}

    def cite(self, supported: Supported) -> AnswerSentence:
        """Take in a verified sentence and return it with its citations."""
        return self._take(supported.text, supported.evidence)

    def quote(self, quotes: Sequence[Scored]) -> tuple[AnswerSentence, ...]:
        """Answer with sentences of the record as they stand; these are among the evidence."""
        self._mode = "extractive"
        pieces = [self._piece(one) for one in quotes]
        return tuple(self._take(" ".join(piece.text.split()), ((piece, _WHOLE),)) for piece in pieces)

    def left_out(self) -> tuple[AnswerSentence, ...]:
        """Quote what a written answer must cite and does not: what holds, each side of a conflict, else the best."""
        cited = {citation.quote for sentence in self.sentences for citation in sentence.citations}
        must = [self._piece(one) for one in self.told.current] or self.evidence[:1]
        pieces = [piece for piece in must if piece.text not in cited]
        return tuple(self._take(" ".join(piece.text.split()), ((piece, _WHOLE),)) for piece in pieces)

    @property
    def documents(self) -> frozenset[str]:
        """Ids of the documents that were found, copies included."""
        found = {ranked.citable.header.document_id for ranked in self.passages}
        return frozenset(found | {copy.document_id for ranked in self.passages for copy in ranked.copies})

    def cited_answer(self) -> CitedAnswer:
        """Return the answer as it now stands."""
        return CitedAnswer(
            answer_id=self.answer_id,
            question=self.question,
            mode=self._mode,
            sentences=tuple(self.sentences),
            withheld=tuple(self.withheld),
            trace=self._trace(),
            superseded=tuple(
                Superseded(
                    was=pair.was.value.text,
                    now=pair.now.value.text,
                    replaced=self._citation(pair.was.scored),
                    by=self._citation(pair.now.scored),
                )
                for pair in self.told.replaced
            ),
            conflicts=self._conflicts(),
        )

    def clarification(self, readings: Readings) -> Clarification:
        """Return a question back."""
        return Clarification(
            answer_id=self.answer_id,
            question=self.question,
            asks=readings.question,
            options=tuple(Option(text=one.name, citation=self._citation(one.scored)) for one in readings.meant),
            trace=self._trace(),
        )

    def refusal(self, reason: RefusalReason, *, nearest: int) -> Refusal:
        """Return a refusal that offers the `nearest` best passages."""
        return Refusal(
            answer_id=self.answer_id,
            question=self.question,
            reason=reason,
            message=_message(reason, self.asked.scope, self.untold),
            nearest=tuple(_nearest(ranked) for ranked in self.passages[:nearest]),
            trace=self._trace(),
            withheld=tuple(self.withheld),
        )

    def _conflicts(self) -> tuple[Conflict, ...]:
        if not self.told.sides:
            return ()
        sides = tuple(
            Side(value=side[0].value.text, citations=tuple(self._citation(stated.scored) for stated in side))
            for side in self.told.sides
        )
        return (Conflict(sides=sides),)

    def _piece(self, one: Scored) -> Evidence:
        """Return a sentence as evidence: as it was shown, or for a citation of its own."""
        for piece in self.evidence:
            if (piece.citable.passage.passage_id, piece.span) == (one.fit.ranked.passage.passage_id, one.fit.span):
                return piece
        return evidence_of(one.fit, number=len(self.evidence) + 1, score=one.score)

    def _citation(self, one: Scored) -> Citation:
        return self._cited(self._piece(one), _WHOLE)

    def _cited(self, piece: Evidence, support: float) -> Citation:
        days = event_dates(piece.text, start=piece.span.start, published=piece.citable.header.published)
        return Citation.to(piece, mark=self._mark(piece), support=support, event_dates=days)

    def _take(self, text: str, evidence: Sequence[tuple[Evidence, float]]) -> AnswerSentence:
        citations = tuple(self._cited(piece, support) for piece, support in evidence)
        sentence = AnswerSentence(text=text, citations=citations)
        self.sentences.append(sentence)
        return sentence

    def _mark(self, piece: Evidence) -> int:
        return self._marks.setdefault((piece.citable.passage.passage_id, piece.span), len(self._marks) + 1)

    def _trace(self) -> Trace:
        prompt_tokens, completion_tokens = self.tokens
        return Trace(
            stand_alone_question=self.asked.text,
            scope=self.asked.scope,
            passages=self.passages,
            evidence=self.evidence,
            answerability=self.answerability,
            signals=self.signals,
            prompt=self.prompt,
            model=self.model,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            notes=tuple(self.notes),
            timings_ms=self.watch.timings_ms(),
        )


def _nearest(ranked: RankedPassage) -> Citation:
    """Offer a whole passage to a reader whose question it does not answer."""
    piece = Evidence(
        evidence_id=f"N{ranked.rank}", citable=ranked.citable, span=ranked.passage.span, score=0.0, copies=ranked.copies
    )
    return Citation.to(piece, mark=ranked.rank, support=0.0)


def _message(reason: RefusalReason, scope: TimeScope, untold: Sequence[str]) -> str:
    match reason:
        case RefusalReason.NO_DOCUMENT:
            return "The record holds no documents yet. Bring some in with 'dateline ingest'."
        case RefusalReason.NOTHING_IN_TIME_SCOPE:
            return f"The record holds no document {_in_words(scope)}."
        case RefusalReason.CONFLICTING:
            return "The record holds statements that contradict each other."
        case RefusalReason.FALSE_PREMISE:
            return "The record gives another figure than the question does. The nearest passages are listed."
        case RefusalReason.NOT_ANSWERED_BY_THE_RECORD:
            within = "" if scope.is_open else f" {_in_words(scope)}"
            what = f": nothing that was found tells of '{untold[0]}'" if untold else ""
            return f"The record{within} does not say{what}. The nearest passages are listed."


def _in_words(scope: TimeScope) -> str:
    parts = []
    if scope.publisher is not None:
        parts.append(f"by the publisher {scope.publisher!r}")
    if scope.published_from is not None:
        parts.append(f"published on or after {scope.published_from}")
    if scope.latest is not None:
        parts.append(f"published on or before {scope.latest}")
    return " and ".join(parts)
