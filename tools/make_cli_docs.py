"""Writes docs/cli.md from the command line itself, so that the page cannot fall behind."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from cli.main import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """# The `dateline` command

Results go to standard output, progress and notes to standard error. With `--json` the result is one JSON value (one per
line for `chat`), and a failure is `{"error": {"message", "type", "code", "param", "hint"}}` on standard error.

`--data-dir` may stand before or after the command; so may `DATELINE_DATA_DIR` in the environment. `ask`, `chat`,
`search`, `mcp`, `documents list`, `documents show`, `feedback` and `backup` only read, and work beside a server; the
others need the record for themselves and exit 75 while another process writes it.

Written by `python -m tools.make_cli_docs` from the commands' own help.
"""
_WIDTH = 100  # Fixed, so that the page does not depend on the terminal that it is made in.


def cli_page() -> str:
    """Return the Markdown page with the help of every command."""
    return "\n".join([HEAD, *_sections(get_command(app), "dateline", parent=None)])


def _sections(command: Any, name: str, *, parent: typer.Context | None) -> Iterator[str]:
    context = typer.Context(command, info_name=name, parent=parent, terminal_width=_WIDTH)
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"## `{context.command_path}`\n\n```text\n{help_text}\n```\n"
    for below in getattr(command, "commands", {}).values():
        yield from _sections(below, below.name, parent=context)


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
