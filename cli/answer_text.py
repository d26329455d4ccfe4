"""Answers as text for a terminal: sentences with marks, then the sources that the marks name."""

from collections.abc import Sequence
from textwrap import indent

from cli.terminal import safe
from domain.answers import Answer, AnswerSentence, Citation, CitedAnswer, Clarification, Refusal, Trace
from domain.corpus import DocumentHeader, RankedPassage

_SHOWN_CHARS = 100  # Of a passage in the trace.


def sentence_text(sentence: AnswerSentence) -> str:
    """Return a sentence with its marks: `They met. [1] [2]`."""
    return safe(sentence.marked)


def sources_text(answer: CitedAnswer) -> str:
    """Return what the record says in more than one way, then the cited places of an answer, one block per mark."""
    return "\n\n".join(part for part in (safe("\n".join(answer.told_beside)), _numbered(answer.cited)) if part)


def refusal_text(refusal: Refusal) -> str:
    """Return why there is no answer, and the nearest passages."""
    head = f"{safe(refusal.message)}\nReason: {refusal.reason.value}"
    if not refusal.nearest:
        return head
    return f"{head}\n\nNearest passages:\n\n{_numbered(refusal.nearest)}"


def clarification_text(clarification: Clarification) -> str:
    """Return the question back with its numbered options, and the words that name each."""
    options = "\n".join(f"  {number}. {one.text}" for number, one in enumerate(clarification.options, start=1))
    return (
        f"{safe(clarification.asks)}\n{safe(options)}\n\n{_numbered([one.citation for one in clarification.options])}"
    )


def remarks_text(answer: Answer) -> str:
    """Return how the answer was made, in one line: the way, the time, what was withheld, and notes."""
    match answer:
        case CitedAnswer(mode="extractive"):
            made = "Quoted from the record"
        case CitedAnswer():
            made = f"Written by {answer.trace.model} and checked against the record"
        case Refusal():
            made = "Not answered"
        case Clarification():
            made = "Asked back"
    parts = [f"{made} in {answer.trace.timings_ms.get('total', 0.0) / 1000:.1f} s."]
    if not isinstance(answer, Clarification) and answer.withheld:
        sentences = (
            "sentence that the record does not support was"
            if len(answer.withheld) == 1
            else ("sentences that the record does not support were")
        )
        parts.append(f"{len(answer.withheld)} {sentences} withheld.")
    return safe(" ".join([*parts, *answer.trace.notes]))


def trace_text(trace: Trace) -> str:
    """Return what happened for one answer, for people who look into it."""
    stages = ", ".join(f"{stage} {milliseconds:.0f}" for stage, milliseconds in trace.timings_ms.items())
    lines = [f"Searched for: {trace.stand_alone_question}", f"Scope: {_scope(trace)}"]
    lines += [f"Passage {ranked.rank}: {_excerpt(ranked)}" for ranked in trace.passages]
    lines += [
        f"Evidence {piece.evidence_id} ({piece.score:.2f}): {' '.join(piece.text.split())}" for piece in trace.evidence
    ]
    if trace.prompt is not None:
        lines.append(f"Prompt: {trace.prompt.name} v{trace.prompt.version}, {trace.prompt.digest}")
        lines.append(f"Model: {trace.model}, {trace.prompt_tokens} tokens read, {trace.completion_tokens} written")
    return safe("\n".join([*lines, f"Milliseconds: {stages}"]))


def passage_text(ranked: RankedPassage) -> str:
    """Return a found passage with its place and its whole text."""
    passage, header = ranked.passage, ranked.citable.header
    return _block(
        f"{ranked.rank}. {header_text(header)}",
        quote=passage.text,
        place=f"{place_text(header)}, characters {passage.span.start}–{passage.span.end}",
        copies=ranked.copies,
    )


def header_text(header: DocumentHeader) -> str:
    """Return title, publisher, day and place of a document, as far as they are known."""
    return safe(header.headline)


def place_text(header: DocumentHeader) -> str:
    """Return how a document is named to other commands."""
    return safe(f"{header.document_id} version {header.version}")


def _numbered(citations: Sequence[Citation]) -> str:
    return "\n\n".join(
        _block(
            f"[{citation.mark}] {header_text(citation.header)}",
            speaker=citation.speaker,
            about=_about(citation),
            quote=citation.quote,
            place=f"{place_text(citation.header)}, characters {citation.span.start}–{citation.span.end}",
            copies=citation.copies,
        )
        for citation in citations
    )


def _about(citation: Citation) -> str:
    """Return the days that a quote speaks of, where they are not the day it was published."""
    days = [one for one in citation.event_dates if (one.first, one.last) != (citation.header.published,) * 2]
    return ", ".join(f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}" for one in days)


def _block(
    head: str,
    *,
    quote: str,
    place: str,
    copies: Sequence[DocumentHeader],
    speaker: str | None = None,
    about: str = "",
) -> str:
    said_by = [f"Speaker: {safe(speaker)}"] if speaker else []
    said_by += [f"Speaks of: {about}"] if about else []
    also = [f"Also in: {'; '.join(map(header_text, copies))}"] if copies else []
    body = "\n".join([*said_by, indent(safe(quote), "> ", lambda _: True), place, *also])
    return f"{head}\n{indent(body, '    ')}"


def _scope(trace: Trace) -> str:
    scope = trace.scope
    named = {"as of": scope.as_of, "from": scope.published_from, "to": scope.published_to, "by": scope.publisher}
    return ", ".join(f"{name} {value}" for name, value in named.items() if value) or "the whole record"


def _excerpt(ranked: RankedPassage) -> str:
    words = " ".join(ranked.passage.text.split())
    shown = words if len(words) <= _SHOWN_CHARS else f"{words[: _SHOWN_CHARS - 1]}…"
    return f"({ranked.score:.4f}) {place_text(ranked.citable.header)}: {shown}"
