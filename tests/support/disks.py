"""Real file systems that are too small or may not be written: a tmpfs, mounted for one test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A file system of its own, with a ballast file that takes what room it has."""

    root: Path

    @property
    def ballast(self) -> Path:
        return self.root / "ballast"

    def leave(self, free_bytes: int) -> None:
        """Fill it up to so many free bytes."""
        self.make_room()
        with self.ballast.open("wb") as file:
            for _ in range(max(0, shutil.disk_usage(self.root).free - free_bytes) // _BLOCK):
                file.write(bytes(_BLOCK))

    def make_room(self) -> None:
        """Take the ballast away."""
        self.ballast.unlink(missing_ok=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse all writing, also of the superuser."""
        _mount("-o", "remount,ro", str(self.root))
        try:
            yield
        finally:
            _mount("-o", "remount,rw", str(self.root))


@contextmanager
def small_disk(root: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a file system of that size at `root`; the test is skipped where mounting is not allowed."""
    root.mkdir()
    if os.geteuid() != 0 or not _may_mount("-t", "tmpfs", "-o", f"size={megabytes}m", "dateline-test", str(root)):
        pytest.skip("a small disk needs the right to mount one (run as root, with CAP_SYS_ADMIN)")
    try:
        yield SmallDisk(root=root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)  # noqa: S607  - as everywhere on PATH


def _may_mount(*arguments: str) -> bool:
    try:
        _mount(*arguments)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)  # noqa: S607  - as everywhere on PATH
