"""Runs of the evaluation: their list, the report on one, and what changed from one to another."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse

from domain.errors import ConfigurationError, NotFoundError
from domain.ports import ListedRun, Runs
from service.api.accept import HTML, prefers
from service.api.access import READ, READ_OR_RUN_LINK, GuardedRoute, collection_of
from service.api.json_response import JsonResponse
from service.api.links import Links
from service.api.problems import Problem
from service.api.response_schemas import RunListBody
from service.api.schemas import RunQuery
from service.api.serving import ServingNow
from service.api.source_page import notice_page
from service.keys import MAIN

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
"""A report holds its styles and loads nothing; it shows the words of strangers, and runs no script."""

router = APIRouter(route_class=GuardedRoute, prefix="/v1/runs", tags=["evaluation"])


class NoRuns:
    """The runs of a server that shows none."""

    def listed(self) -> tuple[ListedRun, ...]:
        """Return nothing."""
        return ()

    def report(self, name: str) -> str:
        """Raise `NotFoundError`."""
        raise NotFoundError(f"There is no run {name!r}", hint="GET /v1/runs lists those that there are.")

    def comparison(self, base: str, new: str) -> str:
        """Raise `NotFoundError`."""
        raise NotFoundError(f"There are no runs {base!r} and {new!r}", hint="GET /v1/runs lists those that there are.")


async def _runs(request: Request) -> Runs:
    runs: Runs = request.app.state.runs
    return runs if collection_of(request) == MAIN else NoRuns()  # What was asked of a record is the main one's to show.


RunsNow = Annotated[Runs, Depends(_runs)]


@router.get("", response_class=JsonResponse, response_model=RunListBody, dependencies=[READ])
def list_runs(runs: RunsNow, serving: ServingNow) -> Response:
    """List the run files in the server's folder of runs, newest first, with their headline figures."""
    return JsonResponse({"runs": runs_body(runs, serving.links)})


@router.get("/report", response_class=HTMLResponse, dependencies=[READ_OR_RUN_LINK])
def run_report(
    wanted: Annotated[RunQuery, Query()],
    runs: RunsNow,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Show the report on a run, or what changed since another, as one page that loads nothing."""
    try:
        page = runs.report(wanted.run) if wanted.base is None else runs.comparison(wanted.base, wanted.run)
    except ConfigurationError as error:  # A file that is no run, or two runs of different things.
        if prefers(accept, HTML):
            return _html(notice_page("This cannot be shown", error.message), status=422)
        raise Problem(422, error.message, code="run_not_shown") from error
    return _html(page)


def _html(page: str, *, status: int = 200) -> Response:
    # A lone surrogate has no UTF-8 form; it is shown as a question mark.
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return HTMLResponse(page.encode("utf-8", "replace"), status_code=status, headers=headers)


def runs_body(runs: Runs, links: Links) -> list[dict[str, Any]]:
    """Return the runs as JSON values, each with the address of its report."""
    return [
        {
            "name": one.name,
            "started": one.started,
            "data_sets": list(one.data_sets),
            "systems": list(one.systems),
            "cases": one.cases,
            "figures": [{"title": title, "value": value} for title, value in one.figures],
            "fault": one.fault,
            "url": links.run_url(one.name),
        }
        for one in runs.listed()
    ]
