"""Draft → sentences that their evidence supports; everything else is withheld with a reason.

What a question says is no evidence: where a supported sentence has words of the question that its evidence has not, the
words of the evidence are shown in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.answers import Evidence, WithheldSentence
from domain.ports import DraftSentence, SupportChecker
from service.answering.clean import has_words, other_script, shown
from service.answering.guards import GUARDS, Guard, first_failing
from service.answering.lexical_match import is_in, keys_of, terms_of

_MOST_REBOUND: Final = 3  # Other pieces that are tried for a sentence whose own do not support it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """A cleaned sentence and the evidence that supports it, best first, each with what they score together."""

    text: str
    evidence: tuple[tuple[Evidence, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Evidence that is to be shown as it stands, best first, in the place of what was written over it."""

    evidence: tuple[Evidence, ...]
    written: WithheldSentence


def verify(
    sentence: DraftSentence,
    evidence: Sequence[Evidence],
    *,
    checker: SupportChecker,
    min_support: float,
    question: str = "",
    guards: Sequence[Guard] = GUARDS,
) -> Supported | Quoted | WithheldSentence:
    """Check one sentence of a draft against the evidence that was shown.

    A sentence that its cited evidence does not support is bound to another shown piece that does; when there is none,
    it is withheld for the reason that its own evidence gave.

    Args:
        sentence: What was written, with what it cites.
        evidence: All that was shown.
        checker: Judges support.
        min_support: Support below this withholds the sentence.
        question: What was asked.
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
                return _said(text, question, tuple((piece, score) for piece in group))
            reason = "not_supported"
    alone |= _alone(text, [piece for piece in evidence if piece not in cited], checker)
    for piece in _others(evidence, alone, ranked[:1], min_support):
        if first_failing(text, (piece,), guards) is None:
            return _said(text, question, ((piece, alone[piece.evidence_id]),))
    return WithheldSentence(text=text, reason=reason or "unknown_evidence")


def _said(text: str, question: str, evidence: tuple[tuple[Evidence, float], ...]) -> Supported | Quoted:
    """Return a supported sentence, or its evidence alone where the sentence borrows from the question."""
    if not _borrowed(text, question, frozenset().union(*(keys_of(piece.text) for piece, _ in evidence))):
        return Supported(text=text, evidence=evidence)
    return Quoted(
        evidence=tuple(piece for piece, _ in evidence),
        written=WithheldSentence(text=text, reason="words_of_the_question"),
    )


def _borrowed(text: str, question: str, said: frozenset[str]) -> bool:
    """Tell whether a text has words of the question that were not said; names and figures have guards of their own."""
    asked = keys_of(question)
    return any(term.kind == "word" and is_in(term.key, asked) and not is_in(term.key, said) for term in terms_of(text))


def _alone(text: str, pieces: Sequence[Evidence], checker: SupportChecker) -> dict[str, float]:
    scores = checker.support(text, [(piece,) for piece in pieces])
    return dict(zip((piece.evidence_id for piece in pieces), scores, strict=True))


def _others(
    evidence: Sequence[Evidence], alone: Mapping[str, float], tried: Sequence[Evidence], min_support: float
) -> list[Evidence]:
    able = [piece for piece in evidence if piece not in tried and alone[piece.evidence_id] >= min_support]
    return sorted(able, key=lambda piece: -alone[piece.evidence_id])[:_MOST_REBOUND]
