"""Parsing and failures, before anything is opened."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import cli.main
from cli.main import app, run
from cli.options import DataDir, day, scope_of
from domain.answers import TimeScope
from domain.errors import DatelineError, QuestionError, RecordBusyError, RecordDamagedError

HEAVY = {
    "pydantic",
    "pydantic_settings",
    "numpy",
    "rich",
    "sqlalchemy",
    "torch",
    "chromadb",
    "langchain_core",
    "uvicorn",
}


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command or get_command(app), "commands", {}).items():
        yield from commands(below, (*path, name))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code = run([*path, "--help"])

    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "")
    assert shown.out.startswith(" ".join(["Usage: dateline", *path]))


@pytest.mark.parametrize("path", [path for path in commands() if path], ids=" ".join)
def test_every_summary_is_shown_whole_beside_its_command(path: tuple[str, ...]) -> None:
    command: Any = get_command(app)
    for name in path:
        command = command.commands[name]

    assert not command.get_short_help_str(60).endswith("...")


def test_asking_for_help_imports_nothing_heavy() -> None:
    """`dateline --help` is quick because the packages are imported by the commands that need them."""
    program = "import cli.main, sys; cli.main.run(['--help']); print(*{name.split('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert HEAVY & set(printed.splitlines()[-1].split()) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "Who?", "--frm", "2025-01-01"], "Error: No such option: --frm"),
        (["ask", "Who?", "--as-of", "2025-02-30"], "Error: Invalid value for '--as-of': '2025-02-30' is not a day"),
        (["ask", "Who?", "--mode", "guess"], "Error: Invalid value for '--mode': 'guess' is not one of"),
        (["ask", "Who?", "--from", "2025-02-02", "--to", "2025-02-01"], "Error: The time range is empty"),
        (["ask"], "Error: Missing argument 'QUESTION'"),
        (["ask", " "], "Error: The question is empty"),
        (["ask", "x" * 8001], "Error: The question has 8001 characters"),
        (["ask", "a\x00b"], "Error: The question holds control characters"),
        (["ask", "\udcff"], "Error: The question holds control characters"),
        (["search", "\udcff"], "Error: The question holds control characters"),
        (["aks", "Who?"], "Error: No such command 'aks'. Did you mean 'ask'?"),
        (["search", "port", "--limit", "0"], "Error: Invalid value for '--limit'"),
        (["serve", "--port", "65536"], "Error: Invalid value for '--port'"),
    ],
)
def test_wrong_usage_is_explained_and_exits_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)

    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    assert shown.err.startswith(message)


def test_with_json_a_failure_is_json_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["ask", "", "--json"])

    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    assert json.loads(shown.err) == {
        "error": {
            "message": "The question is empty",
            "type": "error",
            "code": "invalid_question",
            "param": "question",
            "hint": "Ask in a sentence, for example: Who met whom?",
        }
    }


@pytest.mark.parametrize(
    ("failure", "code", "shown"),
    [
        (RecordBusyError("It is busy", hint="Wait."), 75, "Error: It is busy\nWait.\n"),
        (RecordDamagedError("It is damaged"), 78, "Error: It is damaged\n"),
        (DatelineError("It failed"), 1, "Error: It failed\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 1, ""),
        (OSError(28, "No space left on device"), 1, "Error: [Errno 28] No space left on device\n"),
        (
            ZeroDivisionError("division by zero"),
            1,
            (
                "Error: Unexpected ZeroDivisionError: division by zero\n"
                "This is a fault of Dateline. DATELINE_LOG_LEVEL=debug shows the traceback.\n"
            ),
        ),
    ],
)
def test_each_failure_has_its_exit_code_and_no_traceback(
    failure: BaseException,
    code: int,
    shown: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fail() -> None:
        raise failure

    monkeypatch.setattr(cli.main, "app", failing)
    monkeypatch.setattr(cli.main, "_stop_printing", lambda: None)

    assert (run([]), capfd.readouterr().err) == (code, shown)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    failing = typer.Typer()

    @failing.command()
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.main, "app", failing)
    monkeypatch.setenv("DATELINE_LOG_LEVEL", "debug")

    assert run([]) == 1
    assert "Traceback (most recent call last):" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["--data-dir", "a", "try"], Path("a")),
        (["try", "--data-dir", "b"], Path("b")),
        (["--data-dir", "a", "try", "--data-dir", "b"], Path("b")),
        (["try"], None),
    ],
)
def test_the_data_folder_may_be_named_before_or_after_the_command(arguments: list[str], folder: Path | None) -> None:
    found: list[Path | None] = []
    trying = typer.Typer()
    trying.callback()(cli.main.dateline)

    @trying.command("try")
    def attempt(*, data_dir: DataDir = None) -> None:
        found.append(data_dir)

    trying(args=arguments, standalone_mode=False)

    assert found == [folder]


def test_a_day_is_a_calendar_day() -> None:
    assert day("2025-02-06") == date(2025, 2, 6)
    for text in ("2025-02-30", "yesterday", "20250", ""):
        with pytest.raises(typer.BadParameter, match="is not a day"):
            day(text)


def test_scope_options_become_a_scope() -> None:
    first, last = date(2025, 1, 1), date(2025, 2, 1)

    assert scope_of(as_of=None, since=first, until=last, publisher="Gazette") == TimeScope(
        published_from=first, published_to=last, publisher="Gazette"
    )
    with pytest.raises(QuestionError, match="empty"):
        scope_of(as_of=None, since=last, until=first, publisher=None)
