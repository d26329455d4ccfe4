"""Collections over HTTP: which one a request names, the list of them, and new ones."""

import re
from typing import Final

from anyio import to_thread
from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access import ADMIN, READ_EVERYWHERE, CallerNow
from service.api.json_response import JsonResponse
from service.api.json_route import JsonRoute
from service.api.links import prefix_of
from service.api.problems import collection_not_found
from service.api.response_schemas import CollectionBody, CollectionListBody
from service.api.schemas import StrictRequest
from service.api.serving import CollectionsNow
from service.keys import MAIN, is_collection

HEADER: Final = "x-dateline-collection"
_UNDER: Final = re.compile(r"/v1/collections/([^/]+)(/.+)", re.DOTALL)
_BESIDE: Final = ("/sources/", "/mcp")  # Paths that do not begin with /v1.
_PAGES: Final = re.compile(r"/|/answers/.*|/record(/.*)?", re.DOTALL)
PARAMETER: Final = "collection"
"""What names a collection in the address of a page, since a browser that follows a link sends no header of ours."""


class CollectionPaths:
    """Middleware: which collection a request names.

    In `/v1/collections/{name}/…`; in the address of a page as `?collection=…`; or else in its header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as if it had come to the same path of the main record."""
        if scope["type"] == "http":
            under = _UNDER.fullmatch(scope["path"])
            name = Headers(scope=scope).get(HEADER, MAIN)
            if _PAGES.fullmatch(scope["path"]):
                name = QueryParams(scope["query_string"]).get(PARAMETER, name)
            if under is not None:
                name, rest = under.groups()
                scope = {**scope, "path": rest if rest.startswith(_BESIDE) else f"/v1{rest}"}
            # What no collection is called goes no further: it may be a megabyte, and is written down with changes.
            scope.setdefault("state", {})["collection"] = name if is_collection(name) else ""
        await self._app(scope, receive, send)


class CollectionRequest(StrictRequest):
    """A collection to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "treaties"}]})

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Small letters, digits and dashes.")


router = APIRouter(route_class=JsonRoute, prefix="/v1/collections", tags=["collections"])


@router.get("", response_class=JsonResponse, response_model=CollectionListBody, dependencies=[READ_EVERYWHERE])
async def list_collections(collections: CollectionsNow, caller: CallerNow) -> Response:
    """List the collections that the caller's key opens, whichever the request names."""
    return JsonResponse({"collections": [_body(name) for name in collections.names if caller.opens(name)]})


@router.post(
    "",
    status_code=201,
    response_class=JsonResponse,
    response_model=CollectionBody,
    dependencies=[ADMIN],
    responses={200: {"description": "It was there already.", "model": CollectionBody}},
)
async def create_collection(wanted: CollectionRequest, collections: CollectionsNow, caller: CallerNow) -> Response:
    """Make a collection: a record of its own. One that is there already stays as it is."""
    if not caller.opens(wanted.name):
        raise collection_not_found()
    is_new = await to_thread.run_sync(collections.create, wanted.name)
    return JsonResponse(_body(wanted.name), status_code=201 if is_new else 200)


def _body(name: str) -> dict[str, str]:
    return {"name": name, "url": prefix_of(name) or "/v1"}
