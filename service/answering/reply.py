"""The form of a model's reply: the schema it is asked for, the text it is shown, and the strict parser."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.answers import Evidence
from domain.errors import MalformedReplyError
from domain.ports import DraftSentence

MAX_SENTENCES = 5
_MAX_SENTENCE_CHARS = 600
_LONGEST_FAULT = 400
# Evidence stands between tags, so the characters that make tags are replaced by look-alikes inside it.
_WITHOUT_TAGS = str.maketrans({"<": "‹", ">": "›"})


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=_MAX_SENTENCE_CHARS)
    evidence_ids: list[str] = Field(min_length=1)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sentences: list[_Sentence] = Field(max_length=MAX_SENTENCES)


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


def reply_schema(evidence_ids: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a reply, in which only the shown ids can be named."""
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "evidence_ids": {"type": "array", "items": {"type": "string", "enum": list(evidence_ids)}},
        },
        "required": ["text", "evidence_ids"],
        "additionalProperties": False,
    }
    return {
        "title": "reply",
        "description": "Sentences that answer the question, each with the ids of the evidence that says it.",
        "type": "object",
        "properties": {"sentences": {"type": "array", "items": sentence}},
        "required": ["sentences"],
        "additionalProperties": False,
    }


def parse_reply(reply: str, evidence_ids: Sequence[str]) -> tuple[DraftSentence, ...]:
    """Read a reply strictly; no sentences means that the model found no answer.

    Args:
        reply: The model's whole text. A Markdown code fence around the JSON is allowed, nothing else is.
        evidence_ids: The ids that were shown.

    Raises:
        MalformedReplyError: If it is not JSON of the asked form, or names an id that was not shown.
    """
    try:
        parsed = _Reply.model_validate_json(_without_fence(reply))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'reply'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise _malformed(f"The reply does not have the asked form: {faults}", reply) from error
    shown = set(evidence_ids)
    for sentence in parsed.sentences:
        if not sentence.text.strip():
            raise _malformed("The reply holds a sentence without words", reply)
        if unknown := sorted(set(sentence.evidence_ids) - shown):
            raise _malformed(f"The reply names evidence that was not shown: {unknown}; shown: {sorted(shown)}", reply)
    return tuple(
        DraftSentence(text=" ".join(sentence.text.split()), evidence_ids=tuple(dict.fromkeys(sentence.evidence_ids)))
        for sentence in parsed.sentences
    )


def _without_fence(reply: str) -> str:
    text = reply.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.removeprefix("```").removesuffix("```").removeprefix("json").strip()
    return text


def _malformed(message: str, reply: str) -> MalformedReplyError:
    return MalformedReplyError(
        message[:_LONGEST_FAULT],
        reply=reply,
        hint="The answer is given by quoting instead. A model that does this often cannot write structured output.",
    )
