"""Writes docs/settings.md from the settings tree, so that the page cannot fall behind."""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Strongest first: command-line flags, environment variables, `dateline.toml` in the working folder, the defaults below.
An unknown name or a value out of range stops the program with a message. In `dateline.toml` a section is a table:
`[chat]` with `model = "extractive"` is `DATELINE_CHAT__MODEL=extractive`.
"""


def settings_page() -> str:
    """Return the Markdown page of all settings."""
    plain = {name: info for name, info in Settings.model_fields.items() if not _is_section(info)}
    sections = {name: info for name, info in Settings.model_fields.items() if _is_section(info)}
    tables = [_table("General", "DATELINE_", plain)]
    for name, info in sections.items():
        model: Any = info.annotation
        summary = str(model.__doc__).splitlines()[0]
        tables.append(_table(f"`[{name}]` {summary}", f"DATELINE_{name}__".upper(), model.model_fields))
    return "\n".join([HEAD, *tables])


def _is_section(info: FieldInfo) -> bool:
    return isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)


def _table(title: str, prefix: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `{prefix}{name.upper()}` | `{_default(info)}` | {(info.description or '').replace('|', '/')} |"
        for name, info in fields.items()
    ]
    return "\n".join([f"## {title}", "", "| variable | default | what it does |", "|---|---|---|", *rows, ""])


def _default(info: FieldInfo) -> str:
    return "not set" if info.default is None else str(info.default)


if __name__ == "__main__":
    PAGE.write_text(settings_page())
    sys.stdout.write(f"{PAGE}\n")
