"""How many false sentences the assistant would show, and how many true ones it would withhold.

True sentences of a record are changed in ways that make them false (another number, date, name, speaker, a negation
more or less, a plan told as done) or leave them true (a number spelled, a date the other way round, an aside dropped).
Each goes through what a written sentence goes through, with its own words and those around it as the evidence. What
is changed is found here by rules of its own: those of the guards would find only what the guards look for.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import numpy as np

from domain.answers import Evidence, WithheldSentence
from domain.corpus import Citable, Span
from domain.ports import DraftSentence, SupportChecker
from domain.settings import Settings
from eval.corpora import Corpus
from eval.metrics.uncertainty import SEED, Estimate, estimate
from eval.records import RecordCache
from retriever.ledger_reading import LedgerReader
from retriever.wiring import LazySupportChecker, open_record
from service.answering.evidence import speaker_of
from service.answering.guards import GUARDS, Guard
from service.answering.verify import verify

_BESIDE: Final = 3  # Sentences around it that are evidence as well.
_LEAST_WORDS, _MOST_WORDS = 8, 45
_NEAR: Final = 0.5  # Share of the exchanged names that stand near the sentence: what a model mixes up.
_EXAMPLES: Final = 20
_STEM: Final = 4  # Letters that two forms of a name share.

_MONTHS: Final = tuple("January February March April May June July August September October November December".split())
_DAYS: Final = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
_SPELLED: Final = tuple("two three four five six seven eight nine ten eleven twelve".split())
_MONTH: Final = "|".join(month for month in _MONTHS if month != "May")
_DATE: Final = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}}) (?P<month>{_MONTH}|May)"
    rf"|(?P<month_first>{_MONTH}|May) (?P<day_behind>\d{{1,2}}))\b(?! \d)"
)
_DATED: Final = re.compile(rf"\b(?:{_MONTH}|{'|'.join(_DAYS)})\b|\b(?:19|20)\d\d\b")
_NUMBER: Final = re.compile(
    rf"(?<![\w.,:/\[-])(?<!^)\d{{1,3}}(?:,\d{{3}})*(?:\.\d+)?(?![\w:/]|,\d|\.\d| (?:{_MONTH}|May)\b)"
)
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b(?! (?:sides|countries|leaders))")
_MONEY: Final = "$€£¥"
_NAME: Final = re.compile(r"(?<=[a-z,;] )(?:[A-Z][a-zé]+(?: (?=[A-Z][a-zé]))?)+")
_NO_NAMES: Final = frozenset((*_MONTHS, *_DAYS, "I", "Us", "Mr", "Mrs", "Ms", "Dr"))
_SAYING: Final = (
    "said says announced agreed condemned welcomed urged warned denied claimed confirmed told called promised "
    "rejected demanded accused praised pledged insisted added stressed reiterated".split()
)
_SPEAKER: Final = re.compile(
    rf"^(?P<who>(?:The |A |Both )?(?:[\w’'.-]+ ){{0,6}}?[\w’'.-]+)(?= (?:{'|'.join(_SAYING)})\b)"
)
# A clause of its own is no party, and of a pronoun nobody can tell from the sentence who it is.
_NO_PARTY: Final = re.compile(
    r"[,;:(\"“\d]|\b(?:who|which|that|when|after|before|because|and|but|if|as|be|is|are|was|were|has|have|had|will|would|not"
    r"|it|he|she|they|we|i|this|there|their|its|his|her)\b",
    re.IGNORECASE,
)
_SEVERAL: Final = re.compile(r"\b(?:both|two|sides|countries|officials|parties|leaders)\b", re.IGNORECASE)
_AUXILIARY: Final = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|should|must|may|might)\b(?! not\b)"
)
_NOT: Final = re.compile(r"\b(?P<word>is|are|was|were|has|have|had|did|does|do|will|would|can|could|should) not\b")
_TURNED: Final = {
    "agreed to": "refused to",
    "welcomed": "condemned",
    "accepted": "rejected",
    "rejected": "accepted",
    "increased": "decreased",
    "rose": "fell",
    "fell": "rose",
    "won": "lost",
    "opened": "closed",
    "supported": "opposed",
    "approved": "rejected",
}
_HEDGED: Final = {
    "agreed to discuss": "agreed on",
    "called for": "agreed on",
    "plans to": "will",
    "plan to": "will",
    "hopes to": "will",
    "is expected to": "will",
    "are expected to": "will",
    "may": "will",
    "might": "will",
    "could": "will",
    "is considering": "has decided on",
    "proposed": "decided",
    "allegedly": "",
    "reportedly": "",
    "is accused of": "is guilty of",
    "tried to": "managed to",
    "threatened to": "began to",
}
_ASIDE: Final = re.compile(r" \([^()]{3,60}\)")
_RELATIVE: Final = re.compile(r", (?:which|who|whose|where)\b[^,;:]{10,}(?=\.$)|, (?:which|who)\b[^,;:]{10,80},(?= )")
_OPENING: Final = re.compile(r"^(?:However|Meanwhile|In addition|Moreover|Also|Earlier|Still), (?P<first>\w)")

Edit = Callable[["Original", Random], str | None]
"""Changes a sentence; `None` where there is nothing that it could change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A sentence of the record.

    Attributes:
        near: Names that stand around it, but not in it.
        far: Names of the whole record.
        speakers: Parties of the whole record that say or do something.
    """

    text: str
    evidence: tuple[Evidence, ...]
    near: tuple[str, ...]
    far: Sequence[str]
    speakers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of one changed sentence.

    Attributes:
        reason: Why it was withheld; `None` where it would be shown.
    """

    kind: str
    original: str
    text: str
    reason: str | None


def measure_configured(settings: Settings, records: RecordCache, corpus: Corpus, *, limit: int) -> tuple[Changed, ...]:
    """Measure what these settings give the assistant on the record of a data set; see `measure`."""
    with _opened(records, corpus) as (ledger, checker):
        return measure(ledger, checker, min_support=settings.answer.min_support, limit=limit)


def ablate_configured(
    settings: Settings, records: RecordCache, corpus: Corpus, *, limit: int
) -> dict[str, tuple[Changed, ...]]:
    """Measure the same with each check off in turn, by the reason for which it withholds."""
    with _opened(records, corpus) as (ledger, checker):
        least = settings.answer.min_support
        off: dict[str, tuple[Changed, ...]] = {
            reason: measure(ledger, checker, min_support=least, limit=limit, guards=_without(reason))
            for reason in dict.fromkeys(reason for reason, _ in GUARDS)
        }
        off["not_supported"] = measure(ledger, checker, min_support=0.0, limit=limit)
        return off


def _without(reason: str) -> tuple[Guard, ...]:
    return tuple(guard for guard in GUARDS if guard[0] != reason)


@contextmanager
def _opened(records: RecordCache, corpus: Corpus) -> Iterator[tuple[LedgerReader, SupportChecker]]:
    kept = records.get(corpus)
    with open_record(kept.settings, access="read", encoder=records.encoder) as record:
        yield record.ledger, LazySupportChecker(kept.settings.models)


def measure(
    ledger: LedgerReader,
    checker: SupportChecker,
    *,
    min_support: float,
    limit: int,
    guards: Sequence[Guard] = GUARDS,
    seed: int = SEED,
) -> tuple[Changed, ...]:
    """Change sentences of a record, at most `limit` of each kind, and say which would be shown.

    Args:
        ledger: Of the record.
        checker: What is measured, with the guards.
        min_support: Support below this withholds a sentence.
        limit: Of each kind.
        guards: Those that check.
        seed: Of what is drawn; the same sentences whatever checks them.
    """
    draw = Random(seed)  # noqa: S311  - chance, no secret
    counts: dict[str, int] = defaultdict(int)
    found = []
    for original in _originals(ledger, draw):
        for kind, edit in (*FALSE.items(), *TRUE.items()):
            if counts[kind] >= limit or (text := edit(original, draw)) is None or text == original.text:
                continue
            counts[kind] += 1
            draft = DraftSentence(text=text, evidence_ids=("E1",))
            outcome = verify(draft, original.evidence, checker=checker, min_support=min_support, guards=guards)
            reason = outcome.reason if isinstance(outcome, WithheldSentence) else None
            found.append(Changed(kind=kind, original=original.text, text=text, reason=reason))
        if all(counts[kind] >= limit for kind in (*FALSE, *TRUE)):
            break
    return tuple(found)


def shares(changed: Sequence[Changed]) -> dict[str, Estimate]:
    """Return by kind which share was shown, of what is false, or withheld, of what is true."""
    figures = {}
    for kind in (*FALSE, *TRUE):
        own = [one for one in changed if one.kind == kind]
        if own:
            wrong = np.array([float((one.reason is None) == (kind in FALSE)) for one in own])
            figures[kind] = estimate(wrong, [one.original for one in own], share=True)
    return figures


def plain(changed: Sequence[Changed]) -> dict[str, Any]:
    """Return figures and examples of what went wrong, as plain values."""
    return {
        kind: {
            "is_false": kind in FALSE,
            "n": figure.n,
            "wrong": figure.mean,
            "low": figure.low,
            "high": figure.high,
            "withheld_for": dict(Counter(one.reason for one in changed if one.kind == kind and one.reason is not None)),
            "examples": [
                {"original": one.original, "changed": one.text, "reason": one.reason}
                for one in changed
                if one.kind == kind and (one.reason is None) == (kind in FALSE)
            ][:_EXAMPLES],
        }
        for kind, figure in shares(changed).items()
    }


def _originals(ledger: LedgerReader, draw: Random) -> Iterator[Original]:
    citables = list(ledger.citables(ledger.passage_ids()).values())
    citables.sort(key=lambda one: one.passage.passage_id)
    draw.shuffle(citables)
    texts = [one.passage.text for one in citables]
    far = sorted({name for text in texts for name in names_of(text)})
    speakers = sorted({match["who"] for one in citables for _, text in _sentences(one) if (match := _spoken(text))})
    for one in citables:
        for span, text in draw.sample(whole := _sentences(one), k=len(whole)):
            around = [other for other, _ in whole if other != span][:_BESIDE]
            yield Original(
                text=text,
                evidence=tuple(_evidence(one, place, number) for number, place in enumerate((span, *around), start=1)),
                near=tuple(name for name in names_of(one.passage.text) if name not in text),
                far=far,
                speakers=speakers,
            )


def _sentences(one: Citable) -> list[tuple[Span, str]]:
    found = [(span, one.passage.words(span)) for span in one.passage.sentences]
    return [
        (span, text)
        for span, text in found
        if text.endswith(".") and "\n" not in text and _LEAST_WORDS <= len(text.split()) <= _MOST_WORDS
    ]


def _evidence(one: Citable, span: Span, number: int) -> Evidence:
    return Evidence(evidence_id=f"E{number}", citable=one, span=span, score=1.0, speaker=speaker_of(one, span))


def names_of(text: str) -> list[str]:
    """Return the names inside a text, by their capitals."""
    return [name for name in _NAME.findall(text) if not _NO_NAMES & set(name.split())]


def _other_number(original: Original, draw: Random) -> str | None:
    found = [match for match in _NUMBER.finditer(original.text) if not _is_year(match.group())]
    found += _NUMBER_WORD.finditer(original.text)
    if not found:
        return None
    match = draw.choice(found)
    if match.group() in _SPELLED:
        return _put(original.text, match, draw.choice([word for word in _SPELLED if word != match.group()]))
    digits = list(match.group())
    place = draw.choice([place for place, character in enumerate(digits) if character.isdigit()])
    least = 1 if place == 0 else 0
    digits[place] = draw.choice([str(n) for n in range(least, 10) if str(n) != digits[place]])
    return _put(original.text, match, "".join(digits))


def _is_year(text: str) -> bool:
    return len(text) == len("2024") and text[:2] in {"19", "20"}


def _other_date(original: Original, draw: Random) -> str | None:
    if not (found := list(_DATED.finditer(original.text))):
        return None
    match = draw.choice(found)
    for names in (_MONTHS, _DAYS):
        if match.group() in names:
            return _put(original.text, match, draw.choice([name for name in names if name != match.group()]))
    return _put(original.text, match, str(int(match.group()) + draw.choice((-3, -2, -1, 1, 2, 3))))


def _other_name(original: Original, draw: Random) -> str | None:
    found = [match for match in _NAME.finditer(original.text) if match.group() in names_of(original.text)]
    if not found:
        return None
    match = draw.choice(found)
    others = original.near if original.near and draw.random() < _NEAR else original.far
    other = draw.choice(others)
    return None if _alike(other, original.text) else _put(original.text, match, other)


def _other_speaker(original: Original, draw: Random) -> str | None:
    match = _spoken(original.text)
    if match is None:
        return None
    other = draw.choice(original.speakers)
    if _alike(other, match["who"]) or (_SEVERAL.search(other) and _SEVERAL.search(match["who"])):
        return None
    return _put(original.text, match, other)


def _alike(name: str, text: str) -> bool:
    """Tell whether a name may be another form of one in the text: "Zardari" or "Asif Ali Zardari", China or Chinese."""
    known = {word[:_STEM].casefold() for word in re.findall(r"\w{3,}", text)}
    return any(
        word[:_STEM].casefold() in known for word in re.findall(r"\w{3,}", name) if word[0].isupper() and word != "The"
    )


def _spoken(text: str) -> re.Match[str] | None:
    match = _SPEAKER.search(text)
    return None if match is None or not match["who"][0].isupper() or _NO_PARTY.search(match["who"]) else match


def _negated(original: Original, draw: Random) -> str | None:
    text = original.text
    ways = [(match, f"{match['word']}") for match in _NOT.finditer(text)]
    ways += [(match, f"{match.group()} not") for match in _AUXILIARY.finditer(text)]
    ways += [
        (match, other) for word, other in _TURNED.items() for match in re.finditer(rf"\b{re.escape(word)}\b", text)
    ]
    return _put(text, *draw.choice(ways)) if ways else None


def _unhedged(original: Original, draw: Random) -> str | None:
    text = original.text
    ways = [(match, other) for word, other in _HEDGED.items() for match in re.finditer(rf"\b{re.escape(word)}\b", text)]
    return " ".join(_put(text, *draw.choice(ways)).split()) if ways else None


def _spelled_otherwise(original: Original, draw: Random) -> str | None:
    text = original.text
    ways: list[tuple[re.Match[str], str]] = []
    for match in _NUMBER.finditer(text):
        whole = match.group()
        if text[match.start() - 1] in _MONEY:  # "$five" is no English.
            continue
        if whole in {str(n) for n in range(2, 13)} and not text[match.end() :].startswith(("%", " per")):
            ways.append((match, _SPELLED[int(whole) - 2]))
        elif re.fullmatch(r"[\d,]+,\d+", whole):
            ways.append((match, whole.replace(",", "")))
    ways += [
        (match, str(_SPELLED.index(match.group()) + 2))
        for match in _NUMBER_WORD.finditer(text)
        if text[match.start() - 1 : match.start()] != "-"
    ]
    ways += [(match, " percent") for match in re.finditer(r"(?<=\d)%", text)]
    ways += [(match, "%") for match in re.finditer(r"(?<=\d) per ?cent\b", text)]
    return _put(text, *draw.choice(ways)) if ways else None


def _date_turned(original: Original, draw: Random) -> str | None:
    if not (found := list(_DATE.finditer(original.text))):
        return None
    match = draw.choice(found)
    day, month = match["day"] or match["day_behind"], match["month"] or match["month_first"]
    return _put(original.text, match, f"{month} {day}" if match["day"] else f"{day} {month}")


def _shortened(original: Original, draw: Random) -> str | None:
    text = original.text
    ways = [(match, "") for pattern in (_ASIDE, _RELATIVE) for match in pattern.finditer(text)]
    ways += [(match, match["first"].upper()) for match in _OPENING.finditer(text)]
    return _put(text, *draw.choice(ways)) if ways else None


def _put(text: str, match: re.Match[str], other: str) -> str:
    return text[: match.start()] + other + text[match.end() :]


FALSE: Final[Mapping[str, Edit]] = {
    "number": _other_number,
    "date": _other_date,
    "name": _other_name,
    "speaker": _other_speaker,
    "negation": _negated,
    "modality": _unhedged,
}
TRUE: Final[Mapping[str, Edit]] = {
    "number spelled": _spelled_otherwise,
    "date turned": _date_turned,
    "shortened": _shortened,
}
