"""Sentences as exact spans, over sentencex, with the news-wire cases that it splits or joins wrongly put right."""

import re
from collections.abc import Iterator

import sentencex

from domain.corpus import Span

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# A new line starts a new sentence only where a list item or a table row starts; other line ends are hard wraps.
_LIST_ITEM = re.compile(r"\n(?=[^\S\n]*[•▪◦●|])|(?<=[.;:!?])\n(?=[^\S\n]*(?:[-–*]|\(?\d{1,2}[.)])[^\S\n])")
_LONG_CHARS = 300  # sentencex keeps everything between quotation marks together; longer than this is cut inside.
_INNER_END = re.compile(
    r"(?<=[^\W\d_]{2}[.!?])[\"”’»)]*\s+(?=[\"“‘«(]?[A-Z])|(?<=[\d%][.!?])\s+(?=[\"“‘«]?[A-Z])|(?<=[a-z])\.{3,4}(?=[A-Z][a-z])"
)
_ELLIPSIS_END = re.compile(r"(?<=\w)(?:…|\.{3,4})[\"”’»)]*\s+(?=[\"“‘«]?[A-Z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“‘«])(?:[A-Za-z]|[A-Za-z](?:\.[A-Za-z])+|approx|vs|cf|etc|est|ca|fig|vol|pp|ext|tel|incl"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun"
    r"|Mr|Mrs|Ms|Dr|Prof|Gen|Lt|Maj|Brig|Col|Capt|Cmdr|Adm|Sgt|Sen|Rep|Gov|Amb|Hon|Rev|St|Messrs"
    r"|No|Nos|Art|Sec|Res|para|Inc|Ltd|Corp|Co|Bros|Mt|Ft|Gov|Dept)\.$"
)
_NEVER_LAST = re.compile(
    r"(?:^|[\s(\"“‘«])(?:approx|vs|cf|e\.g|i\.e|Mr|Mrs|Ms|Dr|Prof|Gen|Lt|Maj|Brig|Col|Capt|Cmdr|Adm|Sgt|Sen|Rep|Gov"
    r"|Amb|Hon|Rev|St|Messrs|Nos|Art|Brig)\.$"
)
_NUMBERED = re.compile(
    r"(?:^|[\s(\"“‘«])(?:No|Nos|Art|Sec|Res|para|Fig|Vol|pp|p"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|approx)\.$",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z])[.)]")
_CLOCK = re.compile(r"\b[ap]\.m\.$")
_DAY_OR_ZONE = re.compile(r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|(?:GMT|UTC|EST|PST|CET)\b|\(?[Ll]ocal\b")
_TAIL_CHARS = 16  # The longest abbreviation above is far shorter; bounds the look back.


def sentence_spans(text: str, *, language: str, offset: int = 0) -> tuple[Span, ...]:
    """Return the sentences of `text` in order, without the white space around them.

    Every character that is not white space lies in exactly one sentence. Blank lines end a sentence, hard-wrapped
    lines do not.

    Args:
        text: Any text; also of several paragraphs.
        language: ISO 639-1 code; English rules are used for one that is not known.
        offset: Added to every position, so that the spans are in a document's coordinates.

    Returns:
        Spans in Unicode code points.
    """
    return tuple(
        Span(start=offset + start, end=offset + end)
        for block_start, block_end in _blocks(text)
        for start, end in _sentences(text, block_start, block_end, language)
    )


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    cuts = [match.start() for match in _BLANK_LINE.finditer(text)]
    cuts += [match.start() for match in _LIST_ITEM.finditer(text)]
    for cut in sorted(cuts):
        yield start, cut
        start = cut
    yield start, len(text)


def _sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    block = text[start:end]
    for first, last in _join(block, _boundaries(block, language)):
        for low, high in _cut(block, first, last):
            piece = block[low:high]
            lead = len(piece) - len(piece.lstrip())
            body = piece.strip()
            if body:
                yield start + low + lead, start + low + lead + len(body)


def _boundaries(block: str, language: str) -> list[tuple[int, int]]:
    if not block.strip():
        return []
    # A lone surrogate cannot cross into Rust; the stand-in has the same length, so positions stay true.
    readable = block.encode("utf-8", "replace").decode("utf-8") if not _is_encodable(block) else block
    return [
        (found["start_index"], found["end_index"])
        for found in sentencex.get_sentence_boundaries(language or "en", readable)
    ]


def _is_encodable(block: str) -> bool:
    try:
        block.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _join(block: str, pieces: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Put together what sentencex cut wrongly."""
    start: int | None = None
    for position, (first, last) in enumerate(pieces):
        start = first if start is None else start
        following = block[last : last + _TAIL_CHARS]
        if position + 1 < len(pieces) and _continues(block[max(first, last - _TAIL_CHARS) : last], following):
            continue
        yield start, last
        start = None


def _continues(before: str, after: str) -> bool:
    tail, head = before.rstrip(), after.lstrip()
    if not tail or not head or _LIST_NUMBER.fullmatch(before.strip()):
        return True
    for side in (before, head):  # Only marks, as in "...The two sides".
        if not any(character.isalnum() for character in side):
            return len(side) < _TAIL_CHARS
    if tail[-1] != "." or head[0].islower():
        return tail[-1] == "."
    if _CLOCK.search(tail):
        return bool(_DAY_OR_ZONE.match(head))
    return bool(_NEVER_LAST.search(tail)) or (head[0].isdigit() and bool(_NUMBERED.search(tail)))


def _cut(block: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut what sentencex left together: after an ellipsis, and inside long quotations."""
    if last - first <= _LONG_CHARS and block.find("…", first, last) < 0 and block.find("..", first, last) < 0:
        yield first, last
        return
    patterns = (_ELLIPSIS_END, _INNER_END) if last - first > _LONG_CHARS else (_ELLIPSIS_END,)
    cuts = sorted({match.end() for pattern in patterns for match in pattern.finditer(block, first, last)})
    start = first
    for cut in cuts:
        if not _ABBREVIATION.search(block[max(start, cut - _TAIL_CHARS) : cut].rstrip()):
            yield start, cut
            start = cut
    yield start, last
