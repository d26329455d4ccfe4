"""Templates → self-contained pages: one file, no script, nothing loaded from elsewhere."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Fill a template of this folder; every text among `values` stays text."""
    environment = Environment(
        loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = Markup(_file("page.css"))  # noqa: S704  - our own file
    return printable(environment.get_template(template).render(style=style, **values))


def printable(text: str) -> str:
    """Replace lone surrogates: a text of the record or of a run file may hold them, UTF-8 cannot."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _file(name: str) -> str:
    return files("eval.report").joinpath(name).read_text("utf-8")
