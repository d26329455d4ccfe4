"""Is the answer right? Against the words of the gold answers, and against the gold evidence for long ones.

All of these are judged on answerable cases; a refusal of one scores 0. What happens on unanswerable cases is the
matter of `refusals`, so that refusing everything cannot raise the score of an answer.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Final

from eval.cases import Case
from eval.outcomes import Outcome

SHORT_ANSWER_TOKENS: Final = 10  # Longer gold answers are sentences, which no right answer repeats word by word.
COVERED: Final = 0.7  # Share of a gold sentence's content tokens that the answer must hold.

_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])|\n+")
_FUNCTION_WORDS: Final = frozenset(
    "a an the of in on at to for from by with and or but as is are was were be been being has have had do does did it"
    " its this that these those he she they his her their which who whom".split()
)


def normalised(text: str) -> str:
    """Return a text as SQuAD compares it: lower case, no ASCII punctuation, no articles, single spaces.

    Source: Rajpurkar et al., EMNLP 2016, and the official evaluation script of SQuAD 2.0, in that order of steps.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if the answer is one of the gold answers once both are normalised, else 0.

    Range {0, 1}; 0 for a refusal; `None` for unanswerable cases and without gold answers. Source: SQuAD.
    """
    if not _has_answers(case):
        return None
    said = normalised(outcome.text)
    return float(outcome.status == "answered" and any(normalised(gold) == said for gold in case.answers))


def token_f1(case: Case, outcome: Outcome) -> float | None:
    """Return the harmonic mean of token precision and recall against the best gold answer.

    Tokens are those of the normalised texts, counted as often as they occur. Range 0..1; 0 for a refusal; `None` for
    unanswerable cases and without gold answers. Source: SQuAD.
    """
    if not _has_answers(case):
        return None
    if outcome.status != "answered":
        return 0.0
    return max(_f1(outcome.text, gold) for gold in case.answers)


def contains(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if the normalised answer holds a short gold answer as a run of whole tokens, else 0.

    It is kind to long answers, which `token_f1` is not: read both. Range {0, 1}; 0 for a refusal; `None` for
    unanswerable cases and where no gold answer has at most `SHORT_ANSWER_TOKENS` tokens.
    """
    short = short_answers(case)
    if not case.answerable or not short:
        return None
    return float(outcome.status == "answered" and any(says(outcome.text, answer) for answer in short))


def right_when_answered(case: Case, outcome: Outcome) -> float | None:
    """Return `contains` of what was answered; an answer to an unanswerable case is wrong.

    Range {0, 1}; `None` for refusals, and for answerable cases without a short gold answer. It rises with each refusal
    of a case that would have gone wrong: read it next to coverage.
    """
    if outcome.status != "answered":
        return None
    return contains(case, outcome) if case.answerable else 0.0


def gold_covered(case: Case, outcome: Outcome) -> float | None:
    """Return the share of gold sentences whose content the answer or its quotes hold.

    A gold sentence counts when 70 % of its tokens, function words aside, are in the answer and its quotes taken
    together. It is for long answers: `None` where there is a short gold answer, for unanswerable cases and for gold
    without words. Range 0..1; 0 for a refusal.
    """
    texts = [gold.text for gold in case.gold if gold.text.strip()]
    if not case.answerable or not texts or short_answers(case):
        return None
    wanted = [tokens for text in texts for sentence in sentences(text) if (tokens := _content(sentence))]
    if not wanted:
        return None
    if outcome.status != "answered":
        return 0.0
    quotes = [quote.text for sentence in outcome.sentences for quote in sentence.quotes]
    said = _content(" ".join([outcome.text, *quotes]))
    return sum(len(tokens & said) >= COVERED * len(tokens) for tokens in wanted) / len(wanted)


def wrong_value_given(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if a sentence of the answer gives a forbidden value without the right one, else 0.

    "It rose to 14, from 12" gives 14; "The toll is 12" gives 12. Range {0, 1}, lower is better; 0 for a refusal, which
    `refusals` counts; `None` where the case forbids nothing.
    """
    if not case.forbidden:
        return None
    if outcome.status != "answered":
        return 0.0
    shown = [sentence.text for sentence in outcome.sentences] or sentences(outcome.text)
    return float(
        any(
            any(says(sentence, value) for value in case.forbidden)
            and not any(says(sentence, answer) for answer in case.answers)
            for sentence in shown
        )
    )


def misled(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if an answer gives a forbidden value and nowhere the right one, else 0.

    Where true and altered reports are both there, a reader of such an answer learns only what is false. Range {0, 1},
    lower is better; 0 for a refusal; `None` where the case forbids nothing or has no short answer.
    Source: counterfactual robustness of RGB (Chen et al., AAAI 2024).
    """
    told = _told(case, outcome)
    return None if told is None else float(told == (False, True))


def both_values_given(case: Case, outcome: Outcome) -> float | None:
    """Return 1 if an answer gives the right value and a forbidden one, else 0.

    Where sources contradict each other, and nothing tells which is right, both should be shown. Range {0, 1}; `None`
    as for `misled`.
    """
    told = _told(case, outcome)
    return None if told is None else float(told == (True, True))


def _told(case: Case, outcome: Outcome) -> tuple[bool, bool] | None:
    """Return whether an answer gives the right value, and whether it gives a forbidden one."""
    short = short_answers(case)
    if not case.forbidden or not short:
        return None
    text = outcome.text if outcome.status == "answered" else ""
    right, forbidden = (any(says(text, value) for value in values) for values in (short, case.forbidden))
    return right, forbidden


def short_answers(case: Case) -> tuple[str, ...]:
    """Return the gold answers of 1 to `SHORT_ANSWER_TOKENS` tokens."""
    return tuple(answer for answer in case.answers if 0 < len(normalised(answer).split()) <= SHORT_ANSWER_TOKENS)


def says(text: str, value: str) -> bool:
    """Tell whether a text holds a value as a run of whole normalised tokens; an empty value is in no text."""
    wanted = normalised(value)
    return bool(wanted) and f" {wanted} " in f" {normalised(text)} "


def sentences(text: str) -> list[str]:
    """Split at sentence ends and line breaks; good enough to count in, not to quote."""
    return [part for piece in _SENTENCE_END.split(text) if (part := piece.strip())]


def _has_answers(case: Case) -> bool:
    return case.answerable and bool(case.answers)


def _f1(said: str, gold: str) -> float:
    mine, wanted = normalised(said).split(), normalised(gold).split()
    if not mine or not wanted:
        return float(mine == wanted)
    shared = sum((Counter(mine) & Counter(wanted)).values())
    # 2PR / (P + R) with P = shared / len(mine) and R = shared / len(wanted).
    return 2 * shared / (len(mine) + len(wanted))


def _content(text: str) -> frozenset[str]:
    return frozenset(normalised(text).split()) - _FUNCTION_WORDS


def best_f1(text: str, references: Sequence[str]) -> float:
    """Return the token F1 against the nearest reference, 0..1; 0 without references."""
    return max((_f1(text, reference) for reference in references), default=0.0)
