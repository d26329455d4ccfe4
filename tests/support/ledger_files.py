"""Records as files: made without a model, changed behind Dateline's back, and searched for what they still hold."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from domain.ports import PreparedDocument
from retriever.ledger import SqliteLedger
from tests.support.encoders import HashingEncoder
from tests.support.records import prepared

ENCODER: Final = HashingEncoder()
ROOT: Final = Path(__file__).resolve().parents[2]
CANARY: Final = "Xylophonequartz"

_CLI: Final = """\
import sys
import retriever.wiring
from tests.support.encoders import HashingEncoder
retriever.wiring.LazyEncoder = lambda settings: HashingEncoder(encoder_id=sys.argv[1])
from cli.main import run
sys.exit(run(sys.argv[2:]))
"""
"""The whole command line, with an encoder that needs no model."""


def opened(path: Path, *, read_only: bool = False, encoder_id: str = ENCODER.encoder_id) -> SqliteLedger:
    """Open a ledger whose vectors the encoder of these tests made."""
    return SqliteLedger.open(path, encoder_id=encoder_id, dimensions=ENCODER.dimensions, read_only=read_only)


def command(data: Path, *arguments: str, encoder_id: str = ENCODER.encoder_id) -> "subprocess.CompletedProcess[str]":
    """Run `dateline` with an encoder that needs no model."""
    return subprocess.run(
        [sys.executable, "-c", _CLI, encoder_id, "--data-dir", str(data), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )


def child(script: str, *arguments: Path) -> "subprocess.Popen[str]":
    """Start a second process that may use the test's modules."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def lamp(number: int) -> PreparedDocument:
    """A small document of two paragraphs."""
    return prepared(f"lamp{number:03}", f"Lamp {number} burns at the quay.", f"It was lit on day {number}.")


def filled_at(path: Path) -> Path:
    """Make a ledger of five documents, and close it."""
    with closing(opened(path)) as ledger:
        ledger.commit([lamp(number) for number in range(5)])
    return path


def long_documents(documents: int = 8) -> list[PreparedDocument]:
    """About 100 kB of text each, that nothing can be left out of."""
    chance = np.random.default_rng(7)
    return [prepared(f"long{n}", " ".join(chance.bytes(8).hex() for _ in range(6000))) for n in range(documents)]


def traces(folder: Path, *wanted: str | bytes) -> list[str]:
    """Names of all files below a folder that hold one of the byte strings."""
    needles = [needle.encode() if isinstance(needle, str) else needle for needle in wanted]
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "ballast"]
    return [file.name for file in files if any(needle in file.read_bytes() for needle in needles)]
