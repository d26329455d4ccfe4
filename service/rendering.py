"""Answers and their events as JSON: what the API returns, `--json` prints and receipts keep (docs/api.md)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, assert_never
from urllib.parse import quote

from domain.answers import (
    Answer,
    AnswerSentence,
    Citation,
    CitedAnswer,
    Clarification,
    Conflict,
    Evidence,
    Refusal,
    Superseded,
    TimeScope,
    Trace,
)
from domain.corpus import DocumentHeader, RankedPassage, Span
from domain.events import AnswerEvent, Done, EvidenceChosen, PassagesFound, SentenceVerified, Understood


def answer_body(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON values; fields are added over time, never renamed."""
    match answer:
        case CitedAnswer():
            shown: dict[str, Any] = {
                "kind": "answer",
                "mode": answer.mode,
                "text": answer.text,
                "sentences": [sentence_body(sentence) for sentence in answer.sentences],
                "superseded": answer.superseded,
                "conflicts": answer.conflicts,
                "withheld": answer.withheld,
            }
        case Refusal():
            shown = {
                "kind": "refusal",
                "text": answer.message,
                "withheld": answer.withheld,
                "refusal": _refusal_body(answer),
            }
        case Clarification():
            shown = {"kind": "clarification", "text": answer.asks, "clarification": _clarification_body(answer)}
    return {
        "id": answer.answer_id,
        "kind": shown["kind"],
        "mode": shown.get("mode"),
        "question": answer.question.text,
        "text": shown["text"],
        "sentences": shown.get("sentences", []),
        "withheld": [{"text": one.text, "reason": one.reason} for one in shown.get("withheld", ())],
        "superseded": [_superseded_body(one) for one in shown.get("superseded", ())],
        "conflicts": [_conflict_body(one) for one in shown.get("conflicts", ())],
        "refusal": shown.get("refusal"),
        "clarification": shown.get("clarification"),
        "trace": _trace_body(answer.trace),
    }


def event_body(event: AnswerEvent) -> tuple[str, dict[str, Any]]:
    """Return an event's name and its data; `done` carries the whole answer."""
    match event:
        case Understood():
            return "understood", {
                "stand_alone_question": event.stand_alone_question,
                "time_scope": scope_body(event.scope),
            }
        case PassagesFound():
            return "passages", {"passages": [passage_body(ranked) for ranked in event.passages]}
        case EvidenceChosen():
            return "evidence", {"evidence": [_evidence_body(piece) for piece in event.evidence]}
        case SentenceVerified():
            return "sentence", sentence_body(event.sentence)
        case Done():
            return "done", answer_body(event.answer)
        case _:
            assert_never(event)


def sentence_body(sentence: AnswerSentence) -> dict[str, Any]:
    """Return one sentence with its citations."""
    return {"text": sentence.text, "citations": [_citation_body(citation) for citation in sentence.citations]}


def passage_body(ranked: RankedPassage) -> dict[str, Any]:
    """Return one found passage with its place and text."""
    return {
        "rank": ranked.rank,
        "score": round(ranked.score, 6),
        **_place(ranked.citable.header, ranked.passage.passage_id, ranked.passage.span, ranked.passage.text),
        "heading": ranked.passage.heading,
        "page": ranked.passage.page,
        "copies": _copies(ranked.copies),
    }


def header_body(header: DocumentHeader) -> dict[str, Any]:
    """Return what is known of a document, without its text."""
    return {
        "document_id": header.document_id,
        "version": header.version,
        "title": header.title,
        "publisher": header.publisher,
        "published": header.published.isoformat() if header.published else None,
        "place": header.place,
        "language": header.language,
        "media_type": header.media_type,
        "source_uri": header.source_uri,
        "content_sha256": header.content_sha256,
        "duplicate_of": header.duplicate_of,
        "duplicate_kind": header.duplicate_kind,
        "similarity": header.similarity,
        "url": source_url(header),
    }


def scope_body(scope: TimeScope) -> dict[str, Any]:
    """Return a time scope under the names of the request."""
    return {
        "as_of": scope.as_of.isoformat() if scope.as_of else None,
        "from": scope.published_from.isoformat() if scope.published_from else None,
        "to": scope.published_to.isoformat() if scope.published_to else None,
        "publisher": scope.publisher,
    }


def source_url(header: DocumentHeader, span: Span | None = None) -> str:
    """Return the path of the readable page, with the quote that it highlights."""
    page = f"/sources/{quote(header.document_id, safe='')}?version={header.version}"
    return page if span is None else f"{page}&start={span.start}&end={span.end}#quote"


def _refusal_body(refusal: Refusal) -> dict[str, Any]:
    return {
        "reason": refusal.reason.value,
        "message": refusal.message,
        "nearest": [_citation_body(citation) for citation in refusal.nearest],
    }


def _clarification_body(clarification: Clarification) -> dict[str, Any]:
    return {
        "question": clarification.asks,
        "options": [{"text": one.text, "citation": _citation_body(one.citation)} for one in clarification.options],
    }


def _superseded_body(one: Superseded) -> dict[str, Any]:
    return {"was": one.was, "now": one.now, "replaced": _citation_body(one.replaced), "by": _citation_body(one.by)}


def _conflict_body(conflict: Conflict) -> dict[str, Any]:
    return {
        "sides": [
            {"value": side.value, "citations": [_citation_body(citation) for citation in side.citations]}
            for side in conflict.sides
        ]
    }


def _citation_body(citation: Citation) -> dict[str, Any]:
    return {
        "mark": citation.mark,
        **_place(citation.header, citation.passage_id, citation.span, citation.quote),
        "speaker": citation.speaker,
        "support": round(citation.support, 4),
        "event_dates": [
            {"start": one.span.start, "end": one.span.end, "first": one.first.isoformat(), "last": one.last.isoformat()}
            for one in citation.event_dates
        ],
        "copies": _copies(citation.copies),
    }


def _evidence_body(piece: Evidence) -> dict[str, Any]:
    return {
        "evidence_id": piece.evidence_id,
        "score": round(piece.score, 4),
        **_place(piece.citable.header, piece.citable.passage.passage_id, piece.span, piece.text),
        "speaker": piece.speaker,
        "copies": _copies(piece.copies),
    }


def _place(header: DocumentHeader, passage_id: str, span: Span, words: str) -> dict[str, Any]:
    return {
        "document_id": header.document_id,
        "version": header.version,
        "passage_id": passage_id,
        "start": span.start,
        "end": span.end,
        "quote": words,
        "title": header.title,
        "publisher": header.publisher,
        "published": header.published.isoformat() if header.published else None,
        "place": header.place,
        "url": source_url(header, span),
    }


def _copies(headers: Sequence[DocumentHeader]) -> list[dict[str, Any]]:
    return [
        {
            "document_id": header.document_id,
            "version": header.version,
            "title": header.title,
            "publisher": header.publisher,
            "published": header.published.isoformat() if header.published else None,
            "url": source_url(header),
        }
        for header in headers
    ]


def _trace_body(trace: Trace) -> dict[str, Any]:
    prompt = trace.prompt
    return {
        "stand_alone_question": trace.stand_alone_question,
        "time_scope": scope_body(trace.scope),
        "passages": [passage_body(ranked) for ranked in trace.passages],
        "evidence": [_evidence_body(piece) for piece in trace.evidence],
        "answerability": None if trace.answerability is None else round(trace.answerability, 4),
        "signals": {name: round(value, 4) for name, value in trace.signals.items()},
        "prompt": None if prompt is None else asdict(prompt),
        "model": trace.model,
        "usage": {"prompt_tokens": trace.prompt_tokens, "completion_tokens": trace.completion_tokens},
        "notes": list(trace.notes),
        "timings_ms": {stage: round(milliseconds, 2) for stage, milliseconds in trace.timings_ms.items()},
    }
