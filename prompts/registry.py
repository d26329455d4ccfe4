"""Loading and filling released prompts: `templates/<name>/v<N>.md`."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from domain.answers import PromptUsed

_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")
_NAME = re.compile(r"^[a-z][a-z0-9_-]*$")
_VERSION_FILE = re.compile(r"^v([1-9][0-9]*)\.md$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One released version of a prompt.

    Attributes:
        template: Text with placeholders such as `{{question}}`.
        digest: First 12 hexadecimal digits of the template's SHA-256.
    """

    name: str
    version: int
    template: str
    digest: str

    @property
    def inputs(self) -> frozenset[str]:
        """Names of the placeholders."""
        return frozenset(_PLACEHOLDER.findall(self.template))

    @property
    def used(self) -> PromptUsed:
        """What a trace says about it."""
        written = len(_PLACEHOLDER.sub("", self.template))
        return PromptUsed(name=self.name, version=self.version, digest=self.digest, parts={"instructions": written})

    def render(self, **values: str) -> str:
        """Fill the template in one pass, so that placeholders inside `values` stay literal.

        Raises:
            ValueError: If the names given are not exactly `inputs`.
        """
        if values.keys() != self.inputs:
            raise ValueError(f"Prompt {self.name!r} needs {sorted(self.inputs)}, got {sorted(values)}")
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.template)


@cache
def load_prompt(name: str, version: int | None = None) -> Prompt:
    """Return a released prompt, by default its newest version.

    Raises:
        ValueError: If there is no prompt of this name or version.
    """
    versions = _versions(name)
    chosen = max(versions, default=0) if version is None else version
    if chosen not in versions:
        raise ValueError(f"Prompt {name!r} has versions {sorted(versions)}, asked for {version}")
    # Line ends are normalised, so that a checkout on another system has the same digest.
    template = versions[chosen].read_text(encoding="utf-8").replace("\r\n", "\n").strip()
    digest = hashlib.sha256(template.encode("utf-8")).hexdigest()[:12]
    return Prompt(name=name, version=chosen, template=template, digest=digest)


def _versions(name: str) -> dict[int, Traversable]:
    folder = resources.files("prompts") / "templates" / name
    if not _NAME.match(name) or not folder.is_dir():
        raise ValueError(f"There is no prompt {name!r}")
    return {int(match[1]): file for file in folder.iterdir() if (match := _VERSION_FILE.match(file.name))}
