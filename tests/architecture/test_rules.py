"""Rules that review would otherwise repeat."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "prompts", "retriever", "ingest", "service", "eval", "cli")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
VAGUE = {"utils", "helpers", "common", "misc", "base"}


def test_no_module_has_a_vague_name() -> None:
    """A module is a noun of the field."""
    assert [str(path.relative_to(ROOT)) for path in SOURCES if path.stem in VAGUE] == []


def test_only_settings_read_the_environment() -> None:
    """Settings come in at one door; the exceptions write variables for libraries or hand them to children."""
    allowed = {"domain/settings.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"os\.(environ\.get|getenv|environ\[)", path.read_text())
    }

    assert readers - allowed == set()


def test_no_pickle_and_no_eval() -> None:
    """Nothing that a document or a model file says is ever executed."""
    forbidden = {"pickle", "marshal", "shelve", "joblib"}
    found = [
        f"{path.relative_to(ROOT)}: {node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and {alias.name for alias in node.names} & forbidden)
        or (isinstance(node, ast.ImportFrom) and node.module in forbidden)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"})
    ]

    assert found == []


def test_every_package_is_typed() -> None:
    """Type checkers of those who import us find our types."""
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").exists()] == []


def test_the_repository_names_no_machine() -> None:
    """Committed text holds no absolute path of a developer's machine."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("not a git checkout")
    suspicious = re.compile(r"/(?:home|Users|work|root)/\w")
    texts = [ROOT / name for name in listed.stdout.split() if name.endswith((".py", ".md", ".toml", ".txt", ".yaml"))]

    found = [str(path.relative_to(ROOT)) for path in texts if path.exists() and suspicious.search(path.read_text())]

    assert found == []
