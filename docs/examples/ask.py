"""Sends a document, asks about it twice, as JSON and as events, and verifies the answer.

    python ask.py http://localhost:8000

Needs Python and nothing else. Where the server asks for a key, it is taken from API_KEY.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

BASE = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
DOCUMENT = {
    "uri": "examples/ferry",  # What is sent under it later is its next version.
    "text": "The ferry of Torval sails at nine from Monday, the harbour master said. It carries forty cars.",
    "title": "New hours of the ferry",
    "publisher": "Harbour Gazette",
    "published": "2025-02-06",
}
QUESTION = "At what hour does the ferry of Torval sail?"


def call(path: str, body: Any = None, accept: str = "application/json") -> Any:
    """Open a response; what is not 2xx raises `urllib.error.HTTPError`, whose body says why."""
    headers = {"Accept": accept, "Content-Type": "application/json"}
    if key := os.environ.get("API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers), timeout=120)


def get(path: str, body: Any = None) -> Any:
    """Return the JSON of a response."""
    with call(path, body) as response:
        return json.load(response)


def events(question: str) -> Iterator[tuple[str, Any]]:
    """Yield the events of an answer while it is written, as name and data."""
    with call("/v1/ask", {"question": question}, accept="text/event-stream") as response:
        name = ""
        for line in map(bytes.decode, response):
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


job = get("/v1/documents", DOCUMENT)
while job["state"] in ("queued", "running"):
    time.sleep(0.2)
    job = get(f"/v1/jobs/{job['job_id']}")
print("document:", job["state"], *(one["document_id"] for one in job["documents"]))

answer = get("/v1/ask", {"question": QUESTION})
print(f"{answer['kind']}: {answer['text']}")
for sentence in answer["sentences"]:
    for cited in sentence["citations"]:
        document = get(f"/v1/documents/{cited['document_id']}?version={cited['version']}")
        if document["text"][cited["start"] : cited["end"]] != cited["quote"]:
            sys.exit("The quote does not stand in its place.")
        print(f"[{cited['mark']}] {cited['publisher']}, {cited['published']}: {cited['quote']}")

for name, data in events(QUESTION):
    if name == "sentence":
        print("streamed:", data["text"])
    elif name == "error":
        sys.exit(data["error"]["message"])

print("stands:", get("/v1/verify", {"answer_id": answer["id"]})["stands"])
