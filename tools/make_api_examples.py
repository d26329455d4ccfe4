"""Writes the response examples of the description: what the application answers to its request examples."""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from service.api import description as described
from tests.support.described import request_examples
from tests.support.example_record import ANSWER, JOB, Idle, example_app

PAGE = Path(described.__file__).with_name(described.EXAMPLES)


def response_examples() -> dict[str, dict[str, Any]]:
    """Return per operation and status the first JSON response; ids made at random are replaced by those of requests."""
    found: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        example_app(Path(folder), intake=Idle) as app,
        TestClient(app, base_url="http://localhost") as client,
    ):
        # What deletes comes last, so that all others find what they name.
        for example in sorted(request_examples(app.openapi()), key=lambda one: one.operation.startswith("DELETE")):
            response = example.send(client)
            if response.headers.get("content-type") == "application/json":
                text = re.sub("job_[0-9a-f]{16}", JOB, re.sub("ans_[0-9a-f]{24}", ANSWER, response.text))
                found.setdefault(example.operation, {}).setdefault(str(response.status_code), json.loads(text))
    return found


if __name__ == "__main__":
    PAGE.write_text(json.dumps(response_examples(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
