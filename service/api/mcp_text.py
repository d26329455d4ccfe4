"""What the tools for agents return, as text: many clients show a model only this, so the quotes are in it."""

from collections.abc import Iterable, Sequence

from domain.answers import Answer, Citation, CitedAnswer, Clarification, Refusal
from domain.corpus import DocumentHeader, RankedPassage, Span
from service.api.excerpts import Excerpt
from service.api.openai.cited_text import Address
from service.rendering import source_url


def answer_text(answer: Answer, address: Address) -> str:
    """Return what is answered, then each quote with its mark, source and place."""
    match answer:
        case CitedAnswer():
            blocks = ["\n".join([answer.text, *answer.told_beside]), *_cited(answer.cited, address)]
        case Refusal():
            blocks = [f"{answer.message}\nThe record does not answer this ({answer.reason.value})."]
            if answer.nearest:
                blocks += ["The nearest passages, which do not answer it:", *_cited(answer.nearest, address)]
        case Clarification():
            options = [f"{number}. {option.text}" for number, option in enumerate(answer.options, start=1)]
            again = "Ask again with this question, these words and the reply as history."
            blocks = [
                "\n".join([answer.asks, *options, again]),
                *_cited((option.citation for option in answer.options), address),
            ]
    return "\n\n".join([*blocks, *(f"Note: {note}" for note in answer.trace.notes)])


def passages_text(query: str, found: Sequence[RankedPassage], address: Address) -> str:
    """Return the found passages, each with its source and place."""
    if not found:
        return f"No passage was found for {query!r} in these documents."
    return "\n\n".join(
        _block(
            f"{ranked.rank}.",
            ranked.citable.header,
            ranked.passage.span,
            ranked.passage.text,
            address,
            copies=ranked.copies,
        )
        for ranked in found
    )


def source_text(header: DocumentHeader, shown: Excerpt, *, characters: int) -> str:
    """Return part of a document's text under a line that says which part of which document it is."""
    place = f"{_named(header)}, characters {shown.start}–{shown.end} of {characters}"
    further = [] if shown.next_start is None else [f"It goes on: ask with start {shown.next_start}."]
    return "\n\n".join([f"{header.headline}\n{place}", shown.text, *further])


def _cited(citations: Iterable[Citation], address: Address) -> list[str]:
    return [
        _block(
            f"[{citation.mark}]",
            citation.header,
            citation.span,
            citation.quote,
            address,
            speaker=citation.speaker,
            copies=citation.copies,
        )
        for citation in citations
    ]


def _block(
    label: str,
    header: DocumentHeader,
    span: Span,
    quote: str,
    address: Address,
    *,
    copies: Sequence[DocumentHeader],
    speaker: str | None = None,
) -> str:
    said_by = [f"Said by: {speaker}"] if speaker else []
    also = [f"Also in: {'; '.join(copy.headline for copy in copies)}"] if copies else []
    place = f"{_named(header)}, characters {span.start}–{span.end}, {address(source_url(header, span))}"
    return "\n".join([f"{label} {header.headline}", *said_by, f"“{quote}”", place, *also])


def _named(header: DocumentHeader) -> str:
    return f"{header.document_id} version {header.version}"
