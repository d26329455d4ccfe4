"""What the answering chain yields while it works; JSON and SSE are two renderings of these."""

from dataclasses import dataclass

from domain.answers import Answer, AnswerSentence, Evidence, TimeScope
from domain.corpus import RankedPassage


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """The question as it is searched for."""

    stand_alone_question: str
    scope: TimeScope


@dataclass(frozen=True, slots=True, kw_only=True)
class PassagesFound:
    """Every passage that retrieval handed on, best first."""

    passages: tuple[RankedPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChosen:
    """The sentences that may answer; verified quotes, shown while a model still writes."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceVerified:
    """One sentence that passed its checks; nothing is taken back."""

    sentence: AnswerSentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The whole answer or refusal, as it is stored and returned."""

    answer: Answer


AnswerEvent = Understood | PassagesFound | EvidenceChosen | SentenceVerified | Done
