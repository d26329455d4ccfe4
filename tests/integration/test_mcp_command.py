"""`dateline mcp` as agents start it: the real command on a temporary record, the SDK's client or plain pipes."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent

from domain.errors import ModelFileError
from domain.settings import ModelSettings
from retriever.data_folder import DataFolder, writer_lock
from retriever.models import locate
from tests.integration.test_cli import BRIDGE, DATELINE, ROOT, Command, command_in
from tests.support.records import prepared

PATIENCE_S = 60
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture
def dateline(tmp_path: Path) -> Command:
    """A record of one document, and an encoder without weights."""
    command = command_in(tmp_path)
    command.commit(prepared("bridge", BRIDGE, title="The bridge", publisher="Harbour Gazette"))
    return command


def parameters(environment: dict[str, str], data_dir: Path) -> StdioServerParameters:
    """What the first example of the page has agents start."""
    section = (ROOT / "docs" / "clients.md").read_text().split("## Agents over MCP")[1]
    (example, *_) = re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)
    started = json.loads(example)["mcpServers"]["dateline"]
    arguments = [argument.replace("/path/to/record", str(data_dir)) for argument in started["args"]]
    assert (started["command"], str(data_dir) in arguments) == ("dateline", True)
    return StdioServerParameters(command=str(DATELINE), args=arguments, env=environment)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_tools_work_as_the_page_has_them_started(dateline: Command, mode: str) -> None:
    """Also beside a process that writes the record, in both eras of the protocol."""
    with writer_lock(DataFolder(dateline.settings.data_dir)):
        async with Client(parameters(dateline.environment, dateline.settings.data_dir), mode=mode) as agent:
            tools = [tool.name for tool in (await agent.list_tools()).tools]
            source = await agent.call_tool("get_source", {"document_id": "bridge"})
            failed = await agent.call_tool("get_source", {"document_id": "nowhere"})
            refused = await agent.call_tool("ask", {"question": "Who met whom?", "to": "1999-12-31"})

    assert tools == ["ask", "search", "get_source"]
    assert source.structured_content is not None
    assert source.structured_content["text"] == BRIDGE
    assert failed.is_error
    assert refused.structured_content is not None
    assert refused.structured_content["refusal"]["reason"] == "nothing_in_time_scope"


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    """The data folder of samples that the real encoder has read."""
    models = ModelSettings()
    try:
        locate(models.encoder, models.folder)
    except ModelFileError as error:
        pytest.skip(f"the encoder is not here: {error.message}")
    samples = str(ROOT / "samples" / "visit-2025")
    subprocess.run([str(DATELINE), "--data-dir", str(tmp_path), "ingest", samples], check=True, capture_output=True)
    return tmp_path


@pytest.mark.models
async def test_an_answer_quotes_the_samples_verbatim_and_with_their_sources(sampled: Path) -> None:
    """The whole way with the real encoder and reader: start, ask, check each quote, be refused."""
    async with Client(parameters({"DATELINE_CHAT__MODEL": "extractive"}, sampled)) as agent:
        answer = await agent.call_tool("ask", {"question": "Which Chinese leaders did President Zardari meet?"})
        refused = await agent.call_tool("ask", {"question": "Who won the chess tournament in Osaka?"})
        assert answer.structured_content is not None
        citations = [cited for sentence in answer.structured_content["sentences"] for cited in sentence["citations"]]
        texts = []
        for cited in citations:
            wanted = {"document_id": cited["document_id"], "version": cited["version"]}
            source = await agent.call_tool("get_source", wanted)
            assert source.structured_content is not None
            texts.append(source.structured_content["text"])

    assert "Xi Jinping" in answer.structured_content["text"]
    assert [text[cited["start"] : cited["end"]] for text, cited in zip(texts, citations, strict=True)] == [
        cited["quote"] for cited in citations
    ]
    (content,) = answer.content
    assert isinstance(content, TextContent)
    assert all(f"“{cited['quote']}”" in content.text for cited in citations)
    assert refused.structured_content is not None
    assert (refused.is_error, refused.structured_content["kind"]) == (False, "refusal")


@contextmanager
def started(dateline: Command, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the command and greet it."""
    process = subprocess.Popen(
        [str(DATELINE), "mcp"],
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  - it takes no lock
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**dateline.environment, **environment},
    )
    with process:
        try:
            _say(process, INITIALIZE)
            assert _heard(process)["result"]["serverInfo"]["name"] == "dateline"
            _say(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
            yield process
        finally:
            process.kill()


def _heed_interrupts() -> None:
    # Where these tests run in the background of a shell, it has all its children ignore them.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _say(process: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
    _write(process, json.dumps(message).encode() + b"\n")


def _write(process: "subprocess.Popen[bytes]", content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.flush()


def _heard(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    heard: dict[str, Any] = json.loads(process.stdout.readline())
    return heard


def _call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def test_standard_output_has_nothing_but_the_protocol_and_ends_with_the_input(dateline: Command) -> None:
    """What is logged, at the most talkative, stands on standard error."""
    with started(dateline, DATELINE_LOG_LEVEL="debug") as process:
        _say(process, _call(2, "ask", question="When does the bridge open?", to="1999-12-31"))
        refused = _heard(process)["result"]["structuredContent"]
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, out, refused["kind"]) == (0, b"", "refusal")
    assert f"answer answer_id={refused['id']}".encode() in err
    assert b"Traceback" not in err


def test_lines_that_are_no_messages_are_passed_over(dateline: Command) -> None:
    """The next message is answered all the same."""
    with started(dateline) as process:
        _write(process, b'nonsense\n\n{}\n[1]\n\xff\xfe\n"\\ud800"\n')
        _say(process, _call(2, "get_source", document_id="bridge"))

        assert _heard(process)["result"]["structuredContent"]["text"] == BRIDGE


def test_a_message_may_come_in_pieces_and_several_at_once(dateline: Command) -> None:
    """Pipes cut where they like, also inside a letter."""
    first, second = (
        json.dumps(_call(number, "get_source", document_id=name), ensure_ascii=False).encode() + b"\n"
        for number, name in ((2, "Brücke"), (3, "bridge"))
    )
    with started(dateline) as process:
        middle = first.index("ü".encode()) + 1
        _write(process, first[:middle])
        _write(process, first[middle:] + second)
        heard = {message["id"]: message["result"] for message in (_heard(process), _heard(process))}

    assert "'Brücke' is not in the record" in heard[2]["content"][0]["text"]
    assert heard[3]["structuredContent"]["text"] == BRIDGE


def test_an_interrupt_ends_it_at_once_while_its_input_is_open(dateline: Command) -> None:
    """Ctrl-C needs no further line from the agent, and gives no traceback."""
    with started(dateline) as process:
        process.send_signal(signal.SIGINT)

        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_agent_that_has_gone_is_no_failure(dateline: Command) -> None:
    """Its end of the pipe is closed: what was to be told it is dropped."""
    with started(dateline) as process:
        assert process.stdout is not None
        process.stdout.close()
        _say(process, _call(2, "get_source", document_id="bridge"))

        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_what_keeps_it_from_starting_is_told_on_standard_error(dateline: Command) -> None:
    """With the exit codes of every command, and nothing that a client would take for the protocol."""
    nowhere = dateline("mcp", "--data-dir", "nowhere")
    misspelt = dateline("mcp", DATELINE_CHAT__MODLE="extractive")

    assert (nowhere.code, nowhere.out, "There is no record in" in nowhere.err) == (1, "", True)
    assert (misspelt.code, misspelt.out, "Unknown setting DATELINE_CHAT__MODLE" in misspelt.err) == (2, "", True)
