"""What a prompt shows: evidence between tags that no document can close, and the question on one line."""

from collections.abc import Sequence
from typing import Final

from domain.answers import Evidence

# Evidence stands between tags, so the characters that make tags are replaced by look-alikes inside it.
_WITHOUT_TAGS: Final = str.maketrans({"<": "‹", ">": "›"})


def show_evidence(evidence: Sequence[Evidence]) -> str:
    """Write evidence as the prompt shows it: one tagged line each, with date, publisher and speaker.

    No text of a document can close or open a tag.
    """
    return "\n".join(_show(piece) for piece in evidence)


def _show(piece: Evidence) -> str:
    header = piece.citable.header
    origin = [str(header.published) if header.published else None, header.publisher, piece.speaker]
    known = ", ".join(_inline(part) for part in origin if part)
    label = f" ({known})" if known else ""
    return f"<{piece.evidence_id}>{label} {_inline(piece.text)}</{piece.evidence_id}>"


def _inline(text: str) -> str:
    return " ".join(text.split()).translate(_WITHOUT_TAGS)


def show_question(text: str) -> str:
    """Write a question as the prompt shows it: on one line and without tags."""
    return _inline(text)


def shown_sizes(evidence: Sequence[Evidence], question: str) -> dict[str, int]:
    """Return how many characters of a prompt each piece of evidence takes, by its id, and the question."""
    return {**{piece.evidence_id: len(_show(piece)) for piece in evidence}, "question": len(show_question(question))}
