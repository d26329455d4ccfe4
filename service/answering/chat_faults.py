"""What went wrong at a chat endpoint, told from whatever its client raised."""

from domain.errors import ChatModelError

_BAD_REQUEST = 400
_UNPROCESSABLE = 422
_SERVER_FAULT = 500

_BY_STATUS = {
    401: ("does not accept the key", "Set DATELINE_CHAT__API_KEY to a key that is valid there."),
    403: ("does not allow this key to use the model", "Check what the key in DATELINE_CHAT__API_KEY may do."),
    404: ("does not know the model or the path", "Check DATELINE_CHAT__MODEL and DATELINE_CHAT__BASE_URL."),
    408: ("gave up waiting", "Try again later."),
    413: ("finds the request too large", "Lower DATELINE_ANSWER__EVIDENCE_SENTENCES."),
    429: ("is busy or its quota is used up", "Try again later, or check the account's limits."),
}


def describe_fault(error: BaseException, *, endpoint: str, timeout_s: float) -> ChatModelError:
    """Turn an exception of a provider's client into ours.

    The client's own message is left out: it may hold the key, and it holds what the server chose to say.
    """
    status = _status(error)
    name = type(error).__name__
    if status in _BY_STATUS:
        what, hint = _BY_STATUS[status]
        return ChatModelError(f"{endpoint} {what} (HTTP {status})", hint=hint)
    if status is not None:
        hint = "Try again later." if status >= _SERVER_FAULT else "Check DATELINE_CHAT__MODEL."
        return ChatModelError(f"{endpoint} answered HTTP {status}", hint=hint)
    if isinstance(error, TimeoutError) or "timeout" in name.lower():
        return ChatModelError(
            f"{endpoint} gave no whole reply within {timeout_s:g} s",
            hint="Raise DATELINE_CHAT__TIMEOUT_S, or use a faster model.",
        )
    if isinstance(error, ConnectionError) or "connect" in name.lower():
        return ChatModelError(
            f"{endpoint} cannot be reached ({name})",
            hint="See that it runs and that DATELINE_CHAT__BASE_URL is right.",
        )
    return ChatModelError(
        f"{endpoint} broke off or sent something that is not a reply ({name})",
        hint="See the server's own log; is it OpenAI-compatible?",
    )


def refuses_the_form(error: BaseException) -> bool:
    """Whether the endpoint says that the request itself is wrong, as servers without structured output do."""
    return _status(error) in {_BAD_REQUEST, _UNPROCESSABLE}


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int) and not isinstance(status, bool) and status >= _BAD_REQUEST:
            return status
    return None
