"""Text fit to be shown: no markup, no marks of others, no invisible characters."""

import re
import unicodedata
from typing import Final

_TAG: Final = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]{0,400}>|<[^<>\s\d][^<>]{0,400}>", re.DOTALL)
_LINK: Final = re.compile(r"!?\[(?P<label>[^\[\]]{0,200})\]\((?:[^()]|\([^()]*\)){1,400}\)")
_MARK: Final = re.compile(
    r"\s?[\[【(](?:\s*(?:[Ee](?:vidence)?\s?)?\d{1,3}(?:[,;–-]\s*(?:[Ee]\s?)?\d{1,3})*\s*)[\]】](?:\([^)]*\))?"
    r"|\s?\((?:[Ee]\d{1,3}(?:,\s*)?)+\)|\s?\[\^\w{1,10}\]"
)
_MARKDOWN: Final = re.compile(r"(?<!\w)(?:\*{1,3}|_{1,3}|`{1,3}|~~)(?=\S)|(?<=\S)(?:\*{1,3}|_{1,3}|`{1,3}|~~)(?!\w)")
_LINE_START: Final = re.compile(r"^(?:\s*(?:#{1,6}\s+|[-*•]\s+|>\s+|\d{1,2}[.)]\s+(?=[A-Z])))+", re.MULTILINE)
_SPACE_BEFORE: Final = re.compile(r"\s+([.,;:!?])(?!\d)")  # ".372" is a number.
_MOST_OTHER_SCRIPT: Final = 0.3


def shown(text: str) -> str:
    """Return text on one line, as plain words; empty when nothing but markup was there."""
    visible = "".join(" " if character in "\n\r\t\v\f\u2028\u2029" else character for character in text)
    visible = "".join(character for character in visible if unicodedata.category(character) not in _INVISIBLE)
    previous = None
    while previous != visible:  # What stands around removed markup can form another piece of it.
        previous = visible
        visible = _without_markup(visible)
    return visible.replace("<", "‹").replace(">", "›")


_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _without_markup(text: str) -> str:
    text = _TAG.sub(" ", text)
    text = _LINK.sub(lambda match: match["label"], _MARK.sub("", text))
    text = _MARKDOWN.sub("", _LINE_START.sub("", text))
    return _SPACE_BEFORE.sub(r"\1", " ".join(text.split()))


def has_words(text: str) -> bool:
    """Tell whether there is anything to read: at least one letter or digit."""
    return any(character.isalnum() for character in text)


def other_script(text: str, source: str) -> bool:
    """Tell whether a text is written in another script than its source, in good part."""
    own = _scripts(source)
    letters = [character for character in text if character.isalpha()]
    strange = sum(_script(character) not in own for character in letters)
    return bool(letters) and strange > _MOST_OTHER_SCRIPT * len(letters)


def _scripts(text: str) -> frozenset[str]:
    return frozenset(_script(character) for character in text if character.isalpha())


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(" ", 1)[0]
