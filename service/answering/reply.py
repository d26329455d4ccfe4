"""The form of a model's reply: the schema that it is asked for, and a strict reader of what arrives."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import MalformedReplyError
from domain.ports import DraftSentence

MAX_SENTENCES: Final = 5
_MAX_SENTENCE_CHARS: Final = 600
_LONGEST_FAULT: Final = 400
_HEAD: Final = re.compile(r'\s*(?:```(?:json)?\s*)?\{\s*"sentences"\s*:\s*\[')
_GAP: Final = re.compile(r"[\s,]*")
_DECODER: Final = json.JSONDecoder()


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=_MAX_SENTENCE_CHARS)
    evidence_ids: list[str] = Field(min_length=1)

    def draft(self) -> DraftSentence:
        return DraftSentence(text=self.text, evidence_ids=tuple(self.evidence_ids))


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sentences: list[_Sentence] = Field(max_length=MAX_SENTENCES)


class ReplyReader:
    """Reads one reply piece by piece, and gives each sentence when its object closes.

    Args:
        evidence_ids: The ids that were shown.
    """

    def __init__(self, evidence_ids: Sequence[str]) -> None:
        self._shown = evidence_ids
        self._text = ""
        self._place: int | None = None  # Where the next object begins; `None` before the list has begun.
        self._given = 0

    def feed(self, text: str) -> tuple[DraftSentence, ...]:
        """Take in what has arrived and return the sentences that it completes; what is not one shows at the end."""
        self._text += text
        if "}" not in text or self._given >= MAX_SENTENCES:
            return ()
        found: list[DraftSentence] = []
        while len(found) + self._given < MAX_SENTENCES and (sentence := self._next()) is not None:
            found.append(sentence)
        self._given += len(found)
        return tuple(found)

    def end(self) -> tuple[DraftSentence, ...]:
        """Return the sentences that were not given yet; a reply without any means that the model found no answer.

        Raises:
            MalformedReplyError: If the whole reply does not have the asked form, as `parse_reply` says.
        """
        return parse_reply(self._text, self._shown)[self._given :]

    def _next(self) -> DraftSentence | None:
        """Return the next whole sentence, or `None` where there is none yet or what stands there is not one."""
        if self._place is None:
            head = _HEAD.match(self._text)
            if head is None:
                return None
            self._place = head.end()
        gap = _GAP.match(self._text, self._place)
        start = gap.end() if gap is not None else self._place
        if not self._text.startswith("{", start):
            return None
        try:
            value, end = _DECODER.raw_decode(self._text, start)
            sentence = _checked(_Sentence.model_validate(value).draft(), self._shown, self._text)
        except (ValueError, RecursionError, MalformedReplyError):
            return None
        self._place = end
        return sentence


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
    return tuple(_checked(sentence.draft(), evidence_ids, reply) for sentence in parsed.sentences)


def _without_fence(reply: str) -> str:
    text = reply.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.removeprefix("```").removesuffix("```").removeprefix("json").strip()
    return text


def _malformed(message: str, reply: str) -> MalformedReplyError:
    """Return the error of a reply that does not have the asked form."""
    return MalformedReplyError(
        message[:_LONGEST_FAULT],
        reply=reply,
        hint="The answer is given by quoting instead. A model that does this often cannot write structured output.",
    )


def _checked(sentence: DraftSentence, evidence_ids: Sequence[str], reply: str) -> DraftSentence:
    """Return a sentence that has words and names only evidence that was shown.

    Raises:
        MalformedReplyError: If it has none, or names other evidence.
    """
    if not sentence.text.strip():
        raise _malformed("The reply holds a sentence without words", reply)
    if unknown := sorted(set(sentence.evidence_ids) - set(evidence_ids)):
        shown = sorted(evidence_ids)
        raise _malformed(f"The reply names evidence that was not shown: {unknown}; shown: {shown}", reply)
    return DraftSentence(text=" ".join(sentence.text.split()), evidence_ids=tuple(dict.fromkeys(sentence.evidence_ids)))
