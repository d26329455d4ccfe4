"""What the routes of one application share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from domain.ports import Intake
from domain.settings import Settings
from service.api.running import RunningAnswers
from service.api.warm_up import WarmUp
from service.wiring import OpenService


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """An open service and what is under way on it; lives as long as the application runs.

    Attributes:
        intake: Reads what is sent to the record; `None` where nothing may be sent.
    """

    settings: Settings
    service: OpenService
    answers: RunningAnswers
    warm_up: WarmUp
    intake: Intake | None


def _serving(request: Request) -> Serving:
    serving: Serving = request.app.state.serving
    return serving


ServingNow = Annotated[Serving, Depends(_serving)]
