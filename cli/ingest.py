"""`dateline ingest`: bring files, folders and web pages into the record."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, day
from cli.startup import start
from cli.terminal import print_json, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.settings import Settings
    from ingest.parsed import Metadata
    from ingest.report import FoundCopy, IngestProgress, IngestReport

_MOST_SHOWN = 20  # Failures and copies listed on a terminal; --json has more.
_LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})


def ingest_command(
    sources: Annotated[list[str], typer.Argument(metavar="PATH_OR_URL", help="Files, folders and http(s) addresses.")],
    *,
    title: Annotated[str | None, typer.Option(help="Title, where the source's own is wrong or missing.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Publisher of all sources given.")] = None,
    published: Annotated[
        date | None, typer.Option(parser=day, metavar="YYYY-MM-DD", help="Day of publication.")
    ] = None,
    place: Annotated[str | None, typer.Option(help="The dateline's place.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code, such as en.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")] = False,
    allow_private_networks: Annotated[
        bool, typer.Option("--allow-private-networks", help="Let addresses point into private networks.")
    ] = False,
) -> None:
    """Bring documents into the record.

    What it already holds is left alone, and what has changed becomes a new version. Stopping it loses nothing: run
    the same command again to go on. Exits 1 if a source failed; the others are then in the record.
    """
    from ingest.parsed import Metadata

    declared = Metadata(title=title, publisher=publisher, published=published, place=place, language=language)
    settings = start(data_dir)
    if allow_private_networks:
        section = settings.ingest.model_copy(update={"allow_private_networks": True})
        settings = settings.model_copy(update={"ingest": section})
    with _progress_bar(_expected_sources(sources)) as progress:
        work = _survey if dry_run else _ingest
        report = work(sources, declared=declared, settings=settings, progress=progress)
    if as_json:
        print_json(report.as_json())
    else:
        print(safe(_as_text(report, dry_run)))
    if not report.is_complete:
        raise typer.Exit(code=1)


def _ingest(
    sources: Sequence[str],
    *,
    declared: "Metadata",
    settings: "Settings",
    progress: "Callable[[IngestProgress], None]",
) -> "IngestReport":
    from ingest.pipeline import ingest
    from ingest.sources import discover
    from retriever.wiring import open_record

    with open_record(settings, access="write") as record:
        return ingest(
            discover(sources, declared=declared, settings=settings.ingest),
            ledger=record.ledger,
            encoder=record.encoder,
            publish=record.publish,
            settings=settings.ingest,
            progress=progress,
        )


def _survey(
    sources: Sequence[str],
    *,
    declared: "Metadata",
    settings: "Settings",
    progress: "Callable[[IngestProgress], None]",
) -> "IngestReport":
    from ingest.pipeline import survey
    from ingest.sources import discover
    from retriever.wiring import open_record

    with open_record(settings, access="read") as record:
        return survey(
            discover(sources, declared=declared, settings=settings.ingest),
            record=record.ledger,
            settings=settings.ingest,
            progress=progress,
        )


def _expected_sources(arguments: Sequence[str]) -> int:
    """Return about how many sources there are, for the time left; files that will be skipped are counted too."""
    return sum(_files_at(argument) for argument in arguments)


def _files_at(argument: str) -> int:
    if not os.path.isdir(argument):  # noqa: PTH112  - Path() would raise on a URL with a NUL; this says False
        return _lines_in(argument)
    return sum(_lines_in(os.path.join(folder, name)) for folder, _, names in os.walk(argument) for name in names)  # noqa: PTH118


def _lines_in(path: str) -> int:
    if Path(path).suffix.lower() not in _LINES_SUFFIXES:
        return 1
    try:
        with Path(path).open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except (OSError, ValueError):
        return 1


@contextmanager
def _progress_bar(expected: int) -> "Iterator[Callable[[IngestProgress], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("Ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} passages/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=expected, rate=0.0)

        def show(progress: "IngestProgress") -> None:
            total = max(progress.total or expected, progress.done)
            bar.update(task, completed=progress.done, total=total, rate=progress.passages_per_s)

        yield show


def _as_text(report: "IngestReport", dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    counts = (
        f"{len(report.added)} {would}added, {len(report.updated)} {would}updated, "
        f"{report.unchanged} unchanged, {len(report.failed)} failed"
    )
    speed = f"{report.passages} passages in {report.seconds:.1f} s ({report.passages_per_s:.0f} per second)"
    lines = [counts, speed]
    lines += _listed("copies of documents already here", [_copy_as_text(copy) for copy in report.copies])
    lines += _listed("failed", [f"{failed.uri}: {failed.message} [{failed.reason}]" for failed in report.failed])
    lines += _listed("notes", list(report.notes))
    if report.stopped is not None:
        lines.append(f"Stopped early: {report.stopped.message}. What is counted above is kept. {report.stopped.hint}")
    return "\n".join(lines)


def _copy_as_text(copy: "FoundCopy") -> str:
    how = "the same text as" if copy.kind == "exact" else "nearly the same as"
    return f"{copy.document_id} is {how} {copy.duplicate_of} ({copy.similarity:.2f})"


def _listed(heading: str, entries: Sequence[Any]) -> list[str]:
    if not entries:
        return []
    left_out = len(entries) - _MOST_SHOWN
    more = [f"  … and {left_out} more; --json lists them"] if left_out > 0 else []
    return [f"{len(entries)} {heading}:", *(f"  {entry}" for entry in entries[:_MOST_SHOWN]), *more]
