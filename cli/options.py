"""Options that several commands take, declared once."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from domain.answers import TimeScope


def day(text: str) -> date:
    """Read a day as in 2025-02-06.

    Raises:
        BadParameter: If there is no such day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as in 2025-02-06") from error


def _own_or_global(context: typer.Context, own: Path | None) -> Path | None:
    """Let `dateline --data-dir X ask` mean the same as `dateline ask --data-dir X`."""
    above: Path | None = None if context.parent is None else context.find_root().params.get("data_dir")
    return own if own is not None else above


DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="FOLDER", callback=_own_or_global, help="Folder of the record."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AnswerMode = Annotated[
    Literal["auto", "model", "extractive"],
    typer.Option("--mode", help="Let a model write, quote the record, or auto: a model where there is one."),
]
AsOf = Annotated[
    date | None,
    typer.Option("--as-of", parser=day, metavar="YYYY-MM-DD", help="Hide what was published later, or has no date."),
]
From = Annotated[
    date | None, typer.Option("--from", parser=day, metavar="YYYY-MM-DD", help="First day of publication.")
]
To = Annotated[date | None, typer.Option("--to", parser=day, metavar="YYYY-MM-DD", help="Last day of publication.")]
Publisher = Annotated[str | None, typer.Option("--publisher", metavar="NAME", help="Only documents of this publisher.")]


def scope_of(*, as_of: date | None, since: date | None, until: date | None, publisher: str | None) -> "TimeScope":
    """Return what the scope options name.

    Raises:
        QuestionError: If the range is empty.
    """
    from domain.answers import TimeScope

    return TimeScope(as_of=as_of, published_from=since, published_to=until, publisher=publisher)
