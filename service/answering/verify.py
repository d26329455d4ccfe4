"""Draft → sentences that their evidence supports; everything else is withheld with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.answers import Evidence, WithheldSentence
from domain.ports import DraftSentence, SupportChecker
from service.answering.clean import has_words, other_script, shown
from service.answering.guards import GUARDS, Guard, first_failing

_MOST_REBOUND: Final = 3  # Other pieces that are tried for a sentence whose own do not support it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """A cleaned sentence and the evidence that supports it, best first, each with what they score together."""

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
    alone = _alone(text, cited, checker)
    ranked = sorted(cited, key=lambda piece: -alone[piece.evidence_id])
    reason = None
    # The fewest that carry it: a piece cited in passing is not shown as support.
    for group in (ranked[:count] for count in range(1, len(ranked) + 1)):
        # Guards first: "the number is not there" tells more than "not supported".
        reason = first_failing(text, group, guards)
        if reason is None:
            score = alone[group[0].evidence_id] if len(group) == 1 else checker.support(text, [group])[0]
            if score >= min_support:
                return Supported(text=text, evidence=tuple((piece, score) for piece in group))
            reason = "not_supported"
    alone |= _alone(text, [piece for piece in evidence if piece not in cited], checker)
    for piece in _others(evidence, alone, ranked[:1], min_support):
        if first_failing(text, (piece,), guards) is None:
            return Supported(text=text, evidence=((piece, alone[piece.evidence_id]),))
    return WithheldSentence(text=text, reason=reason or "unknown_evidence")


def _alone(text: str, pieces: Sequence[Evidence], checker: SupportChecker) -> dict[str, float]:
    scores = checker.support(text, [(piece,) for piece in pieces])
    return dict(zip((piece.evidence_id for piece in pieces), scores, strict=True))


def _others(
    evidence: Sequence[Evidence], alone: Mapping[str, float], tried: Sequence[Evidence], min_support: float
) -> list[Evidence]:
    able = [piece for piece in evidence if piece not in tried and alone[piece.evidence_id] >= min_support]
    return sorted(able, key=lambda piece: -alone[piece.evidence_id])[:_MOST_REBOUND]
