"""`dateline verify`, `rebuild-index`, `backup` and `restore`: looking after the record as a whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir
from cli.startup import record_to_change, start
from cli.terminal import note, print_json, safe, spinner

if TYPE_CHECKING:
    from retriever.wiring import VerifyReport


def verify_command(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Prove that the ledger is sound and the indexes agree.

    Reads every byte of text and every vector. What can be healed is healed, and said; exits 1 if something is wrong.
    """
    settings = start(data_dir)
    with spinner("Verifying…"), record_to_change(settings) as record:
        report = record.verify()
    if as_json:
        print_json(_report_body(report))
    else:
        print(safe(_report_text(report)))
    if not report.clean:
        raise typer.Exit(1)


def rebuild_index_command(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Build the indexes anew from the ledger.

    Seldom needed: they are checked at each start, and topped up or rebuilt when they differ.
    """
    settings = start(data_dir)
    with spinner("Building the indexes…"), record_to_change(settings) as record:
        record.rebuild()
        counts = record.ledger.counts()
    if as_json:
        print_json({"documents": counts.documents, "passages": counts.passages})
    else:
        print(f"Rebuilt for {counts.passages} passages of {counts.documents} documents")


def backup_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger, checked, into one file.

    A server may go on meanwhile. The indexes are not part of it: 'dateline restore' builds them anew.
    """
    settings = start(data_dir)
    from retriever.wiring import open_record

    with spinner("Copying…"), open_record(settings, access="read") as record:
        record.ledger.backup(file)
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        print(f"{safe(str(file))}  {size} bytes")


def _report_body(report: "VerifyReport") -> dict[str, Any]:
    return {
        "clean": report.clean,
        "documents": report.documents,
        "passages": report.passages,
        "repaired": report.repaired or None,
        "differences": list(report.differences),
    }


def _report_text(report: "VerifyReport") -> str:
    lines = [f"{report.documents} documents, {report.passages} passages"]
    if report.repaired:
        lines.append(f"Repaired: {report.repaired}")
    if report.clean:
        return "\n".join([*lines, "Clean: the ledger is sound and the indexes agree with it"])
    return "\n".join([*lines, f"{len(report.differences)} differences:", *(f"  {one}" for one in report.differences)])


def restore_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Made by 'dateline backup'.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of a damaged ledger.

    Or of a missing one; a sound ledger is never replaced. What was there is kept beside it. The indexes are built anew
    at the next start.
    """
    settings = start(data_dir)
    from cli.restoring import restore

    with spinner("Restoring…"):
        restored = restore(file, settings)
    if as_json:
        print_json({"documents": restored.documents, "kept_aside": restored.kept_aside})
        return
    print(f"Restored {restored.documents} documents")
    if restored.kept_aside:
        note(f"What was there is kept as {restored.kept_aside}")
