"""Holds requests and responses to the description of the interface, more strictly than clients are asked to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
from fastapi.testclient import TestClient

from service.api.description import operations_of

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExample:
    """A request as the description shows it.

    Attributes:
        operation: `POST /v1/ask`.
        declared: Media type of the body; `None` without one.
    """

    operation: str
    path: str
    query: Mapping[str, Any]
    declared: str | None = None
    body: Any = None

    def send(self, client: TestClient) -> Any:
        """Send it."""
        method = self.operation.split(" ")[0]
        if self.declared == "multipart/form-data":
            fields = {name: value for name, value in self.body.items() if name != "file"}
            file = ("example.txt", self.body["file"].encode())
            return client.request(method, self.path, data=fields, files={"file": file})
        return client.request(method, self.path, params=dict(self.query), json=self.body)


def request_examples(description: Mapping[str, Any]) -> Iterator[RequestExample]:
    """Yield every request example; an operation without a body has one, of its parameters."""
    for name, operation in operations_of(description):
        path, query = name.split(" ")[1], {}
        for parameter in operation.get("parameters", ()):
            (value, *_) = parameter["schema"]["examples"]
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", value)
            elif parameter["in"] == "query":
                query[parameter["name"]] = value
        bodies = [
            (declared, body)
            for declared, media in operation.get("requestBody", {}).get("content", {}).items()
            for body in _examples(media, description)
        ]
        for declared, body in bodies or [(None, None)]:
            yield RequestExample(operation=name, path=path, query=query, declared=declared, body=body)


def faults_of(response: Any, operation: Mapping[str, Any], description: Mapping[str, Any]) -> list[str]:
    """Return how a response differs from what is documented; fields that are not documented are faults, too."""
    documented = operation["responses"].get(str(response.status_code))
    if documented is None:
        return [f"status {response.status_code} is not documented: {response.text}"]
    content = documented.get("content", {})
    declared = response.headers.get("content-type", "").partition(";")[0]
    if not content:
        return [f"a body of {declared}"] if response.content else []
    if declared not in content:
        return [f"{declared} is not documented"]
    return json_faults(response.json(), content[declared], description) if declared == _JSON else []


def json_faults(body: Any, media: Mapping[str, Any], description: Mapping[str, Any]) -> list[str]:
    """Return how a body differs from its schema."""
    schema = _closed({"components": description["components"], **media["schema"]})
    return [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}"
        for error in jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(body)
    ]


def _examples(media: Mapping[str, Any], description: Mapping[str, Any]) -> list[Any]:
    if "example" in media:
        return [media["example"]]
    schema = media["schema"]
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: list[Any] = schema["examples"]
    return found


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have no fields but those that it names."""
    if isinstance(schema, Mapping):
        inner = {key: _closed(value) for key, value in schema.items()}
        return {"additionalProperties": False, **inner} if isinstance(schema.get("properties"), Mapping) else inner
    return [_closed(one) for one in schema] if isinstance(schema, list) else schema
