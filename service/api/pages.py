"""The page that people ask in: `/`, an answer under its address, the record, the evaluation.

Programs get JSON at `/`.
"""

import gzip
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from pydantic import ValidationError

from domain.answers import Question
from domain.errors import DatelineError
from service.api.accept import HTML, prefers
from service.api.access import PUBLIC, GuardedRoute, Handler, Needs, access_of, caller_of, collection_of
from service.api.answers import kept_answer, standing_of
from service.api.asking import begin_answer, whole_answer
from service.api.documents import listed_documents
from service.api.evaluation import RunsNow, runs_body
from service.api.json_response import JsonResponse
from service.api.operations import root
from service.api.overview import overview_of
from service.api.page import CONTENT_SECURITY_POLICY, Asked, Shown, ask_page, evaluation_page, record_page
from service.api.problems import Problem, problem_of
from service.api.response_schemas import RootBody
from service.api.schemas import AskRequest, DocumentsQuery
from service.api.serving import Serving, ServingNow
from service.api.static_files import compressible
from service.keys import Scope
from service.rendering import answer_body, passage_body

_PER_PAGE: Final = 50
_FOUND: Final = 30  # Passages; documents are fewer.
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # It repeats what the record says.
}


class PageRoute(GuardedRoute):
    """A route that tells browsers on a page, too, what was wrong before it was asked: there is no such collection."""

    def reading(self, handle: Handler) -> Handler:
        """Return a handler whose problems are pages."""
        handle_ours = super().reading(handle)

        async def told(request: Request) -> Response:
            try:
                return await handle_ours(request)
            except Problem as problem:
                if not prefers(request.headers.get("accept", ""), HTML):
                    raise
                page = ask_page(Shown(keys_required=False, problem=problem.detail))
                return _html(page, request, status=problem.status_code)

        return told


router = APIRouter(route_class=PageRoute, tags=["page"])


@router.get(
    "/",
    response_class=JsonResponse,
    response_model=RootBody,
    dependencies=[PUBLIC],
    responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}},
)
async def home(
    request: Request, serving: ServingNow, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Say what this is and where things are, or show browsers the page; with `?q=…` it has the answer."""
    if not prefers(accept, HTML):
        response = await to_thread.run_sync(root, request)  # The first time half a second.
        response.headers["Vary"] = "Accept"
        return response
    asked = _asked(request)
    if not access_of(request).is_open:
        return _html(ask_page(_shown(request, asked=asked)), request)
    access_of(request).admit(request, Needs(Scope.READ))
    shown = _shown(request, overview=await to_thread.run_sync(overview_of, serving), asked=asked)
    if not asked.q.strip() or not _is_meant(request):
        return _html(ask_page(shown), request)
    try:
        begun = await begin_answer(serving, await caller_of(request), _question(asked), deadline_ms=None)
        answer = await whole_answer(begun, request)
    except (DatelineError, Problem, ValidationError) as error:
        return _failed(shown, error, request)
    return _html(ask_page(shown, answer=serving.links.shown(answer_body(answer))), request)


@router.get("/answers/{answer_id}", include_in_schema=False, dependencies=[PUBLIC])
async def answer_page(answer_id: str, request: Request, serving: ServingNow) -> Response:
    """Show an answer as it was given, and whether what it cites still stands."""
    if not access_of(request).is_open:
        return _html(ask_page(_shown(request)), request)
    shown = _shown(request, overview=await to_thread.run_sync(overview_of, serving))
    try:
        answer = await to_thread.run_sync(kept_answer, serving, answer_id)
    except DatelineError as error:
        return _failed(shown, error, request)
    standing = await to_thread.run_sync(standing_of, serving, answer)
    page = ask_page(shown, answer=serving.links.shown(answer), standing=standing["citations"])
    return _html(page, request)


@router.get("/record", include_in_schema=False, dependencies=[PUBLIC])
def record(request: Request, serving: ServingNow) -> Response:
    """Show the list of documents, or those in which words were found."""
    asked = _asked(request)
    if not access_of(request).is_open:
        return _html(record_page(_shown(request, asked=asked)), request)
    shown = _shown(request, overview=overview_of(serving), asked=asked)
    try:
        listed = _found(serving, asked) if asked.q.strip() else _listed(serving, shown, request.query_params)
    except (DatelineError, ValidationError) as error:
        problem = _problem(error)
        return _html(record_page(replace(shown, problem=problem.detail)), request, status=problem.status_code)
    return _html(record_page(shown, **listed), request)


@router.get("/record/{document_id:path}", include_in_schema=False, dependencies=[PUBLIC])
def reader(document_id: str, request: Request) -> Response:  # noqa: ARG001  - the page's script reads it from the address
    """Show one document."""
    return _html(record_page(_shown(request)), request)


@router.get("/evaluation", include_in_schema=False, dependencies=[PUBLIC])
def evaluation(request: Request, serving: ServingNow, runs: RunsNow) -> Response:
    """Show the runs of the evaluation, and the report on one or what changed between two."""
    if not access_of(request).is_open:
        return _html(evaluation_page(_shown(request)), request)
    given = request.query_params
    try:
        listed = runs_body(runs, serving.links)
    except DatelineError as error:
        problem = problem_of(error)
        page = evaluation_page(_shown(request, problem=problem.detail))
        return _html(page, request, status=problem.status_code)
    page = evaluation_page(_shown(request), runs=listed, run=given.get("run", ""), base=given.get("base", ""))
    return _html(page, request)


def _shown(request: Request, **more: Any) -> Shown:
    return Shown(keys_required=not access_of(request).is_open, collection=collection_of(request), **more)


def _asked(request: Request) -> Asked:
    given = request.query_params
    return Asked(
        q=given.get("q", ""),
        mode=given.get("mode", ""),
        as_of=given.get("as_of", ""),
        from_=given.get("from", ""),
        to=given.get("to", ""),
        publisher=given.get("publisher", ""),
    )


def _limits(asked: Asked) -> dict[str, str | None]:
    """Return what an empty field of a form means."""
    given = {"as_of": asked.as_of, "from": asked.from_, "to": asked.to, "publisher": asked.publisher}
    return {name: value or None for name, value in given.items()}


def _question(asked: Asked) -> Question:
    return AskRequest.model_validate({"question": asked.q, "mode": asked.mode or None, **_limits(asked)}).to_question()


def _is_meant(request: Request) -> bool:
    """Tell whether a reader asked: a page of another site, or a browser ahead of need, can load the address too."""
    given = request.headers
    return given.get("sec-fetch-site", "none") in {"none", "same-origin"} and "sec-purpose" not in given


def _listed(serving: Serving, shown: Shown, given: Mapping[str, str]) -> dict[str, Any]:
    limits = _limits(shown.asked)
    wanted = DocumentsQuery.model_validate({**limits, "limit": _PER_PAGE, "offset": given.get("offset") or 0})
    ledger, scope = serving.service.record.ledger, wanted.scope()
    total = ledger.counts(scope).documents
    headers = ledger.headers(scope=scope, limit=wanted.limit, offset=wanted.offset)
    after = wanted.offset + wanted.limit
    filters = {name: value for name, value in limits.items() if value}
    return {
        "documents": [{**one, "words": ""} for one in serving.links.shown(listed_documents(headers, ledger))],
        "total": total,
        "more": shown.address("/record", **filters, offset=after) if after < total else "",
    }


def _found(serving: Serving, asked: Asked) -> dict[str, Any]:
    question = _question(asked)
    passages = serving.service.record.retriever.retrieve(question.text, scope=question.scope, limit=_FOUND)
    best = {ranked.passage.document_id: ranked for ranked in reversed(passages)}
    documents = [
        serving.links.shown(passage_body(ranked)) for ranked in passages if best[ranked.passage.document_id] is ranked
    ]
    return {"documents": [{**one, "opening": "", "words": one["quote"]} for one in documents]}


def _failed(shown: Shown, error: Exception, request: Request) -> Response:
    problem = _problem(error)
    return _html(ask_page(replace(shown, problem=problem.detail)), request, status=problem.status_code)


def _problem(error: Exception) -> Problem:
    if not isinstance(error, ValidationError):
        return problem_of(error)
    fault = error.errors()[0]
    message = str(fault["msg"]).removeprefix("Value error, ")
    return Problem(422, f"{fault['loc'][0]}: {message}", code="invalid_request", param=str(fault["loc"][0]))


def _html(page: str, request: Request, *, status: int = 200) -> Response:
    # A lone surrogate has no UTF-8 form; it is shown as a question mark.
    content = page.encode("utf-8", "replace")
    response = compressible(
        content,
        gzip.compress(content, compresslevel=6),
        request,
        media_type=f"{HTML}; charset=utf-8",
        headers={**_HEADERS, "Vary": "Accept"},
    )
    response.status_code = status
    return response
