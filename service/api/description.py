"""The description of the interface, `GET /openapi.json`, corrected where FastAPI cannot know better, with examples."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI

from service.api.schemas import without_null

EXAMPLES: Final = "response_examples.json"
"""Responses to the request examples; `python -m tools.make_api_examples` writes them."""

_ERROR: Final = "#/components/schemas/ErrorBody"
_JSON: Final = "application/json"


class DescribedApi(FastAPI):
    """An application whose description says what it does."""

    def openapi(self) -> dict[str, Any]:
        """Return the description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _corrected(super().openapi())
        return self.openapi_schema


def operations_of(description: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation under its method and path, `POST /v1/ask`."""
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def _corrected(description: dict[str, Any]) -> dict[str, Any]:
    examples = json.loads((files("service.api") / EXAMPLES).read_text("utf-8"))
    for name, operation in operations_of(description):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = without_null(parameter["schema"])
        for status, response in operation["responses"].items():
            _correct(response, examples.get(name, {}).get(status))
    return description


def _correct(response: dict[str, Any], example: Any) -> None:
    """Name JSON as what errors are written in, whatever their operation answers with; add the example."""
    content = response.get("content", {})
    if any(media.get("schema") == {"$ref": _ERROR} for media in content.values()):
        response["content"] = {_JSON: {"schema": {"$ref": _ERROR}}}
    elif example is not None:
        content[_JSON]["example"] = example
