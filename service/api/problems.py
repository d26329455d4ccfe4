"""Every failure as `{"error": {"message", "type", "code", "param"}}`, and which status it has."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from domain.errors import (
    AnswerWithdrawnError,
    ChatModelError,
    ConfigurationError,
    DatelineError,
    DocumentGoneError,
    FetchError,
    IndexUnavailableError,
    IngestError,
    KeyReusedError,
    MalformedReplyError,
    ModelFileError,
    NotFoundError,
    PortTakenError,
    QuestionError,
    RecordBusyError,
    RecordDamagedError,
    RecordError,
    RecordMismatchError,
    StorageError,
)
from service.api.json_response import JsonResponse

STATUS_BY_ERROR: Final[dict[type[DatelineError], int]] = {
    DatelineError: 500,
    ConfigurationError: 500,
    ModelFileError: 500,
    PortTakenError: 500,
    RecordError: 500,
    RecordBusyError: 503,
    RecordDamagedError: 500,
    RecordMismatchError: 500,
    StorageError: 507,
    IndexUnavailableError: 503,
    DocumentGoneError: 503,
    IngestError: 422,
    FetchError: 422,
    KeyReusedError: 422,
    QuestionError: 422,
    NotFoundError: 404,
    AnswerWithdrawnError: 410,
    ChatModelError: 503,
    MalformedReplyError: 502,
}

# What our errors say about the server is for its log: it may name files and folders.
_SERVER_MESSAGES: Final = {
    500: "The server could not do this; its log has the reason under this request's id.",
    502: "The chat model's reply could not be used.",
    503: "The server cannot do this right now. Try again in a few seconds.",
    507: "The server has no room, or no right, to store this.",
}
_RETRY_AFTER_S: Final = "2"  # A writer's transaction and an index query both end within this.
_FIRST_SERVER_STATUS: Final = 500
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_KINDS: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}  # As OpenAI has them.


class Problem(HTTPException):
    """A request that cannot be served, for a reason that belongs to HTTP rather than to Dateline."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.param = param

    @property
    def body(self) -> dict[str, Any]:
        """The error as JSON values."""
        usual = "server_error" if self.status_code >= _FIRST_SERVER_STATUS else "invalid_request_error"
        kind = _KINDS.get(self.status_code, usual)
        return {"error": {"message": self.detail, "type": kind, "code": self.code, "param": self.param}}

    def response(self) -> Response:
        """The error as a response."""
        return JsonResponse(self.body, status_code=self.status_code, headers=self.headers)


def too_many_answers() -> Problem:
    """Return the problem of a request that comes while as many answers are written as are allowed."""
    return Problem(
        503,
        "As many answers are being written as this server allows. Try again in a few seconds.",
        code="too_many_answers",
        headers={"Retry-After": _RETRY_AFTER_S},
    )


def too_many_of_one_key(limit: int) -> Problem:
    """Return the problem of a key for which as many answers are under way as one may have."""
    return Problem(
        429,
        f"{limit} answers are being written for this key, as many as one may have. Wait for one of them.",
        code="too_many_answers",
        headers={"Retry-After": _RETRY_AFTER_S},
    )


def too_many_requests(wait_s: float) -> Problem:
    """Return the problem of a key that has sent more requests than one may."""
    return Problem(
        429,
        "This key has sent as many requests as one may in a minute. Slow down.",
        code="rate_limited",
        headers={"Retry-After": str(max(1, math.ceil(wait_s)))},
    )


def collection_not_found() -> Problem:
    """Return the problem of a collection that there is not, or not for this key."""
    return Problem(404, "There is no such collection here.", code="collection_not_found")


def request_timeout(idle_s: float) -> Problem:
    """Return the problem of a client that stopped sending in the middle of its request."""
    return Problem(
        408,
        f"Nothing more of this request came for {idle_s:g} seconds.",
        code="request_timeout",
        headers={"Connection": "close"},
    )


def client_gone() -> Problem:
    """Return the problem of a client that went away before its answer; only our own log sees it."""
    return Problem(499, "The client went away.", code="client_gone")  # The status that nginx logs.


def other_site() -> Problem:
    """Return the problem of a request that a page of another site sent from somebody's browser."""
    return Problem(403, "A request from a page of another site is not taken.", code="cross_site")


def bad_host() -> Problem:
    """Return the problem of a request for a host that this server is not, or that is none."""
    return Problem(
        400,
        "The Host header names no host of this server. Its operator can add one to server.allowed_hosts.",
        code="host_not_allowed",
    )


def body_too_large(limit: int) -> Problem:
    """Return the problem of a body with more than `limit` bytes."""
    return Problem(413, f"The body is larger than {limit} bytes.", code="body_too_large")


def unsupported_media_type(wanted: str) -> Problem:
    """Return the problem of a body that is not declared as what it must be."""
    return Problem(415, f"Send the body with the header Content-Type: {wanted}.", code="unsupported_media_type")


def problem_of(error: Exception) -> Problem:
    """Return how an exception is shown; of an unexpected one nothing is."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return _routing_problem(error)
        case ClientDisconnect():
            return client_gone()
        case RequestValidationError():
            return _validation_problem(error)
        case DatelineError():
            return _dateline_problem(error)
        case _:
            return Problem(500, _SERVER_MESSAGES[500], code="internal_error")


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every expected failure of a route with its problem."""

    async def respond(request: Request, error: Exception) -> Response:
        response = problem_of(error).response()
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(_methods_at(request))
        return response

    for kind in (DatelineError, HTTPException, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, respond)


def _methods_at(request: Request) -> list[str]:
    """Return what an address takes; the router names only what the first route of several takes there."""
    there = {"type": "http", "path": request.scope["path"], "root_path": request.scope.get("root_path", "")}
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**there, "method": method, "headers": []})[0] is Match.FULL for route in routes)
    ]


def _dateline_problem(error: DatelineError) -> Problem:
    status = STATUS_BY_ERROR[type(error)]
    message = _SERVER_MESSAGES.get(status) or f"{error.message}. {error.hint}".removesuffix(" ")
    headers = {"Retry-After": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    param = error.param if isinstance(error, QuestionError) else None
    return Problem(status, message, code=error.code, param=param, headers=headers)


def _routing_problem(error: HTTPException) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    messages = {
        404: "There is no such address here. GET / lists what there is.",
        405: "This address does not take this method; the Allow header names those it takes.",
    }
    message = messages.get(error.status_code, phrase)
    return Problem(error.status_code, message, code=phrase.lower().replace(" ", "_"), headers=error.headers)


def _validation_problem(error: RequestValidationError) -> Problem:
    fault = error.errors()[0]
    where, *field = fault["loc"]  # ("body", "history", 0, "role"); the input itself is never repeated.
    param = ".".join(map(str, field)) or None
    message = str(fault["msg"]).removeprefix("Value error, ")
    named = f"{param}: {message}" if param else f"The request's {where}: {message}"
    return Problem(422, named, code="invalid_request", param=param)
