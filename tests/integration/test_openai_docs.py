"""What the pages say of OpenAI's interface is so: their examples run, and no field is passed over in silence."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from service.api.app import create_app
from service.api.openai.models import MODELS
from service.api.openai.requests import ChatRequest, ResponsesRequest
from tests.support.records import prepared
from tests.support.serving import listening, opened, serving_settings

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_CLIENTS = (_DOCS / "clients.md").read_text().split("## Agents over MCP")[0]
_EXAMPLES = re.findall(r"^```python\n(.*?)^```", _CLIENTS, re.MULTILINE | re.DOTALL)
_SECTION = (_DOCS / "api.md").read_text().split("## OpenAI's interface")[1].split("\n## ")[0]
_MEETINGS = "President Zardari met the Chinese leaders Xi Jinping, Li Qiang and Zhao Leji."


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    documents = [prepared("doc-visit", _MEETINGS, published=date(2025, 2, 6), title="State visit")]
    with opened(settings, documents) as service, listening(create_app(settings, service=service)) as (host, port):
        yield f"http://{host}:{port}"


def test_there_are_examples() -> None:
    assert len(_EXAMPLES) == 4


@pytest.mark.parametrize("example", _EXAMPLES, ids=range(len(_EXAMPLES)))
def test_an_example_runs_as_it_stands(address: str, example: str) -> None:
    """Each prints the cited words and the address of their page."""
    code = example.replace("http://localhost:8000", address)
    assert code != example

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert _MEETINGS in ran.stdout
    assert f"{address}/sources/doc-visit?version=1&start=0&end={len(_MEETINGS)}#quote:~:text=" in ran.stdout


@pytest.mark.parametrize("request_type", [ChatRequest, ResponsesRequest], ids=lambda kind: str(kind.__name__))
def test_every_field_is_documented(request_type: type[ChatRequest | ResponsesRequest]) -> None:
    """A field that is taken, passed over or refused is named in docs/api.md."""
    documented = set(re.findall(r"`(\w+)[`.]", _SECTION))

    assert set(request_type.model_fields) - documented == set()


def test_every_model_is_documented() -> None:
    assert re.findall(r"^\| `(dateline[\w-]*)` \|", _SECTION, re.MULTILINE)[: len(MODELS)] == [
        model.name for model in MODELS
    ]
