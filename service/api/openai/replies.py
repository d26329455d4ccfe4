"""What every reply in OpenAI's form needs: where links lead, what tokens were spent, and Dateline's own field."""

import re
from typing import Any, Final

from fastapi import Request

from domain.answers import Answer
from service.api.serving import Serving
from service.rendering import answer_body

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LONG: Final = frozenset({"passages", "evidence"})  # `GET /v1/answers/{id}` has them.
_ANSWER: Final = "ans_"


def base_url(serving: Serving, request: Request) -> str:
    """Return where clients reach this service: as the setting says, or else as this one did.

    A `Host` that is no plain name is not repeated; the address that the server listens on stands in.
    """
    if serving.settings.server.public_url is not None:
        return serving.settings.server.public_url.rstrip("/")
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope["server"]
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return f"{request.url.scheme}://{host}"


def named_like(answer_id: str, prefix: str) -> str:
    """Return the id of a reply: the answer's, under the prefix that clients expect."""
    return prefix + answer_id.removeprefix(_ANSWER)


def answer_named(reply_id: str, prefix: str) -> str:
    """Return the id of the answer that a reply was made of."""
    return _ANSWER + reply_id.removeprefix(prefix).removeprefix(_ANSWER)


def dateline_body(answer: Answer) -> dict[str, Any]:
    """Return the answer as `POST /v1/ask` gives it, without the passages and evidence of its trace."""
    body = answer_body(answer)
    trace = {key: value for key, value in body["trace"].items() if key not in _LONG}
    return {**body, "trace": trace}
