"""The readable page of a source, which every citation links to."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from domain.corpus import Document, Span
from domain.errors import NotFoundError
from service.api.access import READ_OR_LINK, GuardedRoute
from service.api.schemas import DocumentId
from service.api.serving import ServingNow
from service.api.source_page import CONTENT_SECURITY_POLICY, missing_page, source_page

_Linked = Annotated[str | None, Query(description="A whole number.", examples=["1"])]

router = APIRouter(route_class=GuardedRoute, tags=["documents"])


@router.get(
    "/sources/{document_id:path}",
    response_class=HTMLResponse,
    dependencies=[READ_OR_LINK],
    responses={404: {"description": "A page that says that there is no such document or version."}},
)
def source(
    document_id: DocumentId,
    serving: ServingNow,
    version: _Linked = None,
    start: _Linked = None,
    end: _Linked = None,
) -> Response:
    """Show a document, with the words from `start` to `end` marked; a link that does not fit still shows the text."""
    ledger = serving.service.record.ledger
    number = _whole(version)
    if version is not None and not number:
        return _html(missing_page(), status=404)
    try:
        document = ledger.document(document_id, number)
    except NotFoundError:
        return _html(missing_page(), status=404)
    quote = _quote(document, _whole(start), _whole(end))
    misplaced = quote is None and (start, end) != (None, None)
    notice = "The link names a place that is not in this text, so no words are marked." if misplaced else ""
    newest = (document.header, *ledger.versions(document_id))[-1]
    return _html(source_page(document, newest=newest, quote=quote, notice=notice, link=serving.links.url))


def _whole(given: str | None) -> int | None:
    """Return a number of at most nine digits, which no database or slice overflows on."""
    return int(given) if given is not None and re.fullmatch(r"[0-9]{1,9}", given) else None


def _quote(document: Document, start: int | None, end: int | None) -> Span | None:
    if start is None or end is None or not start < end <= len(document.text):
        return None
    return Span(start=start, end=end)


def _html(page: str, *, status: int = 200) -> Response:
    # A lone surrogate has no UTF-8 form; it is shown as a question mark.
    return HTMLResponse(
        page.encode("utf-8", "replace"),
        status_code=status,
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Referrer-Policy": "no-referrer"},
    )
