"""The chat model without passages: what it says from memory, which a record's answers must beat."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.settings import Settings
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Outcome
from eval.systems.chat import open_writer, write, writer_details
from prompts.registry import load_prompt
from service.answering.langchain_writer import LangChainWriter

PROMPT: Final = "eval-closed-book"


class ClosedBookSystem:
    """Asks the configured chat model; earlier turns and dates are not shown to it."""

    def __init__(self, *, name: str, settings: Settings, clock: Callable[[], float] = time.perf_counter) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._chat: LangChainWriter | None = None

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Model and prompt."""
        return {
            "chat": writer_details(self._settings, system=self._name),
            "prompts": {PROMPT: load_prompt(PROMPT).digest},
        }

    def prepare(self, data_set: DataSet) -> None:
        """Load the model; the data set's documents are not looked at."""
        del data_set
        self._chat = open_writer(self._settings, system=self._name)
        self._chat.warm_up()

    def run(self, case: Case) -> Outcome:
        """Ask one question."""
        if self._chat is None:
            raise AssertionError("prepare comes before run")
        prompt = load_prompt(PROMPT).render(question=case.question)
        return write(self._chat.langchain_model, prompt, started=self._clock(), clock=self._clock)

    def close(self) -> None:
        """Free the model."""
        if self._chat is not None:
            self._chat.close()
            self._chat = None
