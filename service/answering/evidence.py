"""The few sentences of the found passages that may answer, with exact spans and speakers."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from domain.answers import Evidence
from domain.corpus import Citable, RankedPassage, Span
from service.answering.lexical_match import terms_of
from service.answering.relevance import Asking, Fit, Sentence, fit

_LEAST_WORDS: Final = 3
_SPOKEN_SHARE: Final = 0.4  # A statement shorter than this share of a sentence does not speak for it.
_MOST_SENTENCES: Final = 40  # Per passage; a list of many hundred short lines is not read to its end.
_END_MARKS: Final = re.compile(r"[.!;:…\"”’»)]\s*$")
CELL: Final = " | "  # Between the cells of a row of a table.
_QUESTION: Final = re.compile(r"\?[\"”’»)]*\s*$")


def sentences_of(ranked: RankedPassage) -> Iterator[Sentence]:
    """Yield a passage's sentences that can be evidence; headings, questions and scraps cannot."""
    passage = ranked.passage
    for span in passage.sentences[:_MOST_SENTENCES]:
        text = passage.words(span)
        if _can_answer(text, alone=len(passage.sentences) == 1):
            yield Sentence(ranked=ranked, span=span, text=text)


def measure(asking: Asking, passages: Sequence[RankedPassage]) -> tuple[Fit, ...]:
    """Return how each sentence that can be evidence fits the question, in reading order."""
    best = max((ranked.score for ranked in passages), default=0.0)
    return tuple(fit(asking, sentence, best=best) for ranked in passages for sentence in sentences_of(ranked))


def evidence_of(fit: Fit, *, number: int, score: float) -> Evidence:
    """Return a sentence as numbered evidence with its speaker."""
    return Evidence(
        evidence_id=f"E{number}",
        citable=fit.ranked.citable,
        span=fit.span,
        score=score,
        speaker=speaker_of(fit.ranked.citable, fit.span),
        copies=fit.ranked.copies,
    )


def speaker_of(citable: Citable, span: Span) -> str | None:
    """Return who the document says said these words; `None` for its own voice.

    A statement that covers the words speaks for them, the shortest first; else the one that makes up most of them.
    """
    covering = [statement for statement in citable.statements if statement.span.contains(span)]
    if covering:
        return min(covering, key=lambda statement: (statement.span.end - statement.span.start, statement.span)).speaker
    shares = [
        (min(statement.span.end, span.end) - max(statement.span.start, span.start), statement)
        for statement in citable.statements
    ]
    most, statement = max(shares, key=lambda pair: (pair[0], -pair[1].span.start), default=(0, None))
    if statement is None or most < _SPOKEN_SHARE * (span.end - span.start):
        return None
    return statement.speaker


def _can_answer(text: str, *, alone: bool) -> bool:
    if len(text.split()) < _LEAST_WORDS or _QUESTION.search(text):
        return False
    if all(term.kind != "word" for term in terms_of(text)):  # "PORT MARRICK, 17 July 2024." says nothing.
        return False
    # A paragraph without an end mark is a heading or a caption, unless it is a whole sentence with a number or so, or a
    # row of a table.
    return not (alone and not _END_MARKS.search(text) and CELL not in text and len(terms_of(text)) <= _LEAST_WORDS * 3)
