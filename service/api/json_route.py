"""Routes that take a JSON body: bounded, declared as JSON, and read strictly."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.api.problems import Problem


class JsonRoute(APIRoute):
    """A route whose request has a JSON body of bounded size."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Hand the route a request that checks its body."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            _require_json(request)
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json


class _JsonRequest(Request):
    async def body(self) -> bytes:
        """Read the body, up to the limit.

        FastAPI's own limit answers in plain text, and replaces whatever an error handler says.
        """
        if not hasattr(self, "_body"):
            limit: int = self.app.state.serving.settings.server.max_body_bytes
            declared = self.headers.get("content-length", "")
            if declared.isdecimal() and int(declared[:19]) > limit:
                raise _too_large(limit)
            read = bytearray()
            async for chunk in self.stream():
                read += chunk
                if len(read) > limit:
                    raise _too_large(limit)
            self._body = bytes(read)
        return self._body

    async def json(self) -> Any:
        """Parse the body strictly: what two parsers could read differently is refused."""
        try:
            text = (await self.body()).decode()
            return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        except RecursionError:
            raise _not_json("it is nested too deeply") from None
        except UnicodeDecodeError:
            raise _not_json("it is not UTF-8") from None
        except json.JSONDecodeError as error:
            raise _not_json(f"{error.msg} at character {error.pos}") from None
        except ValueError as error:
            raise _not_json(str(error)) from None


def _require_json(request: Request) -> None:
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Also a fence: a page of another site can post forms and plain text here unasked, but not JSON.
    if declared != "application/json":
        raise Problem(
            415, "Send the body as JSON, with the header Content-Type: application/json.", code="unsupported_media_type"
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _not_json(why: str) -> Problem:
    return Problem(400, f"The body is not JSON: {why}.", code="invalid_json")


def _too_large(limit: int) -> Problem:
    return Problem(413, f"The body is larger than {limit} bytes.", code="body_too_large")
