"""`dateline chat`: questions that follow each other."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from cli.ask import WithTrace, answer_aloud
from cli.options import AnswerMode, AsJson, AsOf, DataDir, From, Publisher, To, scope_of
from cli.startup import start
from cli.terminal import note, safe, spinner
from domain.errors import DatelineError

if TYPE_CHECKING:
    from domain.answers import Mode, TimeScope, Turn
    from service.answering.assistant import Assistant

_HELP = "/new begins a new conversation, /quit leaves; anything else is a question."
_REMEMBERED_TURNS = 20  # Follow-ups refer to the last few questions; more would only be carried along.


def chat_command(
    *,
    mode: AnswerMode = "auto",
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    publisher: Publisher = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    trace: WithTrace = False,
) -> None:
    """Ask questions that follow each other.

    Reads one question per line; earlier ones complete later ones, as in "And when?". Where a question may mean several
    things, the reply may be the number of one. /new begins a new conversation; /quit, end of input or Ctrl-C leaves.
    With --json each answer is one JSON object. Exits 1 if a question from a pipe could not be taken.
    """
    from domain.answers import Mode

    scope = scope_of(as_of=as_of, since=since, until=until, publisher=publisher)
    settings = start(data_dir, extractive=mode == "extractive")
    with spinner("Opening the record…") as ready:
        from service.wiring import open_service

        with open_service(settings, access="read") as service:
            ready()
            conversation = Conversation(service.assistant, scope=scope, mode=Mode(mode), as_json=as_json, trace=trace)
            with suppress(KeyboardInterrupt):
                conversation.run()
    if conversation.failures and not sys.stdin.isatty():
        raise typer.Exit(1)


class Conversation:
    """One session: asks, prints, remembers."""

    def __init__(self, assistant: "Assistant", *, scope: "TimeScope", mode: "Mode", as_json: bool, trace: bool) -> None:
        self._assistant = assistant
        self._scope = scope
        self._mode = mode
        self._as_json = as_json
        self._trace = trace
        self._history: tuple[Turn, ...] = ()
        self._options: tuple[str, ...] = ()
        self.failures = 0

    def run(self) -> None:
        """Answer each line of standard input until it ends or says so."""
        if sys.stdin.isatty():
            note(_HELP)
        for line in _lines():
            match line.strip():
                case "":
                    continue
                case "/quit" | "/exit":
                    return
                case "/new":
                    self._history, self._options = (), ()
                case number if number.isdecimal() and 0 < int(number) <= len(self._options):
                    self._answer(self._options[int(number) - 1])
                case command if command.startswith("/"):
                    note(_HELP)
                case text:
                    self._answer(text)

    def _answer(self, text: str) -> None:
        from domain.answers import CitedAnswer, Clarification, Question, Refusal, Turn

        try:
            question = Question(text=text, scope=self._scope, mode=self._mode, history=self._history)
            if not (self._as_json or sys.stdin.isatty()):
                print(f"> {safe(text)}", flush=True)  # Where nobody typed it, the question tells the answers apart.
            with spinner("Looking…") as ready:
                answer = answer_aloud(
                    self._assistant, question, as_json=self._as_json, trace=self._trace, ready=ready, in_a_row=True
                )
        except DatelineError as error:  # One bad question must not end the conversation.
            self.failures += 1
            note(f"Error: {error.message}\n{error.hint}".rstrip())
            return
        match answer:
            case CitedAnswer():
                said = answer.text
            case Refusal():
                said = answer.message
            case Clarification():
                said = answer.asks
        self._options = tuple(one.text for one in answer.options) if isinstance(answer, Clarification) else ()
        turns = (*self._history, Turn(role="user", text=text), Turn(role="assistant", text=said))
        self._history = turns[-_REMEMBERED_TURNS:]


def _lines() -> Iterator[str]:
    if not sys.stdin.isatty():
        for line in sys.stdin:  # noqa: UP028  - `yield from` would close standard input when the conversation ends
            yield line
        return
    with suppress(ImportError):
        import readline  # noqa: F401  - importing it gives `input` its line editing
    with suppress(EOFError):
        while True:
            yield input("> ")
