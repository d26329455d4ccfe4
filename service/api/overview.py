"""What the record holds, in brief: `GET /v1/record`, and the first state of the page."""

from typing import Any, Final

from fastapi import APIRouter, Response

from service.api.access import READ, GuardedRoute
from service.api.json_response import JsonResponse
from service.api.response_schemas import RecordBody
from service.api.serving import Serving, ServingNow
from service.suggestions import suggested_questions

_NEWEST: Final = 40  # Documents that suggestions are drawn from.
_SUGGESTIONS: Final = 5
_PUBLISHERS: Final = 200

router = APIRouter(route_class=GuardedRoute, prefix="/v1", tags=["documents"])


@router.get("/record", response_class=JsonResponse, response_model=RecordBody, dependencies=[READ])
def show_record(serving: ServingNow) -> Response:
    """Say how much the record holds, who published it, and what it could be asked."""
    return JsonResponse(overview_of(serving))


def overview_of(serving: Serving) -> dict[str, Any]:
    """Return what a reader wants to know before the first question, as JSON values."""
    ledger, chat = serving.service.record.ledger, serving.service.chat
    counts = ledger.counts()
    newest = [header for header in ledger.headers(limit=_NEWEST) if header.duplicate_of is None]
    speakers = ledger.speakers_in(header.document_id for header in newest)
    return {
        "documents": counts.documents,
        "passages": counts.passages,
        "newest": newest[0].published.isoformat() if newest and newest[0].published else None,
        "publishers": list(ledger.publishers(limit=_PUBLISHERS)),
        "suggestions": list(suggested_questions(newest, speakers, limit=_SUGGESTIONS)),
        "chat_model": None if chat is None else chat.model_id,
        "takes_documents": serving.intake is not None,
    }
