"""Who says what: speakers, reporting verbs and the words attributed to them, by rules that prefer silence to a guess.

Three shapes are recognised: `X said that …` and `X reaffirmed …`, `…, said X` and `…, X said`, `according to X, …`;
and words in quotation marks beside one of them. A pronoun stands for the speaker of the sentence just before, where
number and kind agree; else the sentence has no statement.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from domain.corpus import Passage, Span, Statement
from ingest.speakers import (
    ISSUED,
    PRONOUNS,
    Token,
    agrees,
    clause_end_before,
    speaker_after,
    speaker_before,
    tokens_of,
)
from ingest.wordlists import word_set

_SAYING = word_set(
    "said says stated states told announced noted stressed emphasised emphasized added declared warned explained "
    "remarked observed argued claimed confirmed insisted replied recalled wrote reported affirmed"
)
_TAKING_A_STANCE = word_set(
    "reaffirmed reiterated expressed agreed called thanked condemned welcomed urged appreciated vowed pledged "
    "underlined underscored highlighted denied acknowledged praised commended hailed congratulated assured voiced "
    "conveyed opposed rejected supported reaffirms reiterates expresses agrees thanks condemns welcomes urges "
    "appreciates vows stresses emphasises emphasizes notes warns calls decided resolved promised deplored lauded "
    "criticised criticized demanded proposed requested asked believed believes"
)
_VERBS = _SAYING | _TAKING_A_STANCE
_NEEDS_MORE = {  # Verbs that report only before certain words: "called for", not "called a taxi".
    "called": frozenset({"for", "on", "upon", "it"}),
    "calls": frozenset({"for", "on", "upon"}),
    "believed": frozenset({"that"}),
    "believes": frozenset({"that"}),
    "notes": frozenset({"that", "with"}),
    "states": frozenset({"that"}),
    "asked": frozenset({"for", "that", "whether"}),
    "supported": frozenset({"the", "each", "its", "his", "her", "their", "all", "a"}),
}
_OPENING = {"“": "”", "«": "»", '"': '"', "‘": "’"}
_OPENING_MARK = re.compile(r"(?<!\w)(?:«|[“\"‘](?=\S))")
_LOWER_WORD = re.compile(r"[a-z]+")
_OTHER_REPORT = re.compile(rf"ccording\s+to\b|:\s*[{''.join(_OPENING)}]")
_SCARE_QUOTE_WORDS = 3  # Shorter quotations are names and terms more often than speech.
_MAX_PASSAGE_CHARS = 20_000  # Far above any real paragraph; bounds the work on generated text.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """A speaker with a verb, and the positions in the passage's text of what is attributed."""

    speaker: str
    verb: str
    start: int
    end: int
    clause_start: int
    is_after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quotation:
    """Words in quotation marks: positions of the words, and of the marks around them."""

    start: int
    end: int
    opened: int
    closed: int


def find_statements(passage: Passage) -> tuple[Statement, ...]:
    """Find who says what in a passage.

    Args:
        passage: With its sentences.

    Returns:
        Statements by position. `reported` spans run from behind the verb to the end of the clause, `quoted` spans are
        the words between the marks. The speaker is named as in the text, with single spaces. Empty when nobody is
        clearly said to say anything.
    """
    text = passage.text
    if len(text) > _MAX_PASSAGE_CHARS or not _may_report(text):
        return ()
    quotations = tuple(_quotations(text))
    found: list[Statement] = []
    previous: _Report | None = None
    for sentence in passage.sentences:
        start, end = sentence.start - passage.span.start, sentence.end - passage.span.start
        if end <= start:
            continue
        reports = [
            _from_opening_mark(report, quotations) for report in _reports(text, start, end, previous, quotations)
        ]
        within = [quotation for quotation in quotations if start <= quotation.start < end]
        continued = previous if not reports and _is_only_quotation(text, start, end, within) else None
        found.extend(_statements(passage, reports, quotations if reports else within, continued))
        previous = reports[-1] if reports else continued
    return tuple(sorted(set(found), key=lambda made: (made.span.start, made.span.end, made.kind)))


def _from_opening_mark(report: _Report, quotations: tuple[_Quotation, ...]) -> _Report:
    """Let what is said before its verb start with its quotation, which may be sentences back."""
    if not report.is_after:
        return report
    opened = [quotation.opened for quotation in quotations if quotation.opened < report.start < quotation.closed]
    return replace(report, start=opened[0]) if opened else report


def _statements(
    passage: Passage, reports: Sequence[_Report], quotations: Sequence[_Quotation], continued: _Report | None
) -> Iterator[Statement]:
    for report in reports:
        inside = [quotation for quotation in quotations if report.start <= quotation.start < report.end]
        first, last = _stripped(passage.text, report.start, report.end)
        # "X said, “…”": the quotation is all there is; the words around it are not reported speech.
        bare = len(inside) > 0 and inside[0].opened <= first and last <= inside[-1].closed + 1
        if not bare and first < last:
            yield _statement(passage, report, first, last, "reported")
        for quotation in inside:
            if bare or _words(passage.text[quotation.start : quotation.end]) >= _SCARE_QUOTE_WORDS:
                yield _statement(passage, report, quotation.start, quotation.end, "quoted")
    if continued is not None:
        for quotation in quotations:
            yield _statement(passage, continued, quotation.start, quotation.end, "quoted", verb=None)


def _statement(
    passage: Passage,
    report: _Report,
    start: int,
    end: int,
    kind: str,
    *,
    verb: str | None = "",
) -> Statement:
    return Statement(
        passage_id=passage.passage_id,
        speaker=report.speaker,
        verb=(report.verb or None) if verb == "" else verb,
        span=Span(start=passage.span.start + start, end=passage.span.start + end),
        kind="quoted" if kind == "quoted" else "reported",
    )


def _reports(
    text: str, start: int, end: int, previous: _Report | None, quotations: tuple[_Quotation, ...]
) -> Iterator[_Report]:
    """Yield the reports of one sentence; each ends where the next begins."""
    if not _may_report(text[start:end]):
        return
    tokens = tokens_of(text, start, end)
    found: list[_Report] = []
    for position, token in enumerate(tokens):
        if any(quotation.start <= token.start < quotation.end for quotation in quotations):
            continue  # Somebody's words about somebody's words.
        report = _report_at(text, tokens, position, found[-1] if found else previous)
        if report is not None and _is_of_its_own(text, report, found):
            found.append(report)
    yield from _apart(text, found)


def _may_report(text: str) -> bool:
    """Tell at little cost whether rules can find anything; most paragraphs of most documents report nothing."""
    return not _VERBS.isdisjoint(_LOWER_WORD.findall(text)) or _OTHER_REPORT.search(text) is not None


def _report_at(text: str, tokens: list[Token], position: int, previous: _Report | None) -> _Report | None:
    word = tokens[position].text
    if word in _VERBS and _reports_here(tokens, position):
        return _by_verb(text, tokens, position, previous)
    if word.lower() == "according" and position + 1 < len(tokens) and tokens[position + 1].text == "to":
        return _according_to(text, tokens, position)
    if word == ":" and position + 1 < len(tokens) and tokens[position + 1].text in _OPENING:
        speaker = speaker_before(tokens, position, whole_clause=True)
        if speaker is not None and speaker.text.lower() not in PRONOUNS and speaker.at == 0:
            return _Report(
                speaker=speaker.text,
                verb="",
                start=tokens[position].end,
                end=tokens[-1].end,
                clause_start=tokens[speaker.at].start,
            )
    return None


def _reports_here(tokens: list[Token], position: int) -> bool:
    following = tokens[position + 1].text.lower() if position + 1 < len(tokens) else ""
    needed = _NEEDS_MORE.get(tokens[position].text)
    return needed is None or following in needed


def _by_verb(text: str, tokens: list[Token], position: int, previous: _Report | None) -> _Report | None:
    verb = tokens[position]
    speaker = speaker_before(tokens, position)
    if speaker is not None:
        name = _named(speaker.text, previous)
        if name is None:
            return None
        begin = tokens[speaker.at].start
        if verb.text in _SAYING and _ends_after(tokens, position):
            return _said_before(text, tokens, name=name, verb=verb.text, before=speaker.at)
        content = _content_start(tokens, position)
        if content is None:
            return None
        return _Report(speaker=name, verb=verb.text, start=content, end=tokens[-1].end, clause_start=begin)
    if verb.text in _SAYING and position > 0 and tokens[position - 1].text in {",", "”", '"', "»", "’", "?", "!"}:
        behind = speaker_after(tokens, position)
        name = None if behind is None else _named(behind.text, previous)
        if name is not None:
            return _said_before(text, tokens, name=name, verb=verb.text, before=position)
    return None


def _named(speaker: str, previous: _Report | None) -> str | None:
    """Return the speaker, with a pronoun replaced by the speaker of the sentence before where they agree."""
    if speaker.lower() not in PRONOUNS:
        return speaker
    if previous is not None and agrees(speaker, previous.speaker):
        return previous.speaker
    return None


def _ends_after(tokens: list[Token], position: int) -> bool:
    """Tell whether nothing that could be reported follows the verb."""
    following = [token.text for token in tokens[position + 1 :]]
    if not following or following[0] in {".", "!", "?"}:
        return True
    return (
        following[0] == ","
        and len(following) > 1
        and following[1] not in _OPENING
        and position > 1
        and any(token.text in {"”", '"', "»", "’"} for token in tokens[:position])
    )


def _said_before(text: str, tokens: list[Token], *, name: str, verb: str, before: int) -> _Report | None:
    """Attribute what stands before the verb: `…, said X`; a quotation that goes on behind it belongs to it too."""
    start, end = tokens[0].start, clause_end_before(tokens, before)
    if end <= start or tokens[before - 1].text not in {",", "”", '"', "»", "’", "?", "!", "…", "—", "–"}:
        return None
    if any(token.text in _OPENING for token in tokens[before:]):
        end = tokens[-1].end
    del text
    return _Report(speaker=name, verb=verb, start=start, end=end, clause_start=start, is_after=True)


def _content_start(tokens: list[Token], position: int) -> int | None:
    """Return where the attributed words begin: behind `that`, and for `told` behind whom it was told."""
    at = position + 1
    if tokens[position].text == "told":
        while at < len(tokens) and tokens[at].text not in {"that", ",", ":", "“", '"', "«", "."}:
            at += 1
        if at >= len(tokens) or tokens[at].text == ".":
            return None
    else:
        that = _that_soon(tokens, at)
        at = that if that is not None else at
    while at < len(tokens) and tokens[at].text in {"that", ",", ":"}:
        at += 1
    return tokens[at].start if at < len(tokens) and any(t.text[0].isalnum() for t in tokens[at:]) else None


def _that_soon(tokens: list[Token], at: int) -> int | None:
    """Return the position of `that` behind a short aside: `said on Thursday that`, `said in a statement that`."""
    if at < len(tokens) and tokens[at].text.lower() in {"on", "in", "at", "during", "after", "here", "today"}:
        for position in range(at + 1, min(at + 9, len(tokens))):
            if tokens[position].text == "that":
                return position
            if tokens[position].text in {",", ";", ":", "“", '"', "«"}:
                return None
    return None


def _according_to(text: str, tokens: list[Token], position: int) -> _Report | None:
    speaker = speaker_after(tokens, position + 1, is_source=True)
    if speaker is None or speaker.text.lower() in PRONOUNS:
        return None
    behind = speaker.at
    if position == 0:
        if behind >= len(tokens) or tokens[behind].text != "," or behind + 1 >= len(tokens):
            return None
        start, end, begin = tokens[behind + 1].start, tokens[-1].end, tokens[0].start
        return _Report(speaker=speaker.text, verb="according to", start=start, end=end, clause_start=begin)
    if behind < len(tokens) and tokens[behind].text not in {".", "!", ";"} | ISSUED:
        return None
    return _said_before(
        text,
        [*tokens[:position], _comma(tokens, position)],
        name=speaker.text,
        verb="according to",
        before=position + 1,
    )


def _comma(tokens: list[Token], position: int) -> Token:
    end = tokens[position - 1].end
    return Token(text=",", start=end, end=end)


def _is_of_its_own(text: str, report: _Report, found: list[_Report]) -> bool:
    """Tell whether a further report is not part of what the report before it says."""
    if not found:
        return True
    last = found[-1]
    if report.is_after or last.is_after or report.speaker == last.speaker:
        return False
    gap = text[last.start : report.clause_start].rstrip()
    if last.verb in _SAYING or last.verb == "according to":
        # "X said that A, and Y agreed …" is X's account of Y; only a contrast ends indirect speech.
        return gap.endswith((";", "while", "whereas"))
    return gap.endswith((",", ";", "and", "while", "whereas", "but"))


def _apart(text: str, reports: list[_Report]) -> Iterator[_Report]:
    for position, report in enumerate(reports):
        end = report.end
        if position + 1 < len(reports):
            end = min(end, reports[position + 1].clause_start)
            before = text[report.start : end].rstrip(" \n\t,;")
            for word in ("and", "while", "whereas", "but"):
                before = before.removesuffix(f" {word}").rstrip(" \n\t,;")
            end = report.start + len(before)
        if report.start < end:
            yield replace(report, end=end)


def _quotations(text: str) -> Iterator[_Quotation]:
    at = 0
    while (opening := _OPENING_MARK.search(text, at)) is not None:
        at = opening.end()
        end = _closing(text, at, _OPENING[opening[0]])
        if end < 0:
            continue
        start, stop = _stripped(text, at, end)
        if start < stop:
            yield _Quotation(start=start, end=stop, opened=opening.start(), closed=end + 1)
        at = end + 1


def _closing(text: str, at: int, closing: str) -> int:
    """Return where a quotation is closed, or -1; an apostrophe inside a word does not close it."""
    end = text.find(closing, at)
    while end >= 0 and closing == "’" and end + 1 < len(text) and text[end + 1].isalnum():
        end = text.find(closing, end + 1)
    return end


def _is_only_quotation(text: str, start: int, end: int, quotations: list[_Quotation]) -> bool:
    return len(quotations) == 1 and quotations[0].opened == start and quotations[0].closed >= end - 1 and bool(text)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _words(text: str) -> int:
    return len(text.split())
