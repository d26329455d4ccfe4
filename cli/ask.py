"""`dateline ask`: one question, one cited answer."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AnswerMode, AsJson, AsOf, DataDir, From, Publisher, To, scope_of
from cli.startup import start
from cli.terminal import note, print_json, spinner

if TYPE_CHECKING:
    from domain.answers import Answer, Question
    from service.answering.assistant import Assistant

WithTrace = Annotated[
    bool, typer.Option("--trace", help="Show what was searched, found and timed; JSON always has it.")
]


def ask_command(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="In a sentence; - reads standard input.")],
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
    """Answer a question from the record, quoting its sources.

    Every sentence is followed by the numbers of the words that support it. Where the record does not answer, it says so
    and shows the nearest passages. Works beside a running server.
    """
    from domain.answers import Mode, Question

    asked = Question(
        text=_question_from_stdin() if question == "-" else question,
        scope=scope_of(as_of=as_of, since=since, until=until, publisher=publisher),
        mode=Mode(mode),
    )
    settings = start(data_dir, extractive=mode == "extractive")
    with spinner("Looking in the record…") as ready:
        from service.wiring import open_service

        with open_service(settings, access="read") as service:
            answer_aloud(service.assistant, asked, as_json=as_json, trace=trace, ready=ready)


def answer_aloud(
    assistant: "Assistant",
    question: "Question",
    *,
    as_json: bool,
    trace: bool,
    ready: Callable[[], None],
    in_a_row: bool = False,
) -> "Answer":
    """Answer and print, each sentence when it is verified; remarks go to standard error.

    Args:
        assistant: Answers.
        question: What is asked.
        as_json: Print one JSON object instead of text.
        trace: Add what happened to the text.
        ready: Called before anything is printed.
        in_a_row: More answers follow: JSON on one line, text with an empty line after it.
    """
    if as_json:
        from service.rendering import answer_body

        answer = assistant.answer(question)
        ready()
        print_json(answer_body(answer), on_one_line=in_a_row)
        return answer
    answer = _sentences_aloud(assistant, question, ready)
    _rest_aloud(answer, trace=trace)
    if in_a_row:
        print(flush=True)
    return answer


def _sentences_aloud(assistant: "Assistant", question: "Question", ready: Callable[[], None]) -> "Answer":
    from cli.answer_text import sentence_text
    from domain.events import Done, SentenceVerified

    for event in assistant.events(question):
        match event:
            case SentenceVerified():
                ready()
                print(sentence_text(event.sentence), flush=True)
            case Done():
                ready()
                return event.answer
            case _:
                pass
    raise AssertionError("the last event is Done")


def _rest_aloud(answer: "Answer", *, trace: bool) -> None:
    from cli.answer_text import clarification_text, refusal_text, remarks_text, sources_text, trace_text
    from domain.answers import CitedAnswer, Clarification, Refusal

    match answer:
        case CitedAnswer():
            print(f"\n{sources_text(answer)}")
        case Refusal():
            print(refusal_text(answer))
        case Clarification():
            print(clarification_text(answer))
    if trace:
        print(f"\n{trace_text(answer.trace)}")
    sys.stdout.flush()
    note(f"\n{remarks_text(answer)}")


def _question_from_stdin() -> str:
    """Read a question; bytes that are not UTF-8 become lone surrogates, which `Question` refuses."""
    from domain.answers import MAX_QUESTION_CHARS
    from domain.errors import QuestionError

    text = sys.stdin.read(MAX_QUESTION_CHARS + 2).removesuffix("\n")
    if len(text) > MAX_QUESTION_CHARS:  # Not read to its end: it may have none.
        raise QuestionError(
            f"The question has more than {MAX_QUESTION_CHARS} characters",
            hint="Shorten it, or ingest the text as a document and ask about it.",
        )
    return text
