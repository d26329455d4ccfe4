"""Question → stand-alone question and time scope, by rules that change nothing where they are not sure."""

import re
from dataclasses import dataclass
from typing import Final

from domain.answers import Question, TimeScope
from service.answering.follow_up import stand_alone
from service.answering.time_scope import merged, with_time_scope

_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<!--.*?-->", re.DOTALL)
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What is searched for.

    Attributes:
        text: A question that needs no conversation around it.
        scope: The request's scope, narrowed by a date that the question states as its own.
    """

    text: str
    scope: TimeScope


def understand(question: Question) -> Understanding:
    """Make a question stand alone and read the time scope from it.

    Raises:
        QuestionError: If the scope that the question states contradicts the request's.
    """
    text = _clean(question.text) or question.text.strip()
    text, said = with_time_scope(text)
    history = [(turn.role, _clean(turn.text)) for turn in question.history]
    return Understanding(text=stand_alone(text, history), scope=merged(question.scope, said))


def _clean(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", _TAG.sub(" ", text)).split())
