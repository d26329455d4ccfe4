"""The record as a server of the Model Context Protocol, over whichever transport: its tools, and what failures say."""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import mcp_types as types
from fastapi.exceptions import RequestValidationError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from domain.errors import DatelineError, NotFoundError
from service.api.mcp_tools import INSTRUCTIONS, TOOLS, Found, Tool, Visit
from service.api.problems import Problem, problem_of

_log = logging.getLogger(__name__)

_Context = ServerRequestContext[dict[str, Any], Any]


def mcp_server(visit_of: Callable[[Any], Visit]) -> Server[dict[str, Any]]:
    """Return a server that lists the tools and runs them.

    Args:
        visit_of: Gives the record that a call is about, and its caller, by the HTTP request that it came with, or
            `None`. The record must stay open until the server has ended and all answers are drained.
    """

    async def list_tools(_: _Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(name, tool) for name, tool in TOOLS.items()])

    async def call_tool(context: _Context, call: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(call.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {call.name!r}; there are {', '.join(TOOLS)}.")

        async def progress(steps: int, told: str) -> None:
            await context.session.report_progress(steps, message=told)

        try:
            wanted = tool.takes.model_validate(call.arguments or {})
            return _result(await tool.use(wanted, visit_of(context.request), progress))
        except Exception as error:  # noqa: BLE001  - the boundary to the protocol: a tool's failure is a result of it
            return _failure(call.name, tool, error)

    return Server(
        "dateline",
        title="Dateline",
        version=version("dateline"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(name: str, tool: Tool) -> types.Tool:
    return types.Tool(
        name=name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.gives.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(
            title=tool.title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )


def _result(found: Found) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=found.text)],
        structured_content=found.body.model_dump(mode="json", by_alias=True),
    )


def _failure(name: str, tool: Tool, error: Exception) -> types.CallToolResult:
    """Return a failure as a result, which a model can read and act on; of an unexpected one nothing is told."""
    problem = _problem_of(name, tool, error)
    if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Problem):
        unexpected = None if isinstance(error, DatelineError) else error
        _log.error("tool %s failed: %s", name, error, exc_info=unexpected)
    # What was sent may be repeated in it, and a lone surrogate, which has no UTF-8 form, would end the connection.
    body = json.loads(json.dumps(problem.body, ensure_ascii=False).encode("utf-8", "replace"))
    return types.CallToolResult(
        content=[types.TextContent(text=body["error"]["message"])], structured_content=body, is_error=True
    )


def _problem_of(name: str, tool: Tool, error: Exception) -> Problem:
    match error:
        case ValidationError():
            return _bad_arguments(name, tool, error)
        case NotFoundError():  # The error's own hint is for people with a command line.
            message = f"{error.message}. Take document_id and version from what ask or search returned."
            return Problem(404, message, code=error.code)
        case _:
            return problem_of(error)


def _bad_arguments(name: str, tool: Tool, error: ValidationError) -> Problem:
    fault = error.errors()[0]
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        param, taken = str(fault["loc"][0]), ", ".join(tool.takes.model_json_schema()["properties"])
        message = f"{param}: {name} has no such argument; it takes {taken}."
        return Problem(422, message, code="invalid_request", param=param)
    return problem_of(RequestValidationError([{**fault, "loc": ("arguments", *fault["loc"])}]))
