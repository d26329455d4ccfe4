"""Receipts under their ids, those that cite a document, and whether what an answer cites still stands."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from domain.errors import AnswerWithdrawnError
from service.api.access import READ
from service.api.json_response import JsonResponse
from service.api.json_route import JsonRoute
from service.api.response_schemas import AnswerBody, AnswersBody, VerifyBody
from service.api.schemas import AnswerId, AnswersQuery, VerifyRequest
from service.api.serving import Serving, ServingNow
from service.receipts import STANDS, citations_of, rests_on, standings, without_documents

_LOOKED_AT: Final = 200  # Answers that repeat a document's words; those that only found them do not cite it.

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["answers"])


@router.get("/answers", response_class=JsonResponse, response_model=AnswersBody, dependencies=[READ])
def list_answers(wanted: Annotated[AnswersQuery, Query()], serving: ServingNow) -> Response:
    """List the last answers that cite a document, newest first."""
    ledger = serving.service.record.ledger
    found = []
    for body in ledger.answers_from(wanted.cites, limit=_LOOKED_AT):
        cited = {one.document_id for one in citations_of(body)}
        if wanted.cites in cited and not rests_on(body, ledger.missing(cited)):
            found.append({"id": body["id"], "question": body["question"], "url": f"/answers/{body['id']}"})
    return JsonResponse({"answers": found[: wanted.limit]})


@router.get("/answers/{answer_id}", response_class=JsonResponse, response_model=AnswerBody, dependencies=[READ])
def show_answer(answer_id: AnswerId, serving: ServingNow) -> Response:
    """Return an answer as it was given; what it repeats of deleted documents, beside its citations, is left out."""
    return JsonResponse(serving.links.shown(kept_answer(serving, answer_id)))


@router.post("/verify", response_class=JsonResponse, response_model=VerifyBody, dependencies=[READ])
def verify(wanted: VerifyRequest, serving: ServingNow) -> Response:
    """Say of each citation of an answer whether its words still stand in the record as it now is."""
    ledger = serving.service.record.ledger
    body = ledger.answer(wanted.answer_id) if wanted.answer_id is not None else wanted.model_dump()["answer"]
    return JsonResponse({"answer_id": wanted.answer_id, **standing_of(serving, body)})


def standing_of(serving: Serving, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether everything that an answer cites still stands, and how each citation does, as JSON values."""
    found = standings(citations_of(body), serving.service.record.ledger)
    citations = serving.links.shown([one.as_json() for one in found])
    return {"stands": all(one.status in STANDS for one in found), "citations": citations}


def kept_answer(serving: Serving, answer_id: str) -> dict[str, Any]:
    """Return an answer as it was given, without what it lists of documents that were deleted since.

    Raises:
        NotFoundError: If there is none.
        AnswerWithdrawnError: If it cites a document that was deleted since.
    """
    ledger = serving.service.record.ledger
    body = ledger.answer(answer_id)
    gone = ledger.missing(ledger.sources_of_answer(answer_id))
    if rests_on(body, gone):
        raise AnswerWithdrawnError(f"Answer {answer_id!r} cites a document that was deleted since", hint="Ask again.")
    return without_documents(body, gone) if gone else body
