"""Where the record says two things: what a later report replaced, and sources that contradict each other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from domain.corpus import RankedPassage, Span
from service.answering.amendments import Amendment, amendments_in
from service.answering.decide import Scored, log_odds
from service.answering.evidence import speaker_of
from service.answering.lexical_match import keys_of
from service.answering.numbers import numbers_of
from service.answering.relevance import Asking
from service.answering.values import Value, answer_in_words, content_beside, figures_of

_AS_RELEVANT: Final = 3.0  # Log-odds below the best sentence within which another may contradict or replace it.
_ANSWERS: Final = 0.0  # Log-odds that a passage answers, from which its answer in words is taken at its word.
_SAME_THING: Final = 0.5  # Of the content of the shorter of two sentences about one thing, the least share in both.
_LEAST_SHARED: Final = 2
_MOST_HOPS: Final = 4
_MOST_SIDES: Final = 4
_LEADS: Final = 3  # Sentences that others are held against.
_ASKS_ABOUT_BEFORE: Final = re.compile(
    r"\b(?:originally|initially|at first|first (?:said|set|announced|reported|planned)|before (?:the|it|that|being)"
    r"|previous(?:ly)?|earlier|formerly|used to|old|draft|provisional|wrong(?:ly)?|error|mistake|correct(?:ed|ion)"
    r"|chang(?:e|ed)|rais(?:e|ed)|why|how did|replac\w+|amend\w+)\b",
    re.IGNORECASE,
)
_SEVERAL: Final = re.compile(
    r"\b(?:which|what)\s+(?:\w+\s+){0,2}?(?!(?:was|has|does|this|its|his)\b)\w+[^s\W]s\b"
    r"|\b(?:who|what|which) (?:are|were)\b",
    re.IGNORECASE,
)
_TENTATIVE: Final = re.compile(
    r"\b(?:would|expect\w*|plan(?:s|ned)?|provisional\w*|preliminary|draft\w*|propos\w*|estimat\w*|forecast\w*|projected"
    r"|scheduled|hop(?:e|es|ed)|offered|asked for|first count|so far|initial\w*)\b",
    re.IGNORECASE,
)
_SETTLES: Final = re.compile(
    r"\b(?:now|final(?:ly|ised|ized)?|certified|confirmed|revis\w*|amend\w*|correct\w*|latest|updated?|rais\w+|risen|rose"
    r"|moved|postponed|extended|cut|lowered|reduced|instead|since)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A sentence with the value by which it answers."""

    scored: Scored
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What the record said, and what it says in its place."""

    was: Stated
    now: Stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """What the found sentences say of one thing in more than one way.

    Attributes:
        replaced: In the order of time; the last `now` holds.
        sides: Values that contradict each other, each with its sentences, best first; empty or two at least.
    """

    replaced: tuple[Replaced, ...] = ()
    sides: tuple[tuple[Stated, ...], ...] = ()

    @property
    def current(self) -> tuple[Scored, ...]:
        """The sentences that an answer must cite: what holds now, or each side of a conflict."""
        if self.replaced:
            return (self.replaced[-1].now.scored,)
        return tuple(side[0].scored for side in self.sides)

    def is_replaced(self, one: Scored) -> bool:
        """Tell whether a sentence gives a value that holds no longer, and not the one that does."""
        values = figures_of(one.fit.text)
        gives_old = any(pair.was.value.is_like(value) and pair.was.value.is_same(value)
                        for pair in self.replaced for value in values)  # fmt: skip
        gives_new = bool(self.replaced) and any(self.replaced[-1].now.value.is_same(value) for value in values)
        return gives_old and not gives_new


def disagreement_of(asking: Asking, scored: Sequence[Scored]) -> Disagreement:
    """Find what the sentences that may answer say in more than one way.

    Questions about what was said before, or about the change itself, are answered as they are.

    Args:
        asking: The question.
        scored: The sentences of the found passages, best first.
    """
    if not scored or _ASKS_ABOUT_BEFORE.search(asking.text):
        return Disagreement()
    replaced = _replacements(asking, _stated(asking, scored[0]), scored) or _amended_beside(asking, scored)
    if replaced:
        return Disagreement(replaced=replaced)
    leads = [scored[0], *(one for one in scored[1:_LEADS] if _surely(one))]
    sides = (_sides(asking, _stated(asking, lead), scored) for lead in leads)
    return Disagreement(sides=next((found for found in sides if found), ()))


def _stated(asking: Asking, one: Scored) -> tuple[Stated, ...]:
    """Return what a sentence says by which it answers; what the question says itself is no answer."""
    asked = figures_of(asking.text)
    values = (value for value in _answering(one) if not any(value.is_same(other) for other in asked))
    return tuple(Stated(scored=one, value=value) for value in values)


def by_what_holds(scored: Sequence[Scored], told: Disagreement) -> tuple[Scored, ...]:
    """Return the sentences with what an answer must cite first, as relevant as the best, without what it replaced."""
    if not told.current:
        return tuple(scored)
    first = [replace(one, score=scored[0].score) for one in told.current]
    rest = [one for one in scored if one not in told.current and not told.is_replaced(one)]
    return (*first, *rest)


def _answering(one: Scored) -> tuple[Value, ...]:
    """Return the values by which a sentence answers: those of the words that the reader points at, else its figures."""
    figures = figures_of(one.fit.text)
    span = _span_in(one)
    if span is None:
        return figures
    words = one.fit.ranked.passage.words(span)
    inside = figures_of(words)
    if inside:
        return tuple(value for value in figures if any(value.is_same(other) for other in inside)) or inside
    return (answer_in_words(words),) if keys_of(words) else figures


def _span_in(one: Scored) -> Span | None:
    reading = one.fit.ranked.reading
    if reading is None or reading.span is None or not one.fit.span.contains(reading.span):
        return None
    return reading.span if reading.span_score > 0 else None


def _replacements(asking: Asking, lead: Sequence[Stated], scored: Sequence[Scored]) -> tuple[Replaced, ...]:
    """Follow what replaces the best sentence's value to what holds now; or find what that value replaced."""
    amendments = list(_amendments(scored))
    for stated in lead:
        chain: list[Replaced] = []
        current = stated
        while len(chain) < _MOST_HOPS:
            following = _amended(current, amendments, scored)
            if following is None and not chain:
                following = _updated(asking, current, scored)
            if following is None:
                break
            if any(following.value.is_same(pair.was.value) for pair in chain) or following.value.is_same(stated.value):
                break
            chain.append(Replaced(was=current, now=following))
            current = following
        if chain:
            return tuple(chain)
    for stated in lead:
        before = _before(asking, stated, amendments, scored)
        if before is not None:
            return (Replaced(was=before, now=stated),)
    return ()


def _amended_beside(asking: Asking, scored: Sequence[Scored]) -> tuple[Replaced, ...]:
    """Return what a text says takes the place of a value beside the one that answers, in the best passage.

    Both sentences have to name something that is asked about: "floating stations" for the stations of the question.
    """
    best = scored[0].fit.ranked.passage.passage_id
    beside = [one for one in scored[:_LEADS] if one.fit.ranked.passage.passage_id == best]
    amendments = list(_amendments(scored))
    asked = keys_of(asking.text)
    for one in beside:
        for value in figures_of(one.fit.text):
            stated = Stated(scored=one, value=value)
            now = _amended(stated, amendments, scored)
            if now is not None and asked & keys_of(one.fit.text) & keys_of(now.scored.fit.text):
                return (Replaced(was=stated, now=now),)
    return ()


def _amendments(scored: Sequence[Scored]) -> Iterator[tuple[RankedPassage, Amendment]]:
    passages = {one.fit.ranked.passage.passage_id: one.fit.ranked for one in scored}
    for ranked in passages.values():
        sentences = [ranked.passage.words(span) for span in ranked.passage.sentences]
        for amendment in amendments_in(sentences, title=ranked.citable.header.title or ""):
            yield ranked, amendment


def _amended(
    stated: Stated, amendments: Sequence[tuple[RankedPassage, Amendment]], scored: Sequence[Scored]
) -> Stated | None:
    """Return what a text, no older, says takes the place of a value."""
    if stated.value.kind == "words":
        return None
    for ranked, amendment in amendments:
        if (
            stated.value.is_like(amendment.was)
            and stated.value.is_same(amendment.was)
            and not _is_before(ranked, stated.scored.fit.ranked)
            and (found := _sentence(ranked, amendment.sentence, scored)) is not None
        ):
            return Stated(scored=found, value=amendment.now)
    return None


def _updated(asking: Asking, stated: Stated, scored: Sequence[Scored]) -> Stated | None:
    """Return what a later report about the same thing gives in place of a value."""
    if stated.value.kind == "words":
        return None
    return next(
        (
            one
            for one in _others(asking, stated, scored)
            if _is_before(stated.scored.fit.ranked, one.scored.fit.ranked) and _updates(one, stated)
        ),
        None,
    )


def _before(
    asking: Asking,
    stated: Stated,
    amendments: Sequence[tuple[RankedPassage, Amendment]],
    scored: Sequence[Scored],
) -> Stated | None:
    """Return what a value replaced, from an earlier report that the record holds."""
    if stated.value.kind == "words":
        return None
    was = [
        amendment.was
        for _, amendment in amendments
        if stated.value.is_like(amendment.now) and stated.value.is_same(amendment.now)
    ]
    for one in scored:
        if one is not stated.scored and not _is_before(stated.scored.fit.ranked, one.fit.ranked):
            for value in figures_of(one.fit.text):
                if any(value.is_like(old) and value.is_same(old) for old in was):
                    return Stated(scored=one, value=value)
    return next(
        (
            one
            for one in _others(asking, stated, scored)
            if _is_before(one.scored.fit.ranked, stated.scored.fit.ranked) and _updates(stated, one)
        ),
        None,
    )


def _others(asking: Asking, stated: Stated, scored: Sequence[Scored]) -> Iterator[Stated]:
    """Yield other sentences about the same thing that give another value of the same kind, best first."""
    own = figures_of(stated.scored.fit.text)  # A sentence that gives both disagrees with neither.
    for one in scored:
        if one is stated.scored or log_odds(stated.scored.score) - log_odds(one.score) > _AS_RELEVANT:
            continue
        values = figures_of(one.fit.text)
        if any(value.is_same(stated.value) for value in values):
            continue
        alike = [value for value in values if value.unit == stated.value.unit and value.kind == stated.value.kind]
        if len(alike) != 1 or any(alike[0].is_same(value) for value in own):
            continue
        if _is_of_the_same_time(asking, one, stated.scored) and _is_about_the_same(
            one, stated.scored, (alike[0], stated.value)
        ):
            yield Stated(scored=one, value=alike[0])


def _is_of_the_same_time(asking: Asking, one: Scored, other: Scored) -> bool:
    """Tell whether two sentences say the same of the years, months and numbers of the question."""
    asked, here, there = (
        {(number.value, number.month) for number in numbers_of(text)}
        for text in (asking.text, one.fit.text, other.fit.text)
    )
    return asked & there == asked & here


def _is_about_the_same(one: Scored, other: Scored, values: Sequence[Value]) -> bool:
    other_figures = [_amounts_beside(each.fit.text, values) for each in (one, other)]
    if all(other_figures) and not frozenset.intersection(*other_figures):
        return False  # "iPhone 14" and "iPhone 15".
    here, there = (content_beside(each.fit.text, values) for each in (one, other))
    shared = len(here & there)
    return shared >= _LEAST_SHARED and shared >= _SAME_THING * min(len(here), len(there))


def _amounts_beside(text: str, values: Sequence[Value]) -> frozenset[Decimal]:
    return frozenset(
        value.amount
        for value in figures_of(text)
        if value.kind == "figure" and not any(value.is_same(other) for other in values)
    )


def _updates(later: Stated, earlier: Stated) -> bool:
    """Tell whether a later report takes the place of an earlier one, rather than contradicting it."""
    first, second = (one.scored.fit.ranked.citable.header.publisher for one in (earlier, later))
    if _SETTLES.search(later.scored.fit.text) or _TENTATIVE.search(earlier.scored.fit.text):
        return True
    return first is not None and first == second


def _is_before(first: RankedPassage, second: RankedPassage) -> bool:
    one, other = first.citable.header.published, second.citable.header.published
    return one is not None and other is not None and one < other


def _sentence(ranked: RankedPassage, place: int, scored: Sequence[Scored]) -> Scored | None:
    span = ranked.passage.sentences[place]
    return next(
        (
            one
            for one in scored
            if one.fit.ranked.passage.passage_id == ranked.passage.passage_id and one.fit.span == span
        ),
        None,
    )


def _sides(asking: Asking, lead: Sequence[Stated], scored: Sequence[Scored]) -> tuple[tuple[Stated, ...], ...]:
    """Return the values that other sources give in place of the best sentence's, that one's first."""
    for stated in lead:
        others = [
            one
            for one in (
                _others(asking, stated, scored)
                if stated.value.kind != "words"
                else _other_words(asking, stated, scored)
            )
            if _is_another_source(one.scored, stated.scored)
        ]
        if others:
            groups: list[list[Stated]] = [[stated]]
            for one in others:
                group = next((group for group in groups if group[0].value.is_same(one.value)), None)
                if group is None:
                    groups.append([one])
                else:
                    group.append(one)
            return tuple(tuple(group) for group in groups[:_MOST_SIDES]) if len(groups) > 1 else ()
    return ()


def _other_words(asking: Asking, stated: Stated, scored: Sequence[Scored]) -> Iterator[Stated]:
    """Yield sentences of other passages whose answer in words is another, where both surely answer."""
    if _SEVERAL.search(asking.text) or not _surely(stated.scored):
        return
    for one in scored:
        span = _span_in(one)
        if one is stated.scored or span is None or not _surely(one):
            continue
        value = answer_in_words(one.fit.ranked.passage.words(span))
        if not value.keys or figures_of(value.text) or value.text[0].isupper() != stated.value.text[0].isupper():
            continue
        if value.is_same(stated.value) or _is_about_the_same(one, stated.scored, (value, stated.value)):
            yield Stated(scored=one, value=value)


def _surely(one: Scored) -> bool:
    reading = one.fit.ranked.reading
    return reading is not None and reading.answers >= _ANSWERS and _span_in(one) is not None


def _is_another_source(one: Scored, other: Scored) -> bool:
    """Tell whether two sentences are of different documents, or of different speakers of one."""
    first, second = one.fit.ranked, other.fit.ranked
    if first.passage.document_id != second.passage.document_id:
        return True
    speakers = {speaker_of(each.fit.ranked.citable, each.fit.span) for each in (one, other)}
    return len(speakers) > 1 and None not in speakers
