"""How a model is asked to write, and how what it writes is read while it arrives."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from domain.errors import MalformedReplyError
from domain.ports import DraftSentence

MOST_SENTENCES: Final = 5
MOST_SENTENCE_CHARS: Final = 600
_LONGEST_FAULT: Final = 400


class ReplyReader(Protocol):
    """Reads one reply, piece by piece."""

    def feed(self, text: str) -> tuple[DraftSentence, ...]:
        """Take in what has arrived and return the sentences that it completes."""
        ...

    def end(self) -> tuple[DraftSentence, ...]:
        """Return the sentences that the end completes; a reply without any means that the model found no answer.

        Raises:
            MalformedReplyError: If the whole reply does not have the asked form.
        """
        ...


class ReplyForm(Protocol):
    """One way to bind sentences to evidence ids, with the prompt that asks for it."""

    @property
    def prompt(self) -> str:
        """Name of the released prompt."""
        ...

    def constraint(self, evidence_ids: Sequence[str]) -> Mapping[str, Any]:
        """Return what holds the endpoint to the form: `schema`, a JSON schema, or `grammar`, a GBNF grammar."""
        ...

    def reader(self, evidence_ids: Sequence[str]) -> ReplyReader:
        """Return a reader of one reply to a prompt that showed these ids."""
        ...


def malformed(message: str, reply: str) -> MalformedReplyError:
    """Return the error of a reply that does not have the asked form."""
    return MalformedReplyError(
        message[:_LONGEST_FAULT],
        reply=reply,
        hint="The answer is given by quoting instead. A model that does this often cannot write structured output.",
    )


def checked(sentence: DraftSentence, evidence_ids: Sequence[str], reply: str) -> DraftSentence:
    """Return a sentence that has words and names only evidence that was shown.

    Raises:
        MalformedReplyError: If it has none, or names other evidence.
    """
    if not sentence.text.strip():
        raise malformed("The reply holds a sentence without words", reply)
    if unknown := sorted(set(sentence.evidence_ids) - set(evidence_ids)):
        shown = sorted(evidence_ids)
        raise malformed(f"The reply names evidence that was not shown: {unknown}; shown: {shown}", reply)
    return DraftSentence(text=" ".join(sentence.text.split()), evidence_ids=tuple(dict.fromkeys(sentence.evidence_ids)))
