"""What happens in a server, one line each: an event with its fields, as JSON or as text."""

import json
import logging
import re
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def log_event(log: logging.Logger, name: str, fields: Mapping[str, Any], *, level: int = logging.INFO) -> None:
    """Log an event; a field that is `None` is left out."""
    known = {key: value for key, value in fields.items() if value is not None}
    log.log(
        level, "%s %s", name, " ".join(f"{key}={value}" for key, value in known.items()), extra={"event": {name: known}}
    )


class JsonLines(logging.Formatter):
    """Every record as one line of ASCII JSON: time, level, logger, and either an event with its fields or a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is a field of it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        event: dict[str, dict[str, Any]] = getattr(record, "event", {})
        for name, fields in event.items():
            line |= {"event": name, **fields}
        if not event:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Every record as one line of text; what a terminal would obey is shown as an escape."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  - named by logging
        """Return the line without a traceback, which may have several."""
        return _shown(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  - named by logging
        """Return a traceback, indented, so that none of its lines looks like one of the log."""
        return textwrap.indent("\n".join(map(_shown, super().formatException(ei).split("\n"))), "  ")


def _shown(text: str) -> str:
    return _CONTROLS.sub(lambda one: f"\\x{ord(one[0]):02x}", text)
