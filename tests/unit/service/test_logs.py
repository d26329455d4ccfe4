"""Lines of a log: one per event, whatever the text; a program reads JSON, a person text."""

import json
import logging
import sys

import pytest

from service.logs import JsonLines, TextLines, log_event

NASTY = 'first\r\n{"level": "error"}\x1b[31m\u2028\u202e last'


def logged(caplog: pytest.LogCaptureFixture, **fields: object) -> logging.LogRecord:
    with caplog.at_level(logging.INFO, "service.test"):
        log_event(logging.getLogger("service.test"), "request", fields)
    return caplog.records[-1]


def test_an_event_is_one_line_of_json_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    line = JsonLines().format(logged(caplog, status=200, ms=1.5, key_id=None))
    values = json.loads(line)

    assert values.pop("time").endswith("+00:00")
    assert values == {"level": "info", "logger": "service.test", "event": "request", "status": 200, "ms": 1.5}


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_no_text_makes_a_second_line_or_moves_the_cursor(
    formatter: logging.Formatter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a field nor in a message."""
    logging.getLogger("service.test").error("about %s", NASTY)
    for record in (logged(caplog, question=NASTY), caplog.records[0]):
        line = formatter.format(record)

        assert line.splitlines() == [line]
        assert "\x1b" not in line
        assert "\u202e" not in line


def test_json_keeps_the_text_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert json.loads(JsonLines().format(logged(caplog, question=NASTY)))["question"] == NASTY


def test_a_traceback_is_a_field_of_its_line() -> None:
    try:
        int("broken")
    except ValueError:
        record = logging.LogRecord("service.test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    line = JsonLines().format(record)

    assert line.splitlines() == [line]
    assert json.loads(line)["message"] == "failed"
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]
