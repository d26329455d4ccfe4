"""JSON as it leaves: UTF-8 without escapes, byte for byte the same wherever a body is shown."""

import json
from typing import Any

from fastapi.responses import JSONResponse


def json_bytes(body: Any) -> bytes:
    r"""Return `body` as compact UTF-8 JSON.

    A lone surrogate has no UTF-8 form; it becomes the escape `\udXXX`, which is what JSON writes for it anyway.
    """
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


class JsonResponse(JSONResponse):
    """A response whose content is JSON values."""

    def render(self, content: Any) -> bytes:
        """Encode the content."""
        return json_bytes(content)
