"""The `dateline` command: global options, and what a failure looks like."""

import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from cli.ask import ask_command
from cli.chat import chat_command
from cli.documents import documents_app
from cli.eval import eval_app
from cli.feedback import feedback_app
from cli.help_texts import examples
from cli.ingest import ingest_command
from cli.keys import keys_app
from cli.mcp import mcp_command
from cli.models import models_app
from cli.options import DataDir
from cli.record import backup_command, rebuild_index_command, restore_command, verify_command
from cli.search import search_command
from cli.serve import serve_command
from cli.terminal import note
from domain.errors import DatelineError

_FAILED = 1
_INTERRUPTED = 130

_EPILOG = f"""{
    examples(
        "dateline ingest reports/ story.pdf",
        'dateline ask "What did the two sides agree about the port?"',
        "dateline serve",
    )
}

\b
Exit codes:
  0    done; a refusal to answer is a result, too
  1    failed
  2    wrong usage or settings
  75   another process is writing the record; try again later
  78   the record cannot be used as it is; see 'dateline restore'
  130  interrupted

Results go to standard output, progress and notes to standard error. Settings: DATELINE_… variables and dateline.toml,
see docs/settings.md."""

# Plain help: laying it out with rich would triple the time that --help takes.
app = typer.Typer(name="dateline", no_args_is_help=True, rich_markup_mode=None, epilog=_EPILOG)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dateline {version('dateline')}")
        raise typer.Exit


@app.callback()
def dateline(
    *,
    data_dir: DataDir = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Ask a record of dated documents, and see for every sentence of an answer the words that support it."""


app.command("ingest", epilog=examples("dateline ingest reports/", "dateline ingest https://example.org/feed.xml"))(
    ingest_command
)
app.command(
    "ask",
    epilog=examples(
        'dateline ask "Which leaders did the president meet?"',
        'dateline ask "Who chairs the committee?" --as-of 2024-05-31 --mode extractive',
        "dateline ask - < question.txt",
    ),
)(ask_command)
app.command("chat", epilog=examples("dateline chat", 'dateline chat --publisher "Meridian Wire" < questions.txt'))(
    chat_command
)
app.command("search", epilog=examples('dateline search "port expansion" --from 2024-04-01 --limit 5'))(search_command)
app.add_typer(documents_app, name="documents")
app.add_typer(feedback_app, name="feedback")
app.command("verify", epilog=examples("dateline verify", "dateline verify --json"))(verify_command)
app.command("rebuild-index", epilog=examples("dateline rebuild-index"))(rebuild_index_command)
app.command("backup", epilog=examples("dateline backup monday.db"))(backup_command)
app.command("restore", epilog=examples("dateline restore monday.db"))(restore_command)
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")
app.command("serve", epilog=examples("dateline serve", "dateline --data-dir /srv/record serve --port 9000"))(
    serve_command
)
app.command("mcp", epilog=examples("dateline mcp", "dateline --data-dir /srv/record mcp"))(mcp_command)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    _prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code; failures are told on standard error."""
    try:
        code = app(args=list(arguments), prog_name="dateline", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  - the process boundary
        return _told(error, as_json="--json" in arguments)
    return code if isinstance(code, int) else 0


def _told(error: BaseException, *, as_json: bool) -> int:
    """Tell a failure and return its exit code."""
    code = _FAILED
    match error:
        case KeyboardInterrupt():
            code = _INTERRUPTED
        case typer.Abort():
            print("Stopped; nothing was changed.", file=sys.stderr)
        case DatelineError():
            param = getattr(error, "param", None)
            _tell_failure(error.message, hint=error.hint, code=error.code, param=param, as_json=as_json)
            code = error.exit_code
        case typer.TyperException():
            _tell_usage(error, as_json=as_json)
            code = error.exit_code
        case BrokenPipeError():
            _stop_printing()  # The reader, such as `head`, has had enough.
        case OSError():  # Such as a full disk under standard output; the packages explain their own.
            _tell_failure(str(error), hint="", code="os_error", as_json=as_json)
        case _:
            _tell_unexpected(error, as_json=as_json)
    return code


def _stop_printing() -> None:
    """Send what is still to be printed nowhere: Python would complain again when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_streams() -> None:
    """Read UTF-8 and never fail to print: undecodable input is refused by what reads it, with a message."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _tell_usage(error: typer.TyperException, *, as_json: bool) -> None:
    message = error.format_message().replace("Value error, ", "")  # pydantic's prefix for what we raise in a parser
    if type(error).__name__ == "NoArgsIsHelpError":  # typer keeps the class private; its message is the help.
        print(message, file=sys.stderr)
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dateline"
    _tell_failure(message, hint=f"Try '{command} --help'.", code="invalid_usage", as_json=as_json)


def _tell_unexpected(error: BaseException, *, as_json: bool) -> None:
    if _wants_tracebacks():
        import traceback

        traceback.print_exception(error)
    _tell_failure(
        f"Unexpected {type(error).__name__}: {error}",
        hint="This is a fault of Dateline. DATELINE_LOG_LEVEL=debug shows the traceback.",
        code="internal_error",
        as_json=as_json,
    )


def _wants_tracebacks() -> bool:
    from domain.settings import load_settings

    try:
        return load_settings().log_level == "debug"
    except DatelineError:
        return False


def _tell_failure(message: str, *, hint: str, code: str, param: str | None = None, as_json: bool) -> None:
    if as_json:
        body: dict[str, Any] = {"message": message, "type": "error", "code": code, "param": param, "hint": hint}
        print(json.dumps({"error": body}), file=sys.stderr)
        return
    note(f"Error: {message}")
    if hint:
        note(hint)
