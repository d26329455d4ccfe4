"""What readers say of answers: `POST /v1/feedback`, a list of it, and all of it as evaluation cases."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from domain.answers import Turn
from domain.corpus import Span
from domain.errors import AnswerWithdrawnError, NotFoundError
from domain.feedback import Feedback, Place
from retriever.ledger import SqliteLedger
from service.api.access import ADMIN, READ
from service.api.json_response import JsonResponse
from service.api.json_route import JsonRoute
from service.api.problems import Problem
from service.api.response_schemas import FeedbackBody, FeedbackListBody
from service.api.schemas import FeedbackQuery, FeedbackRequest, PlaceRequest
from service.api.serving import ServingNow
from service.feedback import evaluation_cases, feedback_body, feedback_row, json_lines, standing_answer

_LINES: Final = "application/jsonl"

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["feedback"])


@router.post(
    "/feedback",
    status_code=201,
    response_class=JsonResponse,
    response_model=FeedbackBody,
    dependencies=[READ],
    responses={200: {"description": "It was said before, and is kept once.", "model": FeedbackBody}},
)
def give_feedback(given: FeedbackRequest, serving: ServingNow) -> Response:
    """Say of a sentence whether its quotes support it, or of an answer what it lacks; said twice it is kept once."""
    ledger = serving.service.record.ledger
    answer = standing_answer(given.answer_id, ledger)
    if answer is None:
        raise AnswerWithdrawnError(f"Answer {given.answer_id!r} cites a document that was deleted since")
    kept, is_new = ledger.feedback.put(_feedback(given, answer, ledger))
    return JsonResponse(feedback_body(kept, answer), status_code=201 if is_new else 200)


@router.get("/feedback", response_class=JsonResponse, response_model=FeedbackListBody, dependencies=[ADMIN])
def list_feedback(wanted: Annotated[FeedbackQuery, Query()], serving: ServingNow) -> Response:
    """List what was said, newest first."""
    ledger = serving.service.record.ledger
    found = ledger.feedback.newest(verdict=wanted.verdict, limit=wanted.limit, offset=wanted.offset)
    return JsonResponse(
        {
            "total": ledger.feedback.count(wanted.verdict),
            "limit": wanted.limit,
            "offset": wanted.offset,
            "feedback": [feedback_row(kept, ledger) for kept in found],
        }
    )


@router.get(
    "/feedback/export",
    response_class=Response,
    dependencies=[ADMIN],
    responses={200: {"description": "A case per line.", "content": {_LINES: {"schema": {"type": "string"}}}}},
)
def export_feedback(serving: ServingNow) -> Response:
    """Return what was said as evaluation cases: JSON lines, one per answer."""
    lines = json_lines(evaluation_cases(serving.service.record.ledger))
    return Response(b"".join(lines), media_type=_LINES)


def _feedback(given: FeedbackRequest, answer: Mapping[str, Any], ledger: SqliteLedger) -> Feedback:
    sentences = len(answer["sentences"])
    if given.verdict == "missing" and given.sentence is not None:
        raise _unfit("sentence", "what is missing is missing from the whole answer; leave it out")
    if given.verdict != "missing" and (given.sentence is None or given.sentence >= sentences):
        raise _unfit("sentence", f"name one of the answer's {sentences} sentences, counted from 0")
    for name in ("expected", "place"):
        if given.verdict == "supports" and getattr(given, name) is not None:
            raise _unfit(name, "of a sentence that is supported nothing else is expected")
    return Feedback(
        answer_id=given.answer_id,
        verdict=given.verdict,
        sentence=given.sentence,
        comment=given.comment,
        expected=given.expected,
        place=None if given.place is None else _place(given.place, ledger),
        history=tuple(Turn(role=turn.role, text=turn.text) for turn in given.history or ()),
    )


def _place(given: PlaceRequest, ledger: SqliteLedger) -> Place:
    try:
        document = ledger.document(given.document_id, given.version)
    except NotFoundError as error:
        raise _unfit("place.document_id", error.message) from None
    if not given.start < given.end <= len(document.text):
        raise _unfit("place.end", f"after start, and at most {len(document.text)}, the length of the text")
    return Place(
        document_id=given.document_id,
        version=document.header.version,
        span=Span(start=given.start, end=given.end),
    )


def _unfit(param: str, why: str) -> Problem:
    return Problem(422, f"{param}: {why}.", code="invalid_request", param=param)
