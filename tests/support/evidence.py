"""Evidence of our own writing for tests of the writer."""

from datetime import date

from domain.answers import Evidence
from domain.corpus import Citable, DocumentHeader, Passage, Span, passage_id_of, sha256_of


def evidence(
    *sentences: str, speakers: tuple[str | None, ...] = (), publisher: str | None = "Harbour Gazette"
) -> tuple[Evidence, ...]:
    """Return one piece of evidence per sentence, `E1`, `E2`, …, each a document of its own."""
    return tuple(
        _piece(number, sentence, speakers[number - 1] if number <= len(speakers) else None, publisher)
        for number, sentence in enumerate(sentences, start=1)
    )


def _piece(number: int, sentence: str, speaker: str | None, publisher: str | None) -> Evidence:
    document_id, span = f"doc-{number}", Span(start=0, end=len(sentence))
    header = DocumentHeader(
        document_id=document_id,
        version=1,
        content_sha256=sha256_of(sentence),
        source_uri=f"file:///{document_id}.txt",
        publisher=publisher,
        published=date(2025, 3, 4),
    )
    passage = Passage(
        passage_id=passage_id_of(document_id, 1, span),
        document_id=document_id,
        version=1,
        ordinal=0,
        span=span,
        text=sentence,
        sentences=(span,),
    )
    return Evidence(
        evidence_id=f"E{number}", citable=Citable(passage=passage, header=header), span=span, score=1.0, speaker=speaker
    )
