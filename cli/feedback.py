"""`dateline feedback`: what readers said of answers, and the evaluation cases that it makes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli.help_texts import examples
from cli.options import AsJson, DataDir
from cli.startup import start
from cli.terminal import note, print_json, safe

feedback_app = typer.Typer(
    help="List what readers said, and export it as cases.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@feedback_app.command(
    "list", epilog=examples("dateline feedback list", "dateline feedback list --verdict does_not_support --json")
)
def list_feedback(
    *,
    verdict: Annotated[
        Literal["supports", "does_not_support", "missing"] | None, typer.Option(help="Only this verdict.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows shown.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Rows passed over.")] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was said, the newest first."""
    settings = start(data_dir)
    from retriever.wiring import open_record
    from service.feedback import feedback_row

    with open_record(settings, access="read") as record:
        total = record.ledger.feedback.count(verdict)
        found = record.ledger.feedback.newest(verdict=verdict, limit=limit, offset=offset)
        rows = [feedback_row(kept, record.ledger) for kept in found]
    if as_json:
        print_json({"total": total, "feedback": rows})
        return
    for row in rows:
        print(_told(row))
    note(f"{len(rows)} of {total}")


@feedback_app.command(
    "export",
    epilog=examples(
        "dateline feedback export cases.jsonl", "dateline feedback export cases.jsonl --documents record.jsonl"
    ),
)
def export_feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Cases, one answer per line.")],
    *,
    documents: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the record that the cases are asked of, too.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write what was said as cases of 'dateline eval'.

    Files of these names are replaced. What was said of answers that were withdrawn, or that rest on words which the
    record holds no more, is left out.
    """
    settings = start(data_dir)
    from retriever.wiring import open_record
    from service.feedback import document_row, evaluation_cases

    with open_record(settings, access="read") as record:
        ledger = record.ledger
        cases = _write(file, evaluation_cases(ledger))
        if documents is not None:
            _write(documents, (document_row(ledger.document(one.document_id)) for one in ledger.headers()))
        judged = len(ledger.feedback.judged())
    if as_json:
        print_json({"file": str(file), "cases": cases, "answers": judged})
        return
    print(f"{safe(str(file))}  {cases} cases of {judged} answers")


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    from service.feedback import json_lines

    written = 0
    with file.open("wb") as out:
        for written, line in enumerate(json_lines(rows), start=1):  # noqa: B007  - counted
            out.write(line)
    return written


def _told(row: dict[str, Any]) -> str:
    about = row["answer_id"] if row["sentence"] is None else f"{row['answer_id']} sentence {row['sentence']}"
    said = [row["question"], row["text"], row["expected"] and f"expected: {row['expected']}", row["comment"]]
    head = f"{row['created'][:10]}  {row['verdict'].replace('_', ' '):<16}  {about}"
    shown = [head, *(f"  {' '.join(one.split())}" for one in said if one)]
    return "\n".join(safe(line) for line in [*shown, *(["  (withdrawn)"] if row["withdrawn"] else [])])
