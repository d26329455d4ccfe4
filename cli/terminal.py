"""Printing for people and for programs."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

# Documents are strangers' texts: these characters could move the cursor, recolour, or reorder what is shown.
_UNSAFE = dict.fromkeys(
    [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "\N{REPLACEMENT CHARACTER}",
)


def safe(text: str) -> str:
    """Return `text` with what a terminal would obey, instead of show, replaced by `�`."""
    return text.translate(_UNSAFE)


def print_json(body: Any, *, on_one_line: bool = False) -> None:
    """Print one JSON value; characters that the stream's encoding lacks are escaped."""
    is_utf8 = (sys.stdout.encoding or "").replace("-", "").casefold() == "utf8"
    print(json.dumps(body, ensure_ascii=not is_utf8, indent=None if on_one_line else 2), flush=True)


def note(text: str) -> None:
    """Tell what is not the result itself."""
    print(safe(text), file=sys.stderr, flush=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        UsageError: If nobody can be asked and `--yes` was not given.
        Abort: If the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here; give it to confirm", param_hint="--yes")
    typer.confirm(question, abort=True, err=True)


@contextmanager
def spinner(text: str) -> Iterator[Callable[[], None]]:
    """Turn a spinner on standard error, where that is a terminal, until the block ends or what it yields is called."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console

    with Console(stderr=True).status(text) as status:
        yield status.stop
