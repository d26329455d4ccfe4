"""Paragraphs of a printed page, from its lines and where they stand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low, quantiles

# pdfium writes this where it took a hyphen at a line's end for a divided word: the next line follows at once.
_DIVISION = re.compile(r"(\w{1,60})[\ufffe\x02][\r\n]*(\w{1,60})")
_HYPHEN_AT_END = re.compile(r"(\w{1,60})[-\u2010\ufffe\x02]$")
_WORDS = re.compile(r"\w+(?:[-\u2010]\w+)*")
_WORD_CHARS = 61  # The longest word that is looked for, and its hyphen.
_SENTENCE_ENDS = tuple(".!?…:;”\"'’)")
# Multiples of a line's height or of the usual distance between lines; tried on reports set by TeX, Word and reportlab.
_WIDER_GAP = 1.3
_OTHER_SIZE = 1.2
_INDENT = 0.8
_SHORT = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One printed line; distances in points, from the lower left corner of the page."""

    text: str
    left: float
    right: float
    bottom: float
    height: float


def paragraphs_of(lines: Sequence[Line]) -> list[list[str]]:
    """Group the lines of a page, in reading order, into paragraphs."""
    groups: list[list[str]] = []
    pitch, width = _usual_pitch(lines), max((line.right for line in lines), default=0.0)
    left = median_low([line.left for line in lines]) if lines else 0.0
    previous: Line | None = None
    for line in lines:
        if previous is None or _is_apart(previous, line, pitch=pitch, left=left, right=width):
            groups.append([])
        groups[-1].append(line.text)
        previous = line
    return groups


def joined_lines(lines: Sequence[str], *, hyphenated: frozenset[str]) -> str:
    """Return a paragraph's lines as running text; a word that the line's end divides is put together.

    Args:
        lines: Without line ends.
        hyphenated: Words that the document writes with a hyphen inside a line, in small letters: they keep it.
    """
    pieces: list[str] = []
    for line in lines:
        piece = _DIVISION.sub(lambda match: _rejoined(match[1], match[2], hyphenated), line.strip())
        divided = _HYPHEN_AT_END.search(pieces[-1][-_WORD_CHARS:]) if pieces else None
        following = _WORDS.match(piece)
        if divided is not None and following is not None and following[0][0].islower():
            first, second = divided[1], re.split(r"[-\u2010]", following[0])[0]
            pieces[-1] = pieces[-1][: -len(divided[0])] + _rejoined(first, second, hyphenated) + piece[len(second) :]
        else:
            pieces.append(piece)
    return " ".join(pieces)


def hyphenated_words(lines: Sequence[str]) -> frozenset[str]:
    """Return the words that are written with a hyphen inside a line, in small letters."""
    return frozenset(
        word.lower().replace("\u2010", "-")
        for line in lines
        for word in _WORDS.findall(line)
        if "-" in word or "\u2010" in word
    )


def runs_on(before: str, after: str) -> bool:
    """Tell whether a paragraph at the end of a page or column goes on with the next one."""
    return bool(before and after) and not before.endswith(_SENTENCE_ENDS) and after[0].islower()


def _rejoined(first: str, second: str, hyphenated: frozenset[str]) -> str:
    keeps = f"{first}-{second}".lower() in hyphenated or not second[0].islower() or first.isdigit()
    return f"{first}-{second}" if keeps else first + second


def _usual_pitch(lines: Sequence[Line]) -> float:
    """Return the distance between lines of one paragraph: a small one among those of the page."""
    distances = [one.bottom - other.bottom for one, other in pairwise(lines) if one.bottom > other.bottom]
    if len(distances) < 2:  # noqa: PLR2004  - a quartile needs two values
        return distances[0] if distances and distances[0] < _WIDER_GAP * lines[0].height else 0.0
    return quantiles(distances, n=4, method="inclusive")[0]


def _is_apart(one: Line, other: Line, *, pitch: float, left: float, right: float) -> bool:
    """Tell whether a new paragraph begins with `other`."""
    if max(one.height, other.height) > _OTHER_SIZE * min(one.height, other.height) > 0:
        return True
    distance = one.bottom - other.bottom
    if distance < 0:  # The top of the next column.
        return not runs_on(one.text, other.text)
    usual = max(pitch, min(one.height, other.height))
    if distance > _WIDER_GAP * usual:
        return True
    if other.left - one.left > _INDENT * other.height and other.left - left > _INDENT * other.height:
        return True
    return one.right < left + _SHORT * (right - left) and one.text.endswith(_SENTENCE_ENDS)
