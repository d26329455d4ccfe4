"""`dateline search`: passages without an answer."""

from typing import Annotated

import typer

from cli.options import AsJson, AsOf, DataDir, From, Publisher, To, scope_of
from cli.startup import start
from cli.terminal import note, print_json, spinner


def search_command(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Words or a question.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most passages shown.")] = 10,
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    publisher: Publisher = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find passages by meaning and by words, best first.

    Copies of the same words are shown once, with the documents that carry them. Works beside a running server.
    """
    from domain.answers import Question

    scope = scope_of(as_of=as_of, since=since, until=until, publisher=publisher)
    asked = Question(text=query, scope=scope)  # What is no question is no query either.
    settings = start(data_dir)
    with spinner("Searching…"):
        from retriever.wiring import open_record

        with open_record(settings, access="read") as record:
            found = record.retriever.retrieve(asked.text, scope=scope, limit=limit)
    if as_json:
        from service.rendering import passage_body

        print_json({"query": query, "passages": [passage_body(ranked) for ranked in found]})
        return
    from cli.answer_text import passage_text

    if not found:
        note("Nothing was found.")
        return
    print("\n\n".join(passage_text(ranked) for ranked in found))
