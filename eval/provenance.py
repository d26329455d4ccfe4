"""What a run was made with: code, machine and packages, for its header."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_CHECKOUT: Final = Path(__file__).resolve().parents[1]
_PACKAGES: Final = (
    "chromadb",
    "langchain",
    "langchain-core",
    "numpy",
    "sentence-transformers",
    "tantivy",
    "torch",
    "transformers",
    "xllamacpp",
)


def code_version() -> dict[str, Any]:
    """Return Dateline's version, and of a checkout the commit and whether files differ from it (`dirty`).

    `commit` and `dirty` are `None` for an installed package, and where there is no git.
    """
    commit, dirty = None, None
    # An installed package may lie inside somebody else's checkout, whose commit says nothing.
    if _git("rev-parse", "--show-toplevel") == str(_CHECKOUT):
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain"))
    return {"dateline": _version("dateline"), "commit": commit, "dirty": dirty}


def machine() -> dict[str, Any]:
    """Return what decides speed and could decide results: processor, cores, memory, Python and packages."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def differing(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return the first field of two headers that makes their cases incomparable; `None` if none does."""
    fields = ("dateline", "commit", "settings", "seed", "limit", "data_sets", "systems", "system_details")
    return next((field for field in fields if earlier.get(field) != now.get(field)), None)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_CHECKOUT), *arguments],  # noqa: S607  - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (OSError, ValueError):
        return None
