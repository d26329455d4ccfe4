"""The page's scripts and styles: under one digest of all of them, so that a browser may keep each for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from service.api.access import PUBLIC, GuardedRoute
from service.api.problems import Problem

_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file as it is sent."""

    media_type: str
    content: bytes
    compressed: bytes
    etag: str


def _static_files() -> dict[str, StaticFile]:
    found = {}
    for entry in sorted(files("service").joinpath("web", "static").iterdir(), key=lambda one: one.name):
        content = entry.read_bytes()
        found[entry.name] = StaticFile(
            media_type=_MEDIA_TYPES[entry.name.rpartition(".")[2]],
            content=content,
            compressed=gzip.compress(content, compresslevel=9, mtime=0),
            etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        )
    return found


FILES: Final = _static_files()
DIGEST: Final = hashlib.sha256("".join(name + one.etag for name, one in FILES.items()).encode()).hexdigest()[:16]

router = APIRouter(route_class=GuardedRoute, tags=["page"])


@router.get("/static/{digest}/{name}", include_in_schema=False, dependencies=[PUBLIC])
async def static_file(digest: str, name: str, request: Request) -> Response:
    """Return one of the page's files; under another digest it was another file, and is not there any more."""
    file = FILES.get(name)
    if file is None or digest != DIGEST:
        raise Problem(404, "There is no such file of this version of the page. Load the page again.", code="not_found")
    headers = {"Cache-Control": _FOR_EVER, "ETag": file.etag, "X-Content-Type-Options": "nosniff"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return compressible(file.content, file.compressed, request, media_type=file.media_type, headers=headers)


def compressible(
    content: bytes, compressed: bytes, request: Request, *, media_type: str, headers: dict[str, str]
) -> Response:
    """Return whichever of two forms of the same bytes the client takes."""
    takes_gzip = any(
        coding.strip().lower() in {"gzip", "gzip;q=1.0", "x-gzip"}
        for coding in request.headers.get("accept-encoding", "").split(",")
    )
    vary = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))
    encoded = {"Content-Encoding": "gzip"} if takes_gzip else {}
    return Response(
        compressed if takes_gzip else content, headers={**headers, "Vary": vary, **encoded}, media_type=media_type
    )


def url_of(name: str) -> str:
    """Return where a file of the page is."""
    return f"/static/{DIGEST}/{name}"
