"""Sending documents to the record: `POST /v1/documents`, and the jobs that read them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from domain.errors import FetchError
from domain.ports import Intake, Job
from domain.uploads import Upload
from service.api.access import ADMIN, READ, WRITE, GuardedRoute, Handler
from service.api.cross_site import refuse_other_sites
from service.api.json_response import JsonResponse
from service.api.json_route import JsonRequest, media_type_of
from service.api.problems import Problem, body_too_large, unsupported_media_type
from service.api.response_schemas import JobBody, JobListBody
from service.api.schemas import DocumentRequest, FileFields, JobId, JobsQuery, form_schema, uri_of
from service.api.serving import Serving, ServingNow

_FORM: Final = "multipart/form-data"
_FORM_OVERHEAD_BYTES: Final = 64 * 1024  # Of the fields beside the file, and what stands between the parts.
_MOST_FIELDS: Final = 10
_MOST_EPILOGUE_BYTES: Final = 1024  # After the end of a form; clients send a line end.

_Kind = TypeVar("_Kind", bound=DocumentRequest)

_Replayed = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same key with the same document is the same job, however often it is sent.",
        examples=["7f3c"],
    ),
]


class _SendRoute(GuardedRoute):
    """A route that takes JSON or a form with a file, each bounded."""

    def reading(self, handle: Handler) -> Handler:
        async def handle_sent(request: Request) -> Response:
            match media_type_of(request):
                case "application/json":
                    return await handle(JsonRequest(request.scope, request.receive))
                case "multipart/form-data":
                    refuse_other_sites(request)
                    return await handle(_FormRequest(request.scope, request.receive))
                case _:
                    raise unsupported_media_type(f"application/json or {_FORM}")

        return handle_sent


class _FormRequest(Request):
    """A form of bounded size: FastAPI bounds its parts, but not how many bytes come in all."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        settings = self.app.state.settings
        self._limit: int = settings.ingest.max_source_bytes
        self._read = 0
        self._tail = b""
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:19]) > self._limit + _FORM_OVERHEAD_BYTES:
            raise body_too_large(self._limit)
        receive = self._receive

        async def checked() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self._check(message.get("body", b""), is_last=not message.get("more_body", False))
            return message

        self._receive = checked

    def _check(self, part: bytes, *, is_last: bool) -> None:
        self._read += len(part)
        if self._read > self._limit + _FORM_OVERHEAD_BYTES:
            raise body_too_large(self._limit)
        boundary = parse_options_header(self.headers["content-type"])[1].get(b"boundary", b"")
        end = b"--" + boundary + b"--"
        self._tail = (self._tail + part)[-len(end) - _MOST_EPILOGUE_BYTES :]
        # The parser takes what was cut off for a form without its last part.
        if is_last and end not in self._tail:
            raise Problem(400, "The form cannot be read: it is cut off.", code="invalid_form")

    async def upload(self) -> Upload:
        """Return the form's file with what the fields say of it."""
        try:
            async with self.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FORM_OVERHEAD_BYTES) as form:
                return await _upload_of(form, self._limit)
        except Problem:
            raise
        except HTTPException as error:
            raise Problem(400, f"The form cannot be read: {error.detail}.", code="invalid_form") from None


async def _upload_of(form: FormData, limit: int) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(422, "file: send the document as a file in this field.", code="invalid_request", param="file")
    names = [name for name, _ in form.multi_items()]
    if len(set(names)) != len(names):
        raise Problem(422, "A field occurs twice in the form.", code="invalid_request")
    fields = _validated(FileFields, {name: value for name, value in form.items() if name != "file"})
    content = await file.read(limit + 1)
    if len(content) > limit:
        raise body_too_large(limit)
    name = file.filename or "file"
    return Upload(
        name=name,
        uri=uri_of(fields.uri, content),
        content=content,
        media_type=file.content_type,
        **fields.declared(),
    )


def _validated(kind: type[_Kind], values: Any) -> _Kind:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from None


router = APIRouter(route_class=GuardedRoute, prefix="/v1", tags=["documents"])


async def send_document(request: Request, serving: ServingNow, idempotency_key: _Replayed = None) -> Response:
    """Send a document: a file in a form, a text, or an address. It is kept when this answers, and read by a job."""
    intake = _intake(serving)
    if isinstance(request, _FormRequest):
        upload = await request.upload()
    else:
        upload = _upload_from(await request.json(), intake)
    return await to_thread.run_sync(_queue, serving, intake, upload, idempotency_key)


router.add_api_route(
    "/documents",
    send_document,
    methods=["POST"],
    route_class_override=_SendRoute,
    status_code=202,
    response_class=JsonResponse,
    response_model=JobBody,
    dependencies=[WRITE],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": DocumentRequest.model_json_schema()},
                _FORM: {
                    "schema": form_schema(FileFields, file="file"),
                    "example": {
                        "file": "The ferry of Torval sails at nine.",
                        "publisher": "Harbour Gazette",
                        "published": "2025-02-07",
                    },
                },
            },
        }
    },
)


@router.post("/purge", status_code=202, response_class=JsonResponse, response_model=JobBody, dependencies=[ADMIN])
def purge(serving: ServingNow) -> Response:
    """Remove every byte of what was deleted, superseded receipts included, by a job."""
    intake = _intake(serving)
    job = serving.service.record.ledger.uploads.put_purge()
    intake.wake()
    return _accepted(job, serving)


@router.get("/jobs", response_class=JsonResponse, response_model=JobListBody, dependencies=[READ])
def list_jobs(wanted: Annotated[JobsQuery, Query()], serving: ServingNow) -> Response:
    """List the last jobs, newest first."""
    jobs = serving.service.record.ledger.jobs(wanted.limit)
    return JsonResponse(serving.links.shown({"jobs": [job_body(job, serving.intake) for job in jobs]}))


@router.get("/jobs/{job_id}", response_class=JsonResponse, response_model=JobBody, dependencies=[READ])
def show_job(job_id: JobId, serving: ServingNow) -> Response:
    """Return a job: how far it is, and what became of it."""
    return JsonResponse(serving.links.shown(job_body(serving.service.record.ledger.job(job_id), serving.intake)))


def job_body(job: Job, intake: Intake | None = None) -> dict[str, Any]:
    """Return a job as JSON values."""
    report = job.report
    return {
        "job_id": job.job_id,
        "state": job.state,
        "source": job.source,
        "created": job.started.isoformat(),
        "finished": None if job.finished is None else job.finished.isoformat(),
        "progress": None if intake is None else intake.progress(job.job_id),
        "documents": [{"document_id": one, "url": f"/v1/documents/{one}"} for one in report.get("documents", ())],
        "added": report.get("added", 0),
        "updated": report.get("updated", 0),
        "unchanged": report.get("unchanged", 0),
        "failures": report.get("failures", []),
        "notes": report.get("notes", []),
        "reason": _reason(job.state, report),
    }


def _reason(state: str, report: Mapping[str, Any]) -> dict[str, str] | None:
    """Return why a job failed: what stopped it, else why its first source could not be read."""
    if state != "failed":
        return None
    stopped, failures = report.get("stopped"), report.get("failures") or ()
    if stopped is not None:
        return {"code": stopped["reason"], "message": f"{stopped['message']}. {stopped['hint']}".removesuffix(" ")}
    return {"code": failures[0]["reason"], "message": failures[0]["message"]} if failures else None


def _upload_from(values: Any, intake: Intake) -> Upload:
    wanted = _validated(DocumentRequest, values)
    try:
        upload = wanted.to_upload()
    except ValueError as error:
        raise Problem(422, f"The document: {error}.", code="invalid_request") from None
    if upload.url is not None:
        try:
            intake.check_address(upload.url)
        except FetchError as error:
            raise Problem(400, f"{error.message}. {error.hint}", code=error.reason, param="url") from None
    return upload


def _queue(serving: Serving, intake: Intake, upload: Upload, key: str | None) -> Response:
    waiting = serving.service.record.ledger.uploads
    if waiting.waiting() >= serving.settings.server.max_uploads:
        raise Problem(
            503,
            "As many uploads wait to be read as this server allows. Try again in a few seconds.",
            code="too_many_uploads",
            headers={"Retry-After": "5"},
        )
    job, is_new = waiting.put(upload, idempotency_key=key)
    intake.wake()
    return _accepted(job, serving, replayed=not is_new)


def _accepted(job: Job, serving: Serving, *, replayed: bool = False) -> Response:
    links = serving.links
    headers = {"Location": links.url(f"/v1/jobs/{job.job_id}")} | ({"Idempotent-Replayed": "true"} if replayed else {})
    return JsonResponse(links.shown(job_body(job, serving.intake)), status_code=202, headers=headers)


def _intake(serving: Serving) -> Intake:
    if serving.intake is None:
        raise Problem(503, "This server takes no documents.", code="takes_no_documents")
    return serving.intake
