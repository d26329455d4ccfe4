"""Open WebUI's source events: with them it shows the quote behind a mark, which annotations have no field for."""

from typing import Any

from service.api.openai.cited_text import UrlCitation


def source_event(cited: UrlCitation) -> dict[str, Any]:
    """Return the chunk that adds a source.

    Open WebUI numbers sources in the order in which their `metadata.source` first comes, which is the order of marks.
    Where that is an address it is shown in place of the name; and it appends a text directive of its own to `url`.
    """
    header, span = cited.citation.header, cited.citation.span
    return {
        "event": {
            "type": "source",
            "data": {
                "source": {"name": cited.title, "url": cited.url.partition(":~:")[0]},
                "document": [cited.citation.quote],
                "metadata": [
                    {
                        "source": f"{header.document_id}@{header.version}:{span.start}-{span.end}",
                        "name": cited.title,
                    }
                ],
            },
        }
    }
