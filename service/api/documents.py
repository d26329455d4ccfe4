"""The record's documents: a list, and one with its text, passages and versions."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from domain.corpus import Document, DocumentHeader, Passage, Span
from domain.errors import NotFoundError
from retriever.ledger import SqliteLedger
from service.api.access import READ, WRITE, GuardedRoute
from service.api.json_response import JsonResponse
from service.api.response_schemas import DocumentBody, DocumentListBody
from service.api.schemas import DocumentId, DocumentsQuery, Version
from service.api.serving import ServingNow
from service.rendering import header_body, scope_body

_OPENING: Final = 160  # Characters.

router = APIRouter(route_class=GuardedRoute, prefix="/v1/documents", tags=["documents"])


@router.get("", response_class=JsonResponse, response_model=DocumentListBody, dependencies=[READ])
def list_documents(wanted: Annotated[DocumentsQuery, Query()], serving: ServingNow) -> Response:
    """List current documents, newest publication first, undated ones last."""
    scope, ledger = wanted.scope(), serving.service.record.ledger
    headers = ledger.headers(scope=scope, limit=wanted.limit, offset=wanted.offset)
    listed = {
        "total": ledger.counts(scope).documents,
        "limit": wanted.limit,
        "offset": wanted.offset,
        "time_scope": scope_body(scope),
        "documents": listed_documents(headers, ledger),
    }
    return JsonResponse(serving.links.shown(listed))


@router.get("/{document_id:path}", response_class=JsonResponse, response_model=DocumentBody, dependencies=[READ])
def show_document(
    document_id: DocumentId,
    serving: ServingNow,
    version: Annotated[Version | None, Query(description="The current one by default.")] = None,
) -> Response:
    """Return one version of a document, the current one by default."""
    ledger = serving.service.record.ledger
    document = ledger.document(document_id, version)
    # By number: another version may have become the current one since.
    passages = ledger.passages_of(document_id, document.header.version)
    return JsonResponse(serving.links.shown(document_body(document, passages, ledger.versions(document_id))))


@router.delete("/{document_id:path}", status_code=204, dependencies=[WRITE])
def delete_document(document_id: DocumentId, serving: ServingNow) -> Response:
    """Delete a document with all its versions; it is cited no more, by answers under way neither."""
    if not serving.service.record.ledger.delete(document_id):
        raise NotFoundError(f"Document {document_id!r} is not in the record")
    if serving.intake is not None:
        serving.intake.wake()  # The indexes follow; what they still name is not shown.
    return Response(status_code=204)


def listed_documents(headers: Sequence[DocumentHeader], ledger: SqliteLedger) -> list[dict[str, Any]]:
    """Return documents for a list as JSON values: what is known of each, and how it begins; many have no title."""
    openings = ledger.openings((header.document_id for header in headers), length=_OPENING)
    return [
        {**header_body(header), "opening": " ".join(openings.get(header.document_id, "").split())} for header in headers
    ]


def document_body(
    document: Document, passages: Sequence[Passage], versions: Sequence[DocumentHeader]
) -> dict[str, Any]:
    """Return a document as JSON values; every span counts code points of `text`."""
    return {
        **header_body(document.header),
        "text": document.text,
        "pages": [_span_body(page) for page in document.pages],
        "passages": [_passage_body(passage) for passage in passages],
        "versions": [_version_body(header) for header in versions],
    }


def _passage_body(passage: Passage) -> dict[str, Any]:
    return {
        "passage_id": passage.passage_id,
        **_span_body(passage.span),
        "heading": passage.heading,
        "page": passage.page,
        "sentences": [_span_body(sentence) for sentence in passage.sentences],
    }


def _version_body(header: DocumentHeader) -> dict[str, Any]:
    shown = header_body(header)
    return {key: shown[key] for key in ("version", "title", "published", "content_sha256", "url")}


def _span_body(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
