"""Any program: one run per case, the question as JSON on standard input, our answer JSON on standard output."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.errors import ConfigurationError
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Outcome
from eval.records import RecordCache
from eval.systems.answer_json import outcome_of_json, question_body

_SHOWN_CHARS: Final = 300  # Of what a program says when it fails.


class CommandSystem:
    """Runs a program; one that fails, is too slow, or prints something else leaves its case unscored.

    Args:
        command: Program and arguments, quoted as in a shell; no shell is used.
        timeout_s: Whole time of one case; the program and its children are then killed.

    Raises:
        ConfigurationError: If there is no such program.
    """

    def __init__(
        self,
        *,
        name: str,
        command: str,
        timeout_s: float,
        records: RecordCache,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(
                f"The command {command!r} cannot be read: {error}", hint="Check its quotation marks."
            ) from error
        if not self._arguments or shutil.which(self._arguments[0]) is None:
            raise ConfigurationError(
                f"There is no program {self._arguments[0] if self._arguments else ''!r}",
                hint="Write --system 'command:PROGRAM arguments', with a program that can be run from here.",
            )
        self._name = name
        self._timeout_s = timeout_s
        self._records = records
        self._clock = clock
        self._data_set = ""
        self._doc_ids: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Command and time limit."""
        return {"command": shlex.join(self._arguments), "timeout_s": self._timeout_s}

    def prepare(self, data_set: DataSet) -> None:
        """Remember whose questions are asked."""
        self._data_set = data_set.name
        self._doc_ids = {} if data_set.corpus is None else self._records.get(data_set.corpus).doc_ids

    def run(self, case: Case) -> Outcome:
        """Run the program once.

        Raises:
            TimeoutError: If it was too slow.
            RuntimeError: If it failed.
            ValueError: If what it printed is no answer.
        """
        question = json.dumps(question_body(case, data_set=self._data_set)).encode()
        started = self._clock()
        # A session of its own, so that what it has started ends with it.
        with subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as program:
            try:
                printed, complained = program.communicate(question, timeout=self._timeout_s)
            except subprocess.TimeoutExpired:
                _kill(program)
                raise TimeoutError(f"The program took longer than {self._timeout_s:g} s") from None
            except BaseException:
                _kill(program)
                raise
        total_ms = (self._clock() - started) * 1000
        if program.returncode != 0:
            said = complained.decode(errors="replace").strip()[-_SHOWN_CHARS:]
            raise RuntimeError(f"The program ended with {program.returncode}{f': {said}' if said else ''}")
        return outcome_of_json(printed, doc_ids=self._doc_ids, total_ms=total_ms)

    def close(self) -> None:
        """Do nothing: no program outlives its case."""


def _kill(program: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # It has ended by itself.
