"""Questions to begin with, drawn from whom the record's newest documents let speak."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from domain.corpus import DocumentHeader

_SIDE: Final = re.compile(r"[Tt]he [A-Z][\w-]+ side")
_NAMED: Final = re.compile(r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+")
_LONGEST: Final = 60  # Characters of a speaker; what is longer is more than a name.


def suggested_questions(
    documents: Sequence[DocumentHeader], speakers: Mapping[str, Sequence[str]], *, limit: int
) -> tuple[str, ...]:
    """Return questions that the documents answer: one speaker each, from as many publishers as there are.

    Args:
        documents: Newest first.
        speakers: Whom each document lets speak; those without a name are passed over.
        limit: Number of questions.
    """
    asked: dict[str, str] = {}
    for header in _publishers_in_turn(documents):
        speaker = next((one for one in _named(speakers.get(header.document_id, ())) if _key(one) not in asked), None)
        if speaker is not None:
            asked[_key(speaker)] = f"What did {speaker} say?"
        if len(asked) == limit:
            break
    return tuple(asked.values())


def _publishers_in_turn(documents: Sequence[DocumentHeader]) -> Iterator[DocumentHeader]:
    """Yield the newest document of each publisher, then the others."""
    first = {header.publisher: header for header in reversed(documents)}
    newest = [header for header in documents if first[header.publisher] is header]
    return chain(newest, (header for header in documents if first[header.publisher] is not header))


def _named(speakers: Sequence[str]) -> list[str]:
    """Return the speakers that a question can name, the most fully named first."""
    short = [one for one in dict.fromkeys(speakers) if len(one) <= _LONGEST]
    sides = [one[0].lower() + one[1:] for one in short if _SIDE.fullmatch(one)]
    people = sorted((one for one in short if _NAMED.fullmatch(one)), key=lambda one: -min(len(one.split()), 3))
    return [*people, *sides]


def _key(speaker: str) -> str:
    """Return the word that "Mrs Roe" and "Water Minister Aldith Roe" share."""
    return speaker if _SIDE.fullmatch(speaker) else speaker.rsplit(maxsplit=1)[-1]
