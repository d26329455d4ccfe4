"""Do the quotes stand where they say, are they the evidence, and does each sentence say only what they say?

All of these are judged on answers; a refusal cites nothing and is not judged. They measure the assistant's own guards,
so they share no code with them: the errors of speaker, number and date are found by simple rules of their own, which
miss what no rule of this size can see ("several dozen" for 40).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eval.cases import Case
from eval.metrics.dates_and_numbers import date_parts, numbers
from eval.metrics.matching import holds_gold
from eval.metrics.refusals import balanced_decision
from eval.metrics.uncertainty import Estimate, bootstrap, estimate
from eval.outcomes import Outcome, Quote, Sentence

SUPPORTED: Final = 0.5  # Support from which a sentence counts as supported: the assistant's default `min_support`.

_SAYING: Final = (
    r"said|says|told|tells|announced|stated|added|warned|claimed|argued|insisted|stressed|urged|noted|confirmed|denied"
    r"|pointed out|declared|explained|replied"
)
_NAME: Final = r"(?:[A-Z][\w.'’-]*)(?:\s+(?:[A-Z][\w.'’-]*|of|the|for|and|de|van|al|bin))*"
_SPEAKERS: Final = (
    re.compile(rf"(?P<who>{_NAME})(?:,[^,]{{1,60}},)?\s+(?:has\s+|have\s+|had\s+|also\s+)*(?:{_SAYING})\b"),
    re.compile(rf"\b(?P<who>[Tt]he(?:\s+[\w-]+){{1,4}}?)\s+(?:has\s+|have\s+|had\s+|also\s+)*(?:{_SAYING})\b"),
    re.compile(rf"\b[Aa]ccording to (?P<who>{_NAME})"),
    re.compile(rf"^(?P<who>{_NAME}):\s"),
)
_NOBODY: Final = frozenset("he she they it who this that these those i we you there the a an mr mrs ms dr".split())
_WORD: Final = re.compile(r"[^\W_]+")


def verbatim(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the share of quotes that stand, letter by letter, at the place that is given for them.

    Range 0..1; `None` for answers without quotes, and for systems that give no places.
    """
    return _share(quote.verbatim for quote in _quotes(outcome) if quote.verbatim is not None)


def recall(case: Case, outcome: Outcome) -> float | None:
    """Return the share of sentences that have a quote of gold evidence.

    As the citation recall of ALCE (Gao et al., EMNLP 2023), with gold spans instead of an entailment model: a quote is
    gold when `matching.holds_gold` says so. A sentence without a quote counts as not recalled. Range 0..1; `None` for
    refusals, and where the case has no gold words, as unanswerable ones.
    """
    gold = _gold(case)
    if not gold or outcome.status != "answered":
        return None
    shown = _sentences(outcome)
    return _share(any(_is_gold(quote, gold) for quote in sentence.quotes) for sentence in shown)


def precision(case: Case, outcome: Outcome) -> float | None:
    """Return the share of quotes that are gold evidence; as ALCE's citation precision, see `recall`.

    Gold spans are rarely all that supports an answer, so a perfect system stays below 1. Range 0..1; 0 for an answer
    without quotes; `None` as for `recall`.
    """
    gold = _gold(case)
    if not gold or outcome.status != "answered":
        return None
    return _share(_is_gold(quote, gold) for quote in _quotes(outcome)) or 0.0


def gold_quoted(case: Case, outcome: Outcome) -> float | None:
    """Return the share of gold texts that are quoted by some sentence.

    Range 0..1; 0 for an answer without quotes; `None` as for `recall`.
    """
    gold = _gold(case)
    if not gold or outcome.status != "answered":
        return None
    quotes = _quotes(outcome)
    return _share(any(holds_gold(quote.text, text) for quote in quotes) for text in gold)


def support(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the mean support of the quotes as the system's own checker scored it; never without `CheckerError`.

    Range 0..1; `None` for answers without scored quotes.
    """
    scores = [quote.support for quote in _quotes(outcome) if quote.support is not None]
    return sum(scores) / len(scores) if scores else None


def support_rate(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the share of sentences with a quote whose own support is at least `SUPPORTED`; see `support`.

    Range 0..1; a sentence without quotes counts as not supported; `None` for answers without scored quotes.
    """
    if all(quote.support is None for quote in _quotes(outcome)):
        return None
    return _share(
        any((quote.support or 0) >= SUPPORTED for quote in sentence.quotes) for sentence in _sentences(outcome)
    )


def number_errors(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the share of sentences with a number of which some number is in none of their quotes.

    Figures and number words up to twenty are compared by value, `1,200` as `1200`; numbers in dates belong to
    `date_errors`. Range 0..1, lower is better; `None` where no sentence has a number.
    """
    return _share(
        not said <= numbers(_quoted(sentence)) for sentence in _sentences(outcome) if (said := numbers(sentence.text))
    )


def date_errors(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the share of sentences with a date of which some part is in none of their quotes.

    Parts are years, weekdays, months, and days of a month. A date worked out from the day of publication counts as an
    error here, although it may be right. Range 0..1, lower is better; `None` where no sentence has a date.
    """
    return _share(
        not said <= date_parts(_quoted(sentence))
        for sentence in _sentences(outcome)
        if (said := date_parts(sentence.text))
    )


def speaker_errors(case: Case, outcome: Outcome) -> float | None:  # noqa: ARG001  - all metrics have this form
    """Return the share of sentences naming a speaker who is neither in their quotes nor given as a quote's speaker.

    Speakers are found before a verb of saying, after `according to`, and before a colon at the start; pronouns are
    passed over. A name is known when its last word is. Range 0..1, lower is better; `None` where no sentence names one.
    """
    return _share(
        any(not _knows(sentence.quotes, speaker) for speaker in said)
        for sentence in _sentences(outcome)
        if (said := speakers(sentence.text))
    )


def speaker_named(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if the answer, or the speaker given for a quote, names who said it; else 0.

    Range {0, 1}; `None` for refusals, and where the case names no speaker.
    """
    if not case.speaker or outcome.status != "answered":
        return None
    given = [outcome.text, *(quote.speaker or "" for quote in _quotes(outcome))]
    return float(any(_last_word(case.speaker) in _words(text) for text in given))


def speakers(text: str) -> tuple[str, ...]:
    """Return the names that a sentence attributes words to, as written, without pronouns."""
    names = [match["who"] for pattern in _SPEAKERS for match in pattern.finditer(text)]
    return tuple(name for name in dict.fromkeys(names) if _last_word(name) not in _NOBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckerError:
    """How often a support checker agrees with people.

    Attributes:
        accuracy: Share of claims judged as people did.
        balanced_accuracy: Mean of the shares over supported and over other claims; 0.5 for a constant. Undefined where
            one of them is missing.
        supported: Claims that people call supported, of `accuracy.n`.
    """

    accuracy: Estimate
    balanced_accuracy: Estimate
    supported: int


def checker_error(verdicts: Sequence[tuple[bool, bool]], clusters: Sequence[str]) -> CheckerError:
    """Return how often a checker agrees with people.

    Args:
        verdicts: `(is supported, judged supported)` per labelled claim.
        clusters: One name per claim; the same claim against other evidence is not independent.
    """
    observed = np.array(verdicts, dtype=np.float64).reshape(len(verdicts), 2)
    agreed = (observed[:, 0] == observed[:, 1]).astype(np.float64)
    return CheckerError(
        accuracy=estimate(agreed, clusters, share=True),
        # Shown or not against supported or not is the same square as answered or not against answerable or not.
        balanced_accuracy=bootstrap(balanced_decision, observed, clusters),
        supported=int(observed[:, 0].sum()),
    )


def _gold(case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys(gold.text for gold in case.gold if gold.text.strip())) if case.answerable else ()


def _sentences(outcome: Outcome) -> tuple[Sentence, ...]:
    return outcome.sentences if outcome.status == "answered" else ()


def _quotes(outcome: Outcome) -> tuple[Quote, ...]:
    return tuple(quote for sentence in _sentences(outcome) for quote in sentence.quotes)


def _is_gold(quote: Quote, gold: Sequence[str]) -> bool:
    return any(holds_gold(quote.text, text) for text in gold)


def _quoted(sentence: Sentence) -> str:
    return "\n".join(quote.text for quote in sentence.quotes)


def _knows(quotes: Sequence[Quote], speaker: str) -> bool:
    name = _last_word(speaker)
    return any(name in _words(quote.text) or name in _words(quote.speaker or "") for quote in quotes)


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _last_word(name: str) -> str:
    words = [word.lower() for word in _WORD.findall(name)]
    return words[-1] if words else ""


def _share(verdicts: Iterable[bool]) -> float | None:
    listed = list(verdicts)
    return sum(listed) / len(listed) if listed else None
