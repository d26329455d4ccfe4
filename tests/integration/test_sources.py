"""Folders with things in them that are no files."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.settings import IngestSettings
from ingest.parsed import Metadata, RawSource, SkippedSource
from ingest.sources import discover


def _reasons(*names: str | Path) -> dict[str, str]:
    found = discover([str(name) for name in names], declared=Metadata(), settings=IngestSettings())
    return {
        Path(source.uri).name: source.reason if isinstance(source, SkippedSource) else source.content.decode()
        for source in found
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "wire"
    made.mkdir()
    (made / "a.txt").write_text("Rain.")
    return made


def test_pipes_sockets_and_devices_are_reported_and_never_waited_for(folder: Path) -> None:
    """Opening a pipe waits for a writer, and no writer comes."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        address = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{address}/socket")  # A socket's own path has to be short.
        os.close(address)
        found = _reasons(folder, "/dev/zero", folder / "pipe")

    assert found == {
        "a.txt": "Rain.",
        "pipe": "not_a_regular_file",
        "socket": "not_a_regular_file",
        "zero": "not_a_regular_file",
    }


def test_a_pipe_named_like_a_file_of_lines_is_no_exception(folder: Path) -> None:
    os.mkfifo(folder / "b.jsonl")

    assert _reasons(folder)["b.jsonl"] == "not_a_regular_file"


def test_a_link_to_a_pipe_or_device_is_reported(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")

    assert _reasons(folder / "link") == {"link": "not_a_regular_file"}
    assert _reasons(folder)["link"] == "not_a_regular_file"


def test_links_out_of_a_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Secret.")
    (tmp_path / "wire-private").mkdir()
    (tmp_path / "wire-private" / "secret.txt").write_text("Secret.")
    (folder / "b.txt").symlink_to("../secret.txt")
    (folder / "c").symlink_to(tmp_path)
    (folder / "d.txt").symlink_to("../wire-private/secret.txt")
    (folder / "e.jsonl").symlink_to("/dev/zero")

    found = _reasons(folder)

    assert found == {"a.txt": "Rain.", **dict.fromkeys(("b.txt", "c", "d.txt", "e.jsonl"), "outside_folder")}


def test_links_inside_a_folder_are_followed_to_files_only(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")
    (folder / "sub" / "loop").symlink_to("loop")
    (folder / "again").symlink_to("sub")
    (folder / "b.txt").symlink_to("a.txt")
    (folder / "broken.txt").symlink_to("gone.txt")

    assert _reasons(folder) == {
        "a.txt": "Rain.",
        "b.txt": "Rain.",
        "again": "linked_folder",
        "up": "link_loop",
        "loop": "link_loop",
        "broken.txt": "not_found",
    }


def test_a_link_that_leads_to_itself_is_reported_by_name(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")

    assert _reasons(folder / "loop") == {"loop": "link_loop"}


def test_a_file_that_fails_while_it_is_read_is_reported() -> None:
    """A process's memory is a regular file that says no, also to root."""
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("needs /proc")

    assert _reasons(memory) == {"mem": "not_readable"}


def test_a_file_that_does_not_know_its_size_is_read(folder: Path) -> None:
    if not Path("/proc/version").exists():
        pytest.skip("needs /proc")

    assert _reasons("/proc/version") == {"version": Path("/proc/version").read_text()}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_reported(folder: Path) -> None:
    (folder / "b.txt").touch(mode=0o000)
    (folder / "sub").mkdir(mode=0o000)

    found = _reasons(folder)
    (folder / "sub").chmod(0o700)

    assert found == {"a.txt": "Rain.", "b.txt": "not_readable", "sub": "not_readable"}


def test_a_folder_deeper_than_recursion_goes_is_read(folder: Path) -> None:
    """Beyond the longest path that the system takes, the rest is reported instead of lost."""
    with _descent(folder, levels=2100):
        found = list(discover([str(folder)], declared=Metadata(), settings=IngestSettings()))

    assert [source.reason for source in found if isinstance(source, SkippedSource)] == ["not_readable"]
    assert [source.content for source in found if isinstance(source, RawSource)] == [b"Rain."]


@contextmanager
def _descent(folder: Path, *, levels: int) -> Iterator[None]:
    """Make folders in folders, deeper than a path can say, and take them away before pytest trips over them."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        here = _moved("d", here)
    try:
        yield
    finally:
        for _ in range(levels):
            here = _moved("..", here)
            os.rmdir("d", dir_fd=here)
        os.close(here)


def _moved(name: str, here: int) -> int:
    there = os.open(name, os.O_RDONLY, dir_fd=here)
    os.close(here)
    return there
