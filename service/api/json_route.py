"""Routes that take a JSON body: bounded, declared as JSON, and read strictly."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fastapi import Request, Response

from service.api.access import GuardedRoute, Handler
from service.api.problems import Problem, body_too_large, unsupported_media_type

_CONSTANT: Final = object()  # Stands where the body says NaN or Infinity.


class JsonRoute(GuardedRoute):
    """A route whose request, unless it is a GET, has a JSON body of bounded size."""

    def reading(self, handle: Handler) -> Handler:
        """Hand the route a request that checks its body."""

        async def handle_json(request: Request) -> Response:
            _require_json(request)
            return await handle(JsonRequest(request.scope, request.receive))

        return handle if self.methods == {"GET"} else handle_json


class JsonRequest(Request):
    """A request whose body is JSON."""

    async def body(self) -> bytes:
        """Read the body, up to the limit.

        FastAPI's own limit answers in plain text, and replaces whatever an error handler says.
        """
        if not hasattr(self, "_body"):
            limit: int = self.app.state.settings.server.max_body_bytes
            declared = self.headers.get("content-length", "")
            if declared.isdecimal() and int(declared[:19]) > limit:
                raise body_too_large(limit)
            read = bytearray()
            async for chunk in self.stream():
                read += chunk
                if len(read) > limit:
                    raise body_too_large(limit)
            self._body = bytes(read)
        return self._body

    async def json(self) -> Any:
        """Parse the body strictly: what two parsers could read differently is refused."""
        try:
            text = (await self.body()).decode()
            return _strict_json(text)
        except RecursionError:
            raise _not_json("it is nested too deeply") from None
        except UnicodeDecodeError:
            raise _not_json("it is not UTF-8") from None
        except json.JSONDecodeError as error:
            raise _not_json(f"{error.msg} at character {error.pos}") from None
        except ValueError as error:
            raise _not_json(str(error)) from None


def media_type_of(request: Request) -> str:
    """Return what the body is declared as, without parameters; empty where it is not."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_json(request: Request) -> None:
    # Also a fence: a page of another site can post forms and plain text here unasked, but not JSON.
    if media_type_of(request) != "application/json":
        raise unsupported_media_type("application/json")


def _strict_json(text: str) -> Any:
    body = json.loads(text, object_pairs_hook=_unique, parse_constant=lambda _name: _CONSTANT)
    if "NaN" in text or "Infinity" in text:  # Perhaps only inside a string.
        for place in _constants_in(body):
            raise _not_json("NaN and Infinity are not JSON", param=place or None)
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _constants_in(value: Any, at: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the names of the fields that hold what is no JSON."""
    if value is _CONSTANT:
        yield ".".join(at)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _constants_in(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _constants_in(inner, (*at, str(number)))


def _not_json(why: str, *, param: str | None = None) -> Problem:
    return Problem(400, f"The body is not JSON: {why}.", code="invalid_json", param=param)
