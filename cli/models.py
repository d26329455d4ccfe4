"""`dateline models`: the model files of this installation."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.help_texts import examples
from cli.options import AsJson
from cli.startup import start
from cli.terminal import print_json
from domain.errors import ModelFileError

if TYPE_CHECKING:
    from retriever.models import FetchProgress, ModelEntry

models_app = typer.Typer(help="List, fetch and verify model files.", no_args_is_help=True, rich_markup_mode=None)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Models; all of the registry by default.")]


@models_app.command("list", epilog=examples("dateline models list"))
def list_models(*, as_json: AsJson = False) -> None:
    """Show the registered models and which of them are here."""
    from retriever.models import ModelRegistry

    folder = _folder()
    rows = [_row(entry, folder) for entry in ModelRegistry.load().entries.values()]
    if as_json:
        print_json({"folder": str(folder), "models": rows})
        return
    print(f"Folder: {folder}")
    for row in rows:
        print(f"{row['name']:<30} {row['kind']:<8} {_megabytes(row['bytes']):>9}  {row['state']:<8} {row['licence']}")
        print(f"    {row['summary']}")


@models_app.command("fetch", epilog=examples("dateline models fetch", "dateline models fetch all-MiniLM-L6-v2"))
def fetch_models(names: Names = None, *, as_json: AsJson = False) -> None:
    """Fetch models that are not here yet, and check every byte."""
    from retriever.models import fetch

    folder = _folder()
    fetched = []
    for entry in _entries(names):
        with _progress_bar(entry) as show:
            path = fetch(entry.name, folder, show)
        fetched.append({"name": entry.name, "path": str(path)})
        if not as_json:
            print(f"{entry.name}  {path}")
    if as_json:
        print_json({"models": fetched})


@models_app.command("verify", epilog=examples("dateline models verify"))
def verify_models(names: Names = None, *, as_json: AsJson = False) -> None:
    """Compare the model files with their registered digests.

    Exits 1 if one differs. Named models must be here; without names those that were never fetched are passed over.
    """
    from retriever.models import verify

    folder = _folder()
    rows: list[dict[str, Any]] = []
    for entry in _entries(names):
        if not names and not (folder / entry.name).exists():
            continue
        try:
            verify(entry.name, folder)
            rows.append({"name": entry.name, "ok": True})
        except ModelFileError as error:
            rows.append({"name": entry.name, "ok": False, "message": error.message, "hint": error.hint})
    if as_json:
        print_json({"models": rows})
    else:
        for row in rows:
            print(f"{row['name']}  ok" if row["ok"] else f"{row['name']}  {row['message']}. {row['hint']}")
        if not rows:
            print(f"No models in {folder}. Run 'dateline models fetch'.", file=sys.stderr)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def _folder() -> Path:
    return start(None).models.folder


def _entries(names: list[str] | None) -> "list[ModelEntry]":
    from retriever.models import ModelRegistry

    registry = ModelRegistry.load()
    return [registry.get(name) for name in names or registry.entries]


def _row(entry: "ModelEntry", folder: Path) -> dict[str, Any]:
    from retriever.models import locate

    try:
        locate(entry.name, folder)
        state = "here"
    except ModelFileError:
        state = "damaged" if (folder / entry.name).exists() else "missing"
    return {
        "name": entry.name,
        "kind": entry.kind,
        "summary": entry.summary,
        "licence": entry.licence,
        "bytes": entry.bytes,
        "sha256": entry.digest,
        "state": state,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB"


@contextmanager
def _progress_bar(entry: "ModelEntry") -> "Iterator[Callable[[FetchProgress], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(entry.name, total=entry.bytes)

        def show(progress: "FetchProgress") -> None:
            bar.update(task, completed=progress.done_bytes)

        yield show
