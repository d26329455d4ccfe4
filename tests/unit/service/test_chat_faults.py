import pytest

from service.answering.chat_faults import describe_fault, refuses_the_form

ENDPOINT = "http://127.0.0.1:9/v1"
KEY = "sk-of-our-own-writing"


class StatusError(Exception):
    """As HTTP clients raise it: the status on the error itself."""

    def __init__(self, status_code: object) -> None:
        super().__init__(f"Server said no to key {KEY}")
        self.status_code = status_code


class ResponseError(Exception):
    """As other clients raise it: the status on a response."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"Server said no to key {KEY}")
        self.response = StatusError(status_code)


class ReadTimeout(Exception):  # noqa: N818  - named as httpx names it
    """Not a `TimeoutError`, but named like one."""


class APIConnectionError(Exception):
    """Not a `ConnectionError`, but named like one."""


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (StatusError(401), f"{ENDPOINT} does not accept the key (HTTP 401)", "DATELINE_CHAT__API_KEY"),
        (StatusError(403), f"{ENDPOINT} does not allow this key to use the model (HTTP 403)", "DATELINE_CHAT__API_KEY"),
        (ResponseError(404), f"{ENDPOINT} does not know the model or the path (HTTP 404)", "DATELINE_CHAT__MODEL"),
        (StatusError(413), f"{ENDPOINT} finds the request too large (HTTP 413)", "DATELINE_ANSWER__EVIDENCE_SENTENCES"),
        (StatusError(429), f"{ENDPOINT} is busy or its quota is used up (HTTP 429)", "Try again later"),
        (StatusError(418), f"{ENDPOINT} answered HTTP 418", "DATELINE_CHAT__MODEL"),
        (ResponseError(503), f"{ENDPOINT} answered HTTP 503", "Try again later"),
        (TimeoutError(), f"{ENDPOINT} gave no whole reply within 2.5 s", "DATELINE_CHAT__TIMEOUT_S"),
        (ReadTimeout(), f"{ENDPOINT} gave no whole reply within 2.5 s", "DATELINE_CHAT__TIMEOUT_S"),
        (ConnectionRefusedError(), f"{ENDPOINT} cannot be reached (ConnectionRefusedError)", "DATELINE_CHAT__BASE_URL"),
        (APIConnectionError(), f"{ENDPOINT} cannot be reached (APIConnectionError)", "DATELINE_CHAT__BASE_URL"),
        (StatusError(200), f"{ENDPOINT} broke off or sent something that is not a reply (StatusError)", "OpenAI"),
        (StatusError("401"), f"{ENDPOINT} broke off or sent something that is not a reply (StatusError)", "OpenAI"),
        (ValueError(KEY), f"{ENDPOINT} broke off or sent something that is not a reply (ValueError)", "OpenAI"),
    ],
)
def test_a_fault_says_what_happened_and_what_to_do(error: BaseException, message: str, hint: str) -> None:
    """The message is ours, never the client's, which may hold the key."""
    fault = describe_fault(error, endpoint=ENDPOINT, timeout_s=2.5)

    assert fault.message == message
    assert hint in fault.hint
    assert KEY not in f"{fault} {fault.hint}"


@pytest.mark.parametrize(
    ("error", "refuses"),
    [
        (StatusError(400), True),
        (ResponseError(422), True),
        (StatusError(401), False),
        (StatusError(500), False),
        (ValueError("no"), False),
    ],
)
def test_only_a_bad_request_refuses_the_form(error: BaseException, refuses: bool) -> None:  # noqa: FBT001
    """Servers without structured output say that the request is wrong; anything else is another fault."""
    assert refuses_the_form(error) is refuses
