"""Printing for people and for programs."""

import io
import json
import sys

import pytest

from cli.terminal import print_json, safe, spinner


def test_lines_and_tabs_stay_and_what_a_terminal_obeys_is_replaced() -> None:
    assert safe("a\n\tb\x1b[31m\x9b\u2066c“é”桥") == "a\n\tb�[31m��c“é”桥"


@pytest.mark.parametrize(
    ("encoding", "printed"), [("utf-8", b'{"quote": "\xe2\x80\x9c"}\n'), ("ascii", b'{"quote": "\\u201c"}\n')]
)
def test_json_is_valid_in_every_encoding(encoding: str, printed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding=encoding, errors="backslashreplace"))

    print_json({"quote": "“"}, on_one_line=True)

    assert stream.getvalue() == printed
    assert json.loads(printed.decode(encoding)) == {"quote": "“"}


def test_no_spinner_turns_where_nobody_sees_it(capfd: pytest.CaptureFixture[str]) -> None:
    with spinner("Working…") as ready:
        ready()

    assert capfd.readouterr() == ("", "")
