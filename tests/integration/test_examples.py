"""The examples for integrators run as they stand, against the application on a real socket."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.intake import Intake
from service.api.app import create_app
from tests.support.serving import listening, opened, serving_settings

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
QUOTE = "The ferry of Torval sails at nine from Monday, the harbour master said."


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with (
        opened(settings, []) as service,
        listening(create_app(settings, service=service, intake=Intake)) as (host, port),
    ):
        yield f"http://{host}:{port}"


def ran(*command: str, **environment: str) -> str:
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


def test_the_python_example_sends_asks_streams_and_verifies(address: str) -> None:
    """With nothing but the standard library: isolated from what is installed here."""
    printed = ran(sys.executable, "-I", "-S", str(EXAMPLES / "ask.py"), address).splitlines()

    sent, answered, cited, *streamed, stands = printed
    assert re.fullmatch(r"document: done doc_[0-9a-f]{16}", sent)
    assert answered.startswith(f"answer: {QUOTE} [1]")
    assert cited == f"[1] Harbour Gazette, 2025-02-06: {QUOTE}"
    assert f"streamed: {QUOTE}" in streamed
    assert stands == "stands: True"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_curl_example_sends_asks_streams_and_verifies(address: str) -> None:
    """Each response is printed as it comes."""
    printed = ran("sh", str(EXAMPLES / "ask.sh"), address)

    lines = [line for line in printed.splitlines() if line]
    job, answer, verdict = (json.loads(line) for line in lines if line.startswith("{"))
    assert (job["state"], answer["kind"], verdict["stands"]) == ("done", "answer", True)
    assert answer["sentences"][0]["citations"][0]["quote"] == QUOTE
    assert [line for line in lines if line.startswith("event: ")][-1] == "event: done"
    assert verdict["answer_id"] == answer["id"]


@pytest.mark.parametrize("example", ["ask.py", "ask.sh"])
def test_an_example_fails_where_nobody_serves(example: str) -> None:
    """A program that uses it as a pattern notices."""
    if example.endswith(".sh") and shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    program = sys.executable if example.endswith(".py") else "sh"

    ended = subprocess.run(
        [program, str(EXAMPLES / example), "http://127.0.0.1:9"], capture_output=True, timeout=60, check=False
    )

    assert ended.returncode != 0
