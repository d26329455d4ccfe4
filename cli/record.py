"""`dateline verify`, `rebuild-index`, `backup` and `restore`: looking after the record as a whole."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir
from cli.startup import record_to_change, start
from cli.terminal import note, print_json, safe, spinner

if TYPE_CHECKING:
    from domain.settings import Settings
    from retriever.wiring import VerifyReport


def verify_command(
    *,
    answers: Annotated[
        bool, typer.Option("--answers", help="Say instead whether what stored answers cite still stands.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the ledger is sound and the indexes agree.

    Reads every byte of text and every vector. What can be healed is healed, and said; exits 1 if something is wrong.
    With --answers, exits 1 if the words of a citation are changed, deleted, or were never there.
    """
    settings = start(data_dir)
    if answers:
        _verify_answers(settings, as_json=as_json)
        return
    with spinner("Verifying…"), record_to_change(settings) as record:
        report = record.verify()
    if as_json:
        print_json(_report_body(report))
    else:
        print(safe(_report_text(report)))
    if not report.clean:
        raise typer.Exit(1)


def _verify_answers(settings: "Settings", *, as_json: bool) -> None:
    from retriever.wiring import open_record
    from service.receipts import STANDS, citations_of, standings

    counted: Counter[str] = Counter()
    fallen: list[dict[str, Any]] = []
    with spinner("Verifying…"), open_record(settings, access="read") as record:
        answer_ids = record.ledger.answer_ids()
        for answer_id in answer_ids:
            for one in standings(citations_of(record.ledger.answer(answer_id)), record.ledger):
                counted[one.status] += 1
                if one.status not in STANDS:
                    fallen.append({"answer_id": answer_id, **one.as_json()})
    if as_json:
        print_json({"answers": len(answer_ids), "citations": dict(counted), "fallen": fallen})
    else:
        told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counted.items()))
        print(f"{len(answer_ids)} answers; citations: {told or 'none'}")
        for row in fallen:
            print(safe(f"  {row['answer_id']} [{row['mark']}] {row['status'].replace('_', ' ')}: {row['document_id']}"))
    if fallen:
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
    at the next start. While a server runs, restore into a collection of it, '--data-dir FOLDER/collections/NAME', and
    open that with 'POST /v1/collections'.
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
