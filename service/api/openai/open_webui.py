"""Open WebUI's source events: with them it shows the quote behind a mark, which annotations have no field for."""

from typing import Any

from service.api.openai.cited_text import UrlCitation


def source_event(cited: UrlCitation) -> dict[str, Any]:
    """Return the chunk that adds a source.

    Open WebUI numbers sources in the order in which their `metadata.source` first comes, which is the order of marks.
    """
    return {
        "event": {
            "type": "source",
            "data": {
                "source": {"name": cited.title, "url": cited.url},
                "document": [cited.citation.quote],
                "metadata": [{"source": cited.url, "name": cited.title}],
            },
        }
    }
