"""Draft → sentences that their evidence supports; everything else is withheld with a reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.answers import Evidence, WithheldSentence
from domain.ports import DraftSentence, SupportChecker
from service.answering.clean import has_words, other_script, shown
from service.answering.guards import GUARDS, Guard, Reason, first_failing
from service.answering.support import union_recall

_PART_OF_MINIMUM: Final = 0.6  # Of `min_support`, for each of several pieces that support a sentence together.
_TOGETHER: Final = 0.8  # Share of the content that several pieces must hold together.
_MOST_REBOUND: Final = 3  # Other pieces that are tried for a sentence whose own do not support it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """A cleaned sentence and the evidence that supports it, each with its score, best first."""

    text: str
    evidence: tuple[tuple[Evidence, float], ...]


def verify(
    sentence: DraftSentence,
    evidence: Sequence[Evidence],
    *,
    checker: SupportChecker,
    min_support: float,
    guards: Sequence[Guard] = GUARDS,
) -> Supported | WithheldSentence:
    """Check one sentence of a draft against the evidence that was shown.

    A sentence that its cited evidence does not support is bound to another shown piece that does; when there is none,
    it is withheld for the reason that its own evidence gave.

    Args:
        sentence: What was written, with what it cites.
        evidence: All that was shown.
        checker: Judges support.
        min_support: Support below this withholds the sentence.
        guards: Those that check it; an evaluation may leave some out.
    """
    text = shown(sentence.text)
    by_id = {piece.evidence_id: piece for piece in evidence}
    cited = tuple(by_id[name] for name in dict.fromkeys(sentence.evidence_ids) if name in by_id)
    if not has_words(text) or not evidence:
        return WithheldSentence(text=text, reason="not_supported")
    if other_script(text, " ".join(piece.text for piece in evidence)):
        return WithheldSentence(text=text, reason="not_supported")
    quoted = next((piece for piece in (*cited, *evidence) if shown(piece.text) == text), None)
    if quoted is not None:  # The record's own words, whichever evidence they were bound to.
        return Supported(text=text, evidence=((quoted, 1.0),))
    scores = dict(zip((piece.evidence_id for piece in evidence), checker.support(text, evidence), strict=True))
    judge = _judge(text, scores, min_support, guards)
    reason = judge(cited) if cited else None
    if cited and reason is None:
        return _supported(text, cited, scores, min_support, guards)
    for piece in _others(evidence, cited, scores, min_support):
        if judge((piece,)) is None:
            return Supported(text=text, evidence=((piece, scores[piece.evidence_id]),))
    return WithheldSentence(text=text, reason=reason or "unknown_evidence")


def _judge(
    text: str, scores: dict[str, float], min_support: float, guards: Sequence[Guard]
) -> Callable[[Sequence[Evidence]], Reason | None]:
    def judge(pieces: Sequence[Evidence]) -> Reason | None:
        # Guards first: "the number is not there" tells more than "not supported".
        return first_failing(text, pieces, guards) or (
            None if _is_supported(text, pieces, scores, min_support) else "not_supported"
        )

    return judge


def _is_supported(text: str, pieces: Sequence[Evidence], scores: dict[str, float], min_support: float) -> bool:
    own = [scores[piece.evidence_id] for piece in pieces]
    if max(own) >= min_support:
        return True
    partly = min_support * _PART_OF_MINIMUM
    return len(pieces) > 1 and min(own) >= partly and union_recall(text, pieces) >= _TOGETHER


def _supported(
    text: str, cited: Sequence[Evidence], scores: dict[str, float], min_support: float, guards: Sequence[Guard]
) -> Supported:
    """Keep the cited pieces that carry their part; a piece cited in passing is not shown as support."""
    ranked = sorted(cited, key=lambda piece: -scores[piece.evidence_id])
    kept = [piece for piece in ranked if scores[piece.evidence_id] >= min_support * _PART_OF_MINIMUM] or ranked[:1]
    for piece in ranked[len(kept) :]:
        if first_failing(text, kept, guards) is None:
            break
        kept = [*kept, piece]  # The guards need what a weaker piece says.
    return Supported(text=text, evidence=tuple((piece, scores[piece.evidence_id]) for piece in kept))


def _others(
    evidence: Sequence[Evidence], cited: Sequence[Evidence], scores: dict[str, float], min_support: float
) -> list[Evidence]:
    tried = {piece.evidence_id for piece in cited} if len(cited) == 1 else set()
    able = [piece for piece in evidence if piece.evidence_id not in tried and scores[piece.evidence_id] >= min_support]
    return sorted(able, key=lambda piece: -scores[piece.evidence_id])[:_MOST_REBOUND]
