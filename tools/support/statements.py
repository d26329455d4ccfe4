"""A question and its answer as one sentence: "Who built the dam?" and "Marwick" are "Marwick built the dam."."""

import re
from typing import Final

_ASKS: Final = re.compile(
    r"^(?P<before>(?:in|on|at|by|for|from|to|with|of|during|after|under)\s)?(?P<word>who|whom|what|which|when|where|why|how)\b"
    r"\s*(?P<rest>.*?)\s*\??\s*$",
    re.IGNORECASE,
)
_BE: Final = "is are was were has have had can could will would should may might must".split()
_DO: Final = ("did", "does", "do")
_ENDS_NOUN: Final = re.compile(rf"\s(?=(?:{'|'.join((*_BE, *_DO))})\s)|\s(?=\w{{3,}}(?:ed|es)\s)")
_PARTICIPLE: Final = re.compile(
    r"\s(?=(?:\w{2,}(?:ed|ing)|born|built|made|held|known|found|given|taken|written|won|lost|set|sold|led|kept|left|called"
    r"|able|located|used|begun|chosen|drawn|shown|seen|sung|spoken|broken|filmed|from|in|on|at|for|to|by|as)\b)"
)
_LINKS: Final = {"when": "in", "where": "in", "why": "because"}
_LEAST_WORDS: Final = 4
_MOST_WORDS: Final = 45


def statement_of(question: str, answer: str) -> str | None:
    """Return the statement that the answer makes of the question; `None` where the question's form is another.

    The grammar is now and then a little off, the same in true statements and in false ones.
    """
    asks = _ASKS.match(" ".join(question.split()))
    answer = answer.strip().rstrip(".")
    if asks is None or not answer:
        return None
    made = _made(asks["word"].casefold(), asks["rest"], (asks["before"] or "").casefold(), answer)
    if made is None or not _LEAST_WORDS <= len(made.split()) <= _MOST_WORDS:
        return None
    made = " ".join(made.split())
    return made[0].upper() + made[1:] + "."


def _made(word: str, rest: str, before: str, answer: str) -> str | None:
    verb, _, others = rest.partition(" ")
    verb = verb.casefold()
    if word == "how":
        return _how(verb, others, answer)
    if word in {"whom", "what", "which"} and verb not in (*_BE, *_DO):
        return _of_a_noun(rest, before, answer)
    if verb in _DO:
        return f"{others} {_linked(_LINKS.get(word, before), answer)}"
    if word == "who" or (word in {"what", "which", "whom"} and verb in _BE and not before):
        return f"{answer} {rest}"
    return _turned(verb, others, _LINKS.get(word, before), answer) if verb in _BE else None


def _turned(verb: str, others: str, link: str, answer: str) -> str:
    """`was the dam built` and `in 1900` are `the dam was built in 1900`."""
    subject, *participle = _PARTICIPLE.split(others, maxsplit=1)
    return f"{subject} {verb} {' '.join(participle)} {_linked(link, answer)}"


def _of_a_noun(rest: str, before: str, answer: str) -> str | None:
    """`Which team did Onse beat?`, `What year was it built?`, `Which team won the cup?`."""
    noun, *behind = _ENDS_NOUN.split(rest, maxsplit=1)
    if not behind:
        return f"{answer} {rest}" if noun else None
    verb, _, others = behind[0].partition(" ")
    if verb.casefold() in _DO:
        return (
            f"{others} {_linked(before or ('in' if noun.casefold() in {'year', 'month', 'century'} else ''), answer)}"
        )
    if verb.casefold() in _BE and (before or noun.casefold() in {"year", "month", "day", "century", "date"}):
        return _turned(verb, others, before or "in", answer)
    return f"{answer} {behind[0]}"


def _how(verb: str, others: str, answer: str) -> str | None:
    """`How many boats sank?`, `How many boats did Onse have?`, `How long is the dam?`."""
    noun, *behind = _ENDS_NOUN.split(others, maxsplit=1)
    if verb in {"many", "much"} and behind:
        first, _, rest = behind[0].partition(" ")
        counted = answer if noun.casefold() in answer.casefold() else f"{answer} {noun}"
        return f"{rest} {counted}" if first.casefold() in _DO else f"{counted} {behind[0]}"
    if verb in {"many", "much"}:
        return f"{answer} {others}"
    if verb in _DO:
        return f"{others} by {answer}"
    first, _, rest = others.partition(" ")
    return f"{rest} {first} {answer}" if first.casefold() in _BE else None


def _linked(link: str, answer: str) -> str:
    starts = answer.casefold().split(" ", 1)[0]
    return (
        answer if not link or starts in {link, "in", "on", "at", "by", "because", "to", "from"} else f"{link} {answer}"
    )
