"""The answering algorithm: question → time scope → passages → evidence → sentences that it supports, or a refusal."""

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from domain.answers import Answer, Mode, Question, RefusalReason, WithheldSentence, new_answer_id
from domain.errors import ChatModelError, DocumentGoneError
from domain.events import AnswerEvent, Done, EvidenceChosen, PassagesFound, SentenceVerified, Understood
from domain.patience import Patience
from domain.ports import ChatModel, DraftEnd, DraftSentence, RecordReader, Retriever, SupportChecker
from domain.settings import AnswerSettings
from service.answering.clarify import readings_of
from service.answering.clean import shown
from service.answering.decide import Scored, log_odds, score, signals, takes_for_granted, untold_of
from service.answering.disagreement import by_what_holds, disagreement_of
from service.answering.evidence import evidence_of, measure
from service.answering.extract import choose_quotes, without_repeats
from service.answering.prompt_text import shown_sizes
from service.answering.relevance import Asking
from service.answering.stopwatch import Stopwatch
from service.answering.understand import Understanding, understand
from service.answering.verify import Quoted, Supported, verify
from service.answering.working_answer import WorkingAnswer
from service.calibration import RefusalRule

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

_TO_READ_S: Final = 0.3  # Reading takes about 0.2 s.
_TO_WRITE_S: Final = 1.0  # The fastest models have a first sentence by then.
_WORTH_SHOWING: Final = 2.5  # Log-odds below the best sentence; weaker evidence only lengthens the prompt.


class Assistant:
    """Answers questions over one record; safe to use from several threads.

    Args:
        record: Where documents are looked up.
        retriever: Question → ranked passages.
        checker: Whether evidence supports a written sentence.
        chat: Writes sentences; answers are extractive without one.
        rule: When to refuse.
        settings: Limits and thresholds.
        passages: How many passages are asked of the retriever.
        keep: Stores an answer as its receipt, before it is handed out.
        clock: Seconds, for the timings in the trace.
        computing: Admits answers to what keeps a core busy; all at once by default.
    """

    def __init__(
        self,
        *,
        record: RecordReader,
        retriever: Retriever,
        checker: SupportChecker,
        chat: ChatModel | None,
        rule: RefusalRule,
        settings: AnswerSettings,
        passages: int,
        keep: Callable[[Answer], None] = lambda _: None,
        clock: Callable[[], float] = time.perf_counter,
        computing: AbstractContextManager[object] | None = None,
    ) -> None:
        self._record = record
        self._retriever = retriever
        self._checker = checker
        self._chat = chat
        self._rule = rule
        self._settings = settings
        self._passages = passages
        self._keep = keep
        self._clock = clock
        self._computing = nullcontext() if computing is None else computing

    def answer(self, question: Question) -> Answer:
        """Return the whole answer.

        Raises:
            QuestionError: If the question states a time scope that contradicts the request's.
            IndexUnavailableError: If no index could answer.
            DocumentGoneError: If a document that was found is deleted before the answer is complete.
        """
        for event in self.events(question):
            if isinstance(event, Done):
                return event.answer
        raise AssertionError("the last event is Done")

    @property
    def chain(self) -> "Runnable[Question, AnswerEvent]":
        """The same as a LangChain `Runnable`: `stream` and `astream` yield the events one by one."""
        from langchain_core.runnables import RunnableGenerator  # noqa: PLC0415  - 0.5 s

        def stream(questions: Iterator[Question]) -> Iterator[AnswerEvent]:
            for question in questions:
                yield from self.events(question)

        async def astream(questions: AsyncIterator[Question]) -> AsyncIterator[AnswerEvent]:
            from langchain_core.runnables.config import run_in_executor  # noqa: PLC0415  - as above

            async for question in questions:
                events = self.events(question)
                while (event := await run_in_executor(None, next, events, None)) is not None:
                    yield event

        return RunnableGenerator(stream, astream)

    def events(
        self, question: Question, patience: Patience | None = None, *, answer_id: str | None = None
    ) -> Iterator[AnswerEvent]:
        """Yield what happens, in order: `Understood`, `PassagesFound`, `EvidenceChosen`, sentences, `Done`.

        A refusal or a question back skips what it has no need of; `Done` is always last and holds the whole answer.

        Args:
            question: What is asked.
            patience: How long whoever asks waits. Where it does not reach, no model writes, and if need be passages
                are not read closely; a note says so.
            answer_id: The answer's id, where it must be known before the answer is; see `new_answer_id`.
        """
        patience = patience or Patience()
        watch = Stopwatch(self._clock)
        asked = understand(question)
        answering = WorkingAnswer(answer_id=answer_id or new_answer_id(), question=question, asked=asked, watch=watch)
        watch.stop("understand")
        yield Understood(stand_alone_question=asked.text, scope=asked.scope)

        reason = self._nothing_to_search(asked)
        if reason is not None:
            yield self._refused(answering, reason)
            return

        with self._computing:
            self._find(answering, patience)
        watch.stop("retrieve")
        yield PassagesFound(passages=answering.passages)

        with self._computing:
            quotes = self._choose_evidence(answering)
        watch.stop("evidence")
        if not quotes or answering.untold or self._rule.refuses(answering.answerability):
            yield self._refused(answering, answering.why_not)
            return
        if answering.readings is not None:
            yield self._done(answering.clarification(answering.readings))
            return
        self._check_there(answering)
        yield EvidenceChosen(evidence=answering.evidence)

        if (chat := self._writer(answering, patience)) is not None:
            found_nothing = yield from self._write(answering, chat, patience)
            if found_nothing:
                yield self._refused(answering, answering.why_not)
                return
        self._check_there(answering)
        for sentence in answering.left_out() if answering.sentences else ():
            yield SentenceVerified(sentence=sentence)
        for stage in ("write", "verify"):  # Named in every answer's timings, also where no model wrote.
            watch.stop(stage)
        if not answering.sentences:
            for sentence in answering.quote(quotes):
                yield SentenceVerified(sentence=sentence)
        self._check_there(answering)
        yield self._done(answering.cited_answer())

    def _find(self, answering: WorkingAnswer, patience: Patience) -> None:
        asked, read = answering.asked, patience.left_s > _TO_READ_S
        if not read:
            answering.notes.append(
                "The deadline left no time to read the passages closely, nor to judge whether they answer."
            )
        answering.passages = self._retriever.retrieve(asked.text, scope=asked.scope, limit=self._passages, read=read)

    def _nothing_to_search(self, asked: Understanding) -> RefusalReason | None:
        if self._record.counts(asked.scope).documents:
            return None
        if asked.scope.is_open or not self._record.counts().documents:
            return RefusalReason.NO_DOCUMENT
        return RefusalReason.NOTHING_IN_TIME_SCOPE

    def _choose_evidence(self, answering: WorkingAnswer) -> tuple[Scored, ...]:
        """Set the evidence, best first, and how likely it answers; return which of it answers when it is quoted."""
        asking = Asking.of(answering.asked.text, answering.passages)
        scored = score(measure(asking, answering.passages))
        answering.signals = signals(answering.passages, scored)
        answering.answerability = self._rule.probability(answering.signals) if scored else 0.0
        if scored and takes_for_granted(asking, scored[0]):
            answering.why_not = RefusalReason.FALSE_PREMISE
        answering.untold = untold_of(asking, answering.passages, scored)
        answering.readings = readings_of(asking, scored)
        told = answering.told = disagreement_of(asking, scored)
        sure = max(1, len(told.current))
        best = without_repeats(by_what_holds(scored, told), limit=self._settings.evidence_sentences, sure=sure)
        near_it = [one for one in best if log_odds(one.score) >= log_odds(best[0].score) - _WORTH_SHOWING]
        answering.evidence = tuple(
            evidence_of(one.fit, number=number, score=one.score) for number, one in enumerate(near_it, start=1)
        )
        return choose_quotes(asking, near_it, limit=self._settings.extractive_sentences, sure=sure)

    def _writer(self, answering: WorkingAnswer, patience: Patience) -> ChatModel | None:
        """Return the model that is to write; `None` when the answer is to quote."""
        mode = answering.question.mode
        if mode is Mode.MODEL and self._chat is None:
            answering.notes.append("No chat model is set up; the answer quotes the record instead.")
        if mode is Mode.EXTRACTIVE or self._chat is None:
            return None
        if patience.left_s < _TO_WRITE_S:
            answering.notes.append(
                "The deadline left no time for the chat model; the answer quotes the record instead."
            )
            return None
        return self._chat

    def _write(
        self, answering: WorkingAnswer, chat: ChatModel, patience: Patience
    ) -> Generator[AnswerEvent, None, bool]:
        """Yield each sentence of the model once it is verified; return whether the model found no answer.

        No sentence is verified where the model failed, or wrote nothing that the record supports: the answer quotes.
        """
        prompt = chat.prompt
        sizes = shown_sizes(answering.evidence, answering.asked.text)
        answering.prompt = replace(prompt, parts={**prompt.parts, **sizes})
        answering.model = chat.model_id
        written = 0
        try:
            with closing(chat.write(answering.asked.text, answering.evidence, patience=patience)) as parts:
                for part in parts:
                    answering.watch.stop("write")
                    match part:
                        case DraftSentence():
                            written += 1
                            yield from self._verified(answering, part)
                            answering.watch.stop("verify")
                        case DraftEnd():
                            answering.model = part.model
                            answering.tokens = (part.prompt_tokens, part.completion_tokens)
        except ChatModelError as error:
            answering.watch.stop("write")
            what = (
                "What it had written before stands" if answering.sentences else "The answer quotes the record instead"
            )
            why = "The deadline came while the chat model wrote" if patience.is_over else error.message
            answering.notes.append(f"{why}. {what}. {'' if patience.is_over else error.hint}".strip())
            return False
        if not written:
            answering.notes.append("The model found no answer in the evidence.")
            return True
        if not answering.sentences:
            answering.notes.append("Nothing that the model wrote is supported by the record; the answer quotes it.")
        return False

    def _verified(self, answering: WorkingAnswer, draft: DraftSentence) -> Iterator[AnswerEvent]:
        outcome = verify(
            draft,
            answering.evidence,
            checker=self._checker,
            min_support=self._settings.min_support,
            question=answering.asked.text,
        )
        match outcome:
            case Supported():
                yield from self._said(answering, outcome)
            case Quoted():
                answering.withheld.append(outcome.written)
                for piece in outcome.evidence:
                    yield from self._said(answering, Supported(text=shown(piece.text), evidence=((piece, 1.0),)))
            case WithheldSentence():
                answering.withheld.append(outcome)

    def _said(self, answering: WorkingAnswer, supported: Supported) -> Iterator[AnswerEvent]:
        if supported.text not in {sentence.text for sentence in answering.sentences}:
            self._check_there(answering)
            yield SentenceVerified(sentence=answering.cite(supported))

    def _check_there(self, answering: WorkingAnswer) -> None:
        """Refuse to go on with words of a document that was deleted since they were found."""
        if self._record.missing(answering.documents):
            raise DocumentGoneError("A document was deleted while this answer was written from it", hint="Ask again.")

    def _refused(self, answering: WorkingAnswer, reason: RefusalReason) -> Done:
        self._check_there(answering)
        return self._done(answering.refusal(reason, nearest=self._settings.nearest))

    def _done(self, answer: Answer) -> Done:
        self._keep(answer)
        return Done(answer=answer)
