import re
from importlib import resources
from pathlib import Path

import pytest

from domain.answers import PromptUsed
from prompts.registry import Prompt, load_prompt

RELEASED = {
    ("answer", 1): "b6ea064e7bbc",
    ("answer-repair", 1): "2dd67e5925eb",
    ("eval-closed-book", 1): "98fe5d66a205",
    ("eval-plain-rag", 1): "0a5839fce471",
}


def templates() -> Path:
    return Path(str(resources.files("prompts") / "templates"))


def test_released_prompts_are_never_edited() -> None:
    """Each released file has the digest it was released with; a change is a new version and a new row here."""
    found = {
        (file.parent.name, int(file.stem[1:])): load_prompt(file.parent.name, int(file.stem[1:])).digest
        for file in templates().glob("*/v*.md")
    }

    assert found == RELEASED


def test_every_released_version_has_a_line_in_the_changelog() -> None:
    """The changelog names each prompt and version."""
    changelog = (templates().parent / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL))

    missing = [(name, version) for name, version in RELEASED if f"**v{version}**" not in sections.get(name, "")]
    assert missing == []


def test_the_newest_version_is_loaded_by_default() -> None:
    """Without a version the highest number is taken."""
    newest = max(version for name, version in RELEASED if name == "answer")

    prompt = load_prompt("answer")

    assert (prompt.name, prompt.version) == ("answer", newest)
    assert prompt.inputs == {"question", "evidence"}
    assert prompt.used == PromptUsed(
        name="answer",
        version=newest,
        digest=prompt.digest,
        parts={"instructions": len(prompt.render(question="", evidence=""))},
    )


def test_values_are_filled_in_one_pass() -> None:
    """A placeholder that stands in a value stays as it is."""
    prompt = Prompt(name="p", version=1, template="{{question}} / {{evidence}}", digest="0")

    text = prompt.render(question="{{evidence}} {x} \\1", evidence="words")

    assert text == "{{evidence}} {x} \\1 / words"


@pytest.mark.parametrize("values", [{"question": "q"}, {"question": "q", "evidence": "e", "mood": "m"}, {}])
def test_exactly_the_inputs_are_demanded(values: dict[str, str]) -> None:
    """A missing or surplus value is a mistake that names what is needed."""
    with pytest.raises(ValueError, match=r"Prompt 'answer' needs \['evidence', 'question'\]"):
        load_prompt("answer").render(**values)


@pytest.mark.parametrize(("name", "version"), [("answer", 99), ("answer", 0), ("nothing", None), ("../answer", None)])
def test_an_unknown_prompt_is_refused(name: str, version: int | None) -> None:
    """Names stay inside the templates folder and versions must exist."""
    with pytest.raises(ValueError, match=r"(?i)prompt"):
        load_prompt(name, version)
