"""Questions to begin with, drawn from whom the record's newest documents let speak."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from domain.corpus import DocumentHeader

_SIDES: Final = re.compile(
    r"(?:the|both) [\w' -]+ sides?|both sides|the (?:two|three) (?:sides|countries)", re.IGNORECASE
)
_NAMED: Final = re.compile(r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+")
_LONGEST: Final = 60  # Of a speaker; what is longer is more than a name.


def suggested_questions(
    documents: Sequence[DocumentHeader], speakers: Mapping[str, Sequence[str]], *, limit: int
) -> tuple[str, ...]:
    """Return questions that the documents answer, at most one from each.

    Args:
        documents: Newest first.
        speakers: Whom each document lets speak, in reading order; those without a name are passed over.
        limit: Number of questions.
    """
    asked: dict[str, str] = {}
    for header in documents:
        if len(asked) == limit:
            break
        new = (one for one in _named(speakers.get(header.document_id, ())) if _key(one) not in asked)
        speaker = next(new, None)
        if speaker is not None:
            asked[_key(speaker)] = f"What did {speaker} say?"
    return tuple(asked.values())


def _named(speakers: Sequence[str]) -> Iterator[str]:
    for speaker in speakers:
        if len(speaker) > _LONGEST:
            continue
        if _SIDES.fullmatch(speaker):
            yield speaker[0].lower() + speaker[1:]
        elif _NAMED.fullmatch(speaker):
            yield speaker


def _key(speaker: str) -> str:
    """Return the word that "Mrs Roe" and "Water Minister Aldith Roe" share."""
    return speaker if _SIDES.fullmatch(speaker) else speaker.rsplit(maxsplit=1)[-1]
