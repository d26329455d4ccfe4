"""The cases of a run as a reader goes through them: the worst first, each quote in its context."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eval.cases import Case
from eval.metrics.matching import holds_gold
from eval.outcomes import Found, Outcome, Quote
from eval.report.wording import figure_text
from eval.run_file import ScoredLine
from eval.verdicts import SEVERITY, Verdict, verdict_of

_AROUND: Final = 280  # Characters of context on each side of a quote.
_LONG: Final = 900  # Longer gold texts and answers are cut; the run file has them whole.
_PASSAGES: Final = 3  # Shown for systems that only rank.
_TONES: Final = {
    Verdict.ANSWERED_UNANSWERABLE: "bad",
    Verdict.WRONG_VALUE: "bad",
    Verdict.WRONG_ANSWER: "bad",
    Verdict.UNSCORED: "warn",
    Verdict.WRONG_REFUSAL: "warn",
    Verdict.NOT_FOUND: "bad",
    Verdict.NOT_JUDGED: "plain",
    Verdict.RIGHT_ANSWER: "good",
    Verdict.RIGHT_REFUSAL: "good",
    Verdict.FOUND: "good",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Quoted words with what stands around them; `before` and `after` are empty where the passage is not known."""

    before: str
    quoted: str
    after: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSentence:
    """One sentence of an answer with its quotes."""

    text: str
    quotes: tuple[Words, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """One case as it is printed; everything is text.

    Attributes:
        tone: `good`, `warn`, `bad` or `plain`, for its colour.
        passages: What was ranked first, for systems that only rank.
        facts: Name and value of what else is known, in order.
    """

    case_id: str
    question: str
    history: tuple[str, ...]
    verdict: str
    tone: str
    said: str
    sentences: tuple[ShownSentence, ...]
    passages: tuple[Words, ...]
    expected: tuple[str, ...]
    gold: tuple[Words, ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseList:
    """The cases of one system on one data set.

    Attributes:
        counts: Verdict, its tone, and how many cases have it, the worst first.
        rest: Cases that are not shown: those after the limit.
    """

    system: str
    counts: tuple[tuple[str, str, int], ...]
    cases: tuple[ShownCase, ...]
    rest: int


def case_list(system: str, lines: Sequence[ScoredLine], *, limit: int) -> CaseList:
    """Return the worst `limit` cases; among equals the most confident mistakes first."""
    judged = [(verdict_of(line.case, line.outcome), line) for line in lines]
    judged.sort(key=lambda one: (SEVERITY[one[0]], -(one[1].outcome.confidence or 0.0), one[1].case.case_id))
    verdicts = [verdict for verdict, _ in judged]
    return CaseList(
        system=system,
        counts=tuple(
            (verdict.value, _TONES[verdict], verdicts.count(verdict)) for verdict in Verdict if verdict in verdicts
        ),
        cases=tuple(_shown(verdict, line.case, line.outcome) for verdict, line in judged[:limit]),
        rest=max(len(judged) - limit, 0),
    )


def quote_in_context(quote: Quote, found: Sequence[Found]) -> Words:
    """Return a quote within the passage that it was taken from, cut to what is near it."""
    passages = [one for one in found if one.doc_id == quote.doc_id] or list(found)
    source = quote.doc_id + (f" · {quote.speaker}" if quote.speaker else "")
    for passage in passages:
        start = passage.text.find(quote.text)
        if start >= 0 and quote.text:
            return _cut(passage.text, start, start + len(quote.text), source)
    return Words(before="", quoted=_shortened(quote.text), after="", source=source)


def _shown(verdict: Verdict, case: Case, outcome: Outcome) -> ShownCase:
    return ShownCase(
        case_id=case.case_id,
        question=case.question,
        history=tuple(f"{turn.role}: {_shortened(turn.text)}" for turn in case.history),
        verdict=verdict.value,
        tone=_TONES[verdict],
        said=_said(outcome),
        sentences=tuple(
            ShownSentence(
                text=sentence.text, quotes=tuple(quote_in_context(quote, outcome.found) for quote in sentence.quotes)
            )
            for sentence in outcome.sentences
        ),
        passages=_ranked(case, outcome) if outcome.status == "retrieved" else (),
        expected=tuple(_shortened(answer) for answer in case.answers)
        if case.answerable
        else ("a refusal" + (f": {case.refusal_reason}" if case.refusal_reason else ""),),
        gold=tuple(Words(before="", quoted=_shortened(gold.text), after="", source=gold.doc_id) for gold in case.gold),
        facts=_facts(case, outcome),
    )


def _said(outcome: Outcome) -> str:
    match outcome.status:
        case "unscored":
            return f"The case failed: {outcome.reason or 'no reason is given'}"
        case "refused":
            return f"Refused: {outcome.refusal_reason or 'no reason is given'}"
        case "retrieved":
            return f"{len(outcome.found)} passages ranked"
        case "answered":
            return "" if outcome.sentences else _shortened(outcome.text)


def _ranked(case: Case, outcome: Outcome) -> tuple[Words, ...]:
    shown = []
    for rank, one in enumerate(outcome.found[:_PASSAGES], start=1):
        is_gold = any(gold.text and holds_gold(one.text, gold.text) for gold in case.gold)
        text = _shortened(one.text)
        source = f"{rank}. {one.doc_id}"
        shown.append(
            Words(before="", quoted=text, after="", source=f"{source} · holds gold")
            if is_gold
            else Words(before=text, quoted="", after="", source=source)
        )
    return tuple(shown)


def _facts(case: Case, outcome: Outcome) -> tuple[tuple[str, str], ...]:
    scope = case.scope
    asked = outcome.stand_alone if outcome.stand_alone not in {None, case.question} else None
    facts: list[tuple[str, object]] = [
        ("kind", case.kind.replace("_", " ")),
        ("year", case.year),
        ("as of", scope.as_of),
        ("from", scope.published_from),
        ("to", scope.published_to),
        ("publisher", scope.publisher),
        ("searched for", asked),
        ("must not be given", ", ".join(case.forbidden) or None),
        ("confidence", None if outcome.confidence is None else f"{outcome.confidence:.2f}"),
        ("written", outcome.mode or None),
        ("withheld", ", ".join(outcome.withheld) or None),
        ("time", figure_text(outcome.timings_ms["total"], "ms") if "total" in outcome.timings_ms else None),
    ]
    return tuple((name, str(value)) for name, value in facts if value is not None)


def _cut(text: str, start: int, end: int, source: str) -> Words:
    before, after = text[:start], text[end:]
    if len(before) > _AROUND:
        before = "…" + re.sub(r"^\S*\s", "", before[-_AROUND:])
    if len(after) > _AROUND:
        after = re.sub(r"\s\S*$", "", after[:_AROUND]) + "…"
    return Words(before=before, quoted=text[start:end], after=after, source=source)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONG else text[:_LONG].rstrip() + "…"
