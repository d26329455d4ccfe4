"""What every reply in OpenAI's form needs: where links lead, what tokens were spent, and Dateline's own field."""

from typing import Any, Final

from fastapi import Request

from domain.answers import Answer
from service.api.links import Links
from service.api.openai.cited_text import Address
from service.api.serving import Serving
from service.rendering import answer_body

_LONG: Final = frozenset({"passages", "evidence"})  # `GET /v1/answers/{id}` has them.
_ANSWER: Final = "ans_"


def address_of(serving: Serving, request: Request) -> Address:
    """Return what makes addresses of the paths of source pages: where this service is reached, and signed if need be.

    That is as the setting says, or else as this client called it.
    """
    base = serving.settings.server.public_url or f"{request.url.scheme}://{request.headers['host']}"

    def address(path: str) -> str:
        return base.rstrip("/") + serving.links.url(path)

    return address


def named_like(answer_id: str, prefix: str) -> str:
    """Return the id of a reply: the answer's, under the prefix that clients expect."""
    return prefix + answer_id.removeprefix(_ANSWER)


def answer_named(reply_id: str, prefix: str) -> str:
    """Return the id of the answer that a reply was made of."""
    return _ANSWER + reply_id.removeprefix(prefix).removeprefix(_ANSWER)


def dateline_body(answer: Answer, links: Links) -> dict[str, Any]:
    """Return the answer as `POST /v1/ask` gives it, without the passages and evidence of its trace."""
    body = answer_body(answer)
    trace = {key: value for key, value in body["trace"].items() if key not in _LONG}
    shown: dict[str, Any] = links.shown({**body, "trace": trace})
    return shown
