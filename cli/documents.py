"""`dateline documents`: what the record holds, and taking something out of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.help_texts import examples
from cli.options import AsJson, AsOf, DataDir, From, Publisher, To, Yes, scope_of
from cli.startup import record_to_change, start
from cli.terminal import confirm, note, print_json, safe

if TYPE_CHECKING:
    from domain.corpus import Document, DocumentHeader, Passage

documents_app = typer.Typer(help="List, show, delete and purge documents.", no_args_is_help=True, rich_markup_mode=None)

DocumentId = Annotated[str, typer.Argument(metavar="ID", help="As 'dateline documents list' shows it.")]
DocumentIds = Annotated[list[str], typer.Argument(metavar="ID", help="As 'dateline documents list' shows them.")]


@documents_app.command(
    "list", epilog=examples("dateline documents list", "dateline documents list --from 2024-05-01 --json")
)
def list_documents(
    *,
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    publisher: Publisher = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most documents shown; all by default.")] = None,
    offset: Annotated[int, typer.Option(min=0, help="Documents passed over.")] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List documents, the newest first."""
    scope = scope_of(as_of=as_of, since=since, until=until, publisher=publisher)
    settings = start(data_dir)
    from retriever.wiring import open_record

    with open_record(settings, access="read") as record:
        total = record.ledger.counts(scope).documents
        headers = record.ledger.headers(scope=scope, limit=limit, offset=offset)
    if as_json:
        from service.rendering import header_body

        print_json({"total": total, "documents": [header_body(header) for header in headers]})
        return
    for header in headers:
        print(_row(header))
    note(f"{len(headers)} of {total} documents")


@documents_app.command(
    "show", epilog=examples("dateline documents show ID", "dateline documents show ID --version 1 --json")
)
def show_document(
    document_id: DocumentId,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="The current one by default.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a document's text, with what is known about it.

    Offsets in citations count characters of this text.
    """
    settings = start(data_dir)
    from retriever.wiring import open_record

    with open_record(settings, access="read") as record:
        document = record.ledger.document(document_id, version)
        passages = record.ledger.passages_of(document_id, document.header.version)
        versions = record.ledger.versions(document_id)
    if as_json:
        print_json(_body(document, passages, versions))
        return
    print(_known(document.header, versions))
    print(f"\n{safe(document.text)}")


@documents_app.command(
    "delete", epilog=examples("dateline documents delete ID", "dateline documents delete ID ID --yes")
)
def delete_documents(
    document_ids: DocumentIds, *, yes: Yes = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Hide documents from search and answers at once.

    Their bytes stay until 'dateline documents purge'. If one of them is not in the record, none is deleted.
    """
    settings = start(data_dir)
    with record_to_change(settings) as record:
        headers = [record.ledger.document(document_id).header for document_id in dict.fromkeys(document_ids)]
        for header in headers:
            note(_row(header))
        confirm(f"Delete {_counted(len(headers))}?", yes=yes)
        for header in headers:
            record.ledger.delete(header.document_id)
        record.publish()
    if as_json:
        print_json({"deleted": [header.document_id for header in headers]})
    else:
        print(f"{_counted(len(headers))} deleted")
        note("'dateline documents purge' removes the bytes.")


@documents_app.command("purge", epilog=examples("dateline documents purge", "dateline documents purge --yes"))
def purge_documents(*, yes: Yes = False, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove every byte of deleted documents.

    The stored answers that quote them go, too, and the indexes are built anew. Backups that were made before still hold
    the documents.
    """
    settings = start(data_dir)
    with record_to_change(settings) as record:
        confirm("Remove deleted documents for good?", yes=yes)
        record.purge()
        counts = record.ledger.counts()
    if as_json:
        print_json({"documents": counts.documents, "passages": counts.passages})
    else:
        print(f"Purged; the record holds {_counted(counts.documents)}")


def _row(header: "DocumentHeader") -> str:
    day = header.published.isoformat() if header.published else "undated"
    named = " · ".join(part for part in (header.publisher, header.title) if part)
    return safe(f"{header.document_id}  {day:<10}  {named}").rstrip()


def _known(header: "DocumentHeader", versions: "tuple[DocumentHeader, ...]") -> str:
    facts = {
        "Document": f"{header.document_id} version {header.version} of {len(versions)}",
        "Title": header.title,
        "Publisher": header.publisher,
        "Published": header.published,
        "Place": header.place,
        "Language": header.language,
        "Source": header.source_uri,
        "Copy of": header.duplicate_of,
    }
    return "\n".join(safe(f"{name + ':':<11}{fact}") for name, fact in facts.items() if fact is not None)


def _body(
    document: "Document", passages: "tuple[Passage, ...]", versions: "tuple[DocumentHeader, ...]"
) -> dict[str, Any]:
    from service.rendering import header_body

    return {
        **header_body(document.header),
        "text": document.text,
        "passages": [
            {
                "passage_id": passage.passage_id,
                "start": passage.span.start,
                "end": passage.span.end,
                "heading": passage.heading,
                "page": passage.page,
            }
            for passage in passages
        ],
        "versions": [header_body(header) for header in versions],
    }


def _counted(documents: int) -> str:
    return f"{documents} document" if documents == 1 else f"{documents} documents"
