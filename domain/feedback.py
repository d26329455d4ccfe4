"""What readers say of answers, kept until it becomes cases of an evaluation."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from domain.answers import Turn
from domain.corpus import Span

Verdict = Literal["supports", "does_not_support", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Words of the record, by where they stand; the words themselves are not kept twice.

    Attributes:
        span: Code points of that version's text.
    """

    document_id: str
    version: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One verdict on a sentence of a stored answer, or on what the whole answer lacks.

    Attributes:
        sentence: Which one, from 0; `None` exactly for `missing`, which is about the whole answer.
        comment: For people; no figure is made of it.
        expected: What a right answer says.
        place: Where the record says it.
        history: The messages before the question, which the answer itself does not keep.
    """

    answer_id: str
    verdict: Verdict
    sentence: int | None = None
    comment: str | None = None
    expected: str | None = None
    place: Place | None = None
    history: tuple[Turn, ...] = ()

    def __post_init__(self) -> None:
        if (self.sentence is None) != (self.verdict == "missing"):
            raise ValueError("A verdict is on a sentence, unless something is missing from the answer")
        if self.verdict == "supports" and (self.expected is not None or self.place is not None):
            raise ValueError("Of a sentence that is supported nothing else is expected")

    @property
    def feedback_id(self) -> str:
        """`fb_` and 24 hexadecimal digits of everything that is said: what is said twice is one."""
        said = json.dumps(asdict(self), sort_keys=True)
        return "fb_" + hashlib.sha256(said.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFeedback:
    """Feedback as the record has it.

    Attributes:
        created: When it first came.
    """

    feedback: Feedback
    created: datetime
