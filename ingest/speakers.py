"""Who a clause names as its speaker: noun phrases of titles, names, sides and institutions beside a reporting verb."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.wordlists import word_set

_TOKEN = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Gen|Lt|Maj|Brig|Col|Capt|Cmdr|Adm|Sen|Rep|Gov|Prof|St|Sgt|Hon|Amb|Jr|Sr)\."
    r"|(?:[A-Z]\.)+(?=\s|[A-Z])|[^\W_][\w]*(?:[’'\-][^\W_]\w*)*(?:[’']s)?|[^\w\s]"
)
_ROLES = word_set(
    "side sides party parties leader leaders country countries nation nations delegation delegations government "
    "governments president presidents premier minister ministers ministry ministries spokesperson spokespersons "
    "spokesman spokeswoman official officials authorities police army military statement communique communiqué "
    "declaration document report reports agency company ambassador ambassadors envoy secretary secretary-general chief "
    "director governor mayor senator lawmaker lawmakers parliament court judge prosecutor prosecutors analyst analysts "
    "expert experts economist economists scientist scientists researcher researchers professor "
    "adviser advisor chairman "
    "chairwoman chairperson chair king queen prince commission committee council bank embassy source sources witness "
    "witnesses resident residents commander general union organisation organization association board team newspaper "
    "broadcaster diplomat diplomats dignitary dignitaries participants members study survey"
)
_MODIFIERS = word_set(
    "prime foreign chinese pakistani visiting former then senior deputy vice acting joint two three "
    "four both local state "
    "federal provincial national chief high-level top interior finance defence defense health commerce military "
    "government press company party opposition"
)
_DETERMINERS = word_set("the a an both each some several two three all his her its their one many")
_LINKS = frozenset({"of", "for", "and", "de", "bin", "al", "ul", "van", "von", "&", "the", "-"})
_ADVERBS = word_set(
    "has have had also further then later again once jointly both earlier thereby therefore all already repeatedly "
    "themselves himself herself always still since today"
)
_ASIDES = frozenset({"on", "in", "at", "during", "after", "from"})
_NEVER_NAMES = word_set(
    "on in at during after before since until while as by with for from under however moreover meanwhile "
    "also this these those there here then thus monday tuesday wednesday thursday friday saturday sunday january "
    "february march april june july august september october november december jan feb mar apr jun jul aug sep sept "
    "oct nov dec earlier later today yesterday separately additionally furthermore but and or talks "
    "speaking addressing "
    "i we you my our your not"
)
_NOT_ASSERTED = word_set(
    "what who whom whose which where why how if whether unless nobody none nothing neither no someone anybody anyone "
    "although though because that when whatever whoever"
)
_CLAUSE_MARKS = frozenset(
    {",", ";", ":", "—", "–", "-", "(", ")", "“", '"', "«", "”", "»", "’", "‘", ".", "!", "?", "…"}
)
_CLAUSE_WORDS = frozenset({"and", "but", "while", "whereas"})
_CLOSING_WORDS = word_set(
    "on in at during after before while when as who adding referring at to here today following ahead"
)
_MOST_TOKENS = 16  # "Deputy Prime Minister and Foreign Minister of …" has fewer.

ISSUED = frozenset({"issued", "released", "published", "seen", "quoted"})
PRONOUNS = frozenset({"he", "she", "they", "it"})
_PLURALS = re.compile(
    r"\b(?:both|two|three|sides|parties|leaders|countries|officials|ministers|experts|and)\b", re.IGNORECASE
)
_BODIES = re.compile(
    r"\b(?:side|statement|communiqu[eé]|declaration|document|report|ministry|government|agency|company|police|army"
    r"|commission|committee|council|bank|embassy|court|union|association|newspaper|parliament)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word or mark, with its place in the passage's text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A speaker as written, and a token position.

    Attributes:
        at: First token of the phrase for one before a verb; the token behind it for one after.
    """

    text: str
    at: int


def tokens_of(text: str, start: int, end: int) -> list[Token]:
    """Return the words and marks of `text[start:end]`."""
    return [Token(text=match[0], start=match.start(), end=match.end()) for match in _TOKEN.finditer(text, start, end)]


def speaker_before(tokens: Sequence[Token], verb: int, *, whole_clause: bool = False) -> Speaker | None:
    """Return the speaker that is the subject of the verb at position `verb`, or `None` when that is not certain.

    Args:
        tokens: One sentence.
        verb: Position of the reporting verb, or of a colon.
        whole_clause: Whether adverbs and asides between speaker and verb are refused.
    """
    end = verb if whole_clause else _before_adverbs(tokens, verb)
    for _ in range(3):
        if end <= 0:
            return None
        if tokens[end - 1].text == ",":
            return _before_apposition(tokens, end - 1)
        start = _phrase_start(tokens, end)
        if start < end and _starts_clause(tokens, start):
            return _speaker(tokens, start, end)
        aside = start - 1 if start < end else end - 1
        if aside < 1 or (tokens[aside].text not in _ASIDES and not _is_aside_tail(tokens, aside)):
            return None
        end = _before_adverbs(tokens, aside)
    return None


def speaker_after(tokens: Sequence[Token], verb: int, *, is_source: bool = False) -> Speaker | None:
    """Return the speaker behind the verb at position `verb`, as in `…, said X.`; `at` is the token behind it."""
    start = end = verb + 1
    while end < len(tokens) and end - start < _MOST_TOKENS and _may_be_in_name(tokens[end].text):
        end += 1
    while end > start and tokens[end - 1].text.lower() in _LINKS:
        end -= 1
    behind = tokens[end].text if end < len(tokens) else "."
    allowed = {",", ".", ";", "!", "?", ")", ":"} | ISSUED if is_source else {",", ".", ";", ":"} | _CLOSING_WORDS
    if end == start or behind not in allowed:
        return None
    speaker = _speaker(tokens, start, end)
    return None if speaker is None else Speaker(text=speaker.text, at=end)


def clause_end_before(tokens: Sequence[Token], position: int) -> int:
    """Return where the words before `position` end, without the comma that cuts them off."""
    at = position - 1
    while at >= 0 and tokens[at].text in {",", "—", "–"}:
        at -= 1
    return tokens[at].end if at >= 0 else 0


def agrees(pronoun: str, speaker: str) -> bool:
    """Tell whether a pronoun can stand for a speaker, by number and kind."""
    is_plural, is_body = bool(_PLURALS.search(speaker)), bool(_BODIES.search(speaker))
    match pronoun.lower():
        case "they":
            return is_plural
        case "it":
            return is_body and not is_plural
        case _:
            return not is_plural and (
                not is_body or bool(re.search(r"\b(?:spokes|minister|president)", speaker, re.IGNORECASE))
            )


def _before_adverbs(tokens: Sequence[Token], end: int) -> int:
    while end > 0 and (tokens[end - 1].text in _ADVERBS or _is_adverb(tokens[end - 1].text)):
        end -= 1
    return end


def _is_adverb(word: str) -> bool:
    return word.islower() and word.endswith("ly") and len(word) > 4  # noqa: PLR2004  - shorter ones are not adverbs


def _phrase_start(tokens: Sequence[Token], end: int) -> int:
    """Return where the noun phrase that ends at `end` starts; `end` itself when there is none."""
    if tokens[end - 1].text.lower() in PRONOUNS:
        return end - 1
    start = end
    while start > 0 and end - start < _MOST_TOKENS and _may_be_in_name(tokens[start - 1].text):
        start -= 1
    while start < end and (
        tokens[start].text.lower() in _NEVER_NAMES
        or tokens[start].text in {"of", "for", "-", "&"}
        or _is_and(tokens, start)
    ):
        start += 1
    return start


def _is_and(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].text == "and"


def _may_be_in_name(word: str) -> bool:
    lowered = word.lower()
    if lowered in _NOT_ASSERTED:
        return False
    if word[0].isupper():
        return True
    base = lowered.removesuffix("'s").removesuffix("’s")
    return base in _ROLES or lowered in _MODIFIERS or lowered in _DETERMINERS or lowered in _LINKS


def _starts_clause(tokens: Sequence[Token], start: int) -> bool:
    if start == 0:
        return True
    before = tokens[start - 1].text
    # Behind "On Thursday" and the like only the words that never name anybody were dropped.
    return before in _CLAUSE_MARKS or before in _CLAUSE_WORDS or _only_time_before(tokens, start)


def _only_time_before(tokens: Sequence[Token], start: int) -> bool:
    return all(
        token.text.lower() in _NEVER_NAMES or token.text.isdigit() or token.text in {",", "."}
        for token in tokens[:start]
    )


def _is_aside_tail(tokens: Sequence[Token], at: int) -> bool:
    """Tell whether the token at `at` ends an aside of time: `on Feb. 6`, `on Thursday`."""
    return tokens[at].text.isdigit() or tokens[at].text.lower() in _NEVER_NAMES


def _before_apposition(tokens: Sequence[Token], comma: int) -> Speaker | None:
    """Return the speaker before `, a spokesperson for the ministry,`."""
    opening = comma - 1
    while opening > 0 and comma - opening < _MOST_TOKENS and tokens[opening].text not in _CLAUSE_MARKS:
        opening -= 1
    if opening <= 0 or tokens[opening].text != "," or opening + 1 >= comma:
        return None
    first = tokens[opening + 1].text.lower()
    if first not in {"a", "an", "the", "who", "in", "on", "at"} and first not in _ROLES | _MODIFIERS:
        return None
    start = _phrase_start(tokens, opening)
    if start >= opening or not (start == 0 or (tokens[start - 1].text != "," and _starts_clause(tokens, start))):
        return None
    speaker = _speaker(tokens, start, opening)
    return None if speaker is None or speaker.text.lower() in PRONOUNS else speaker


def _speaker(tokens: Sequence[Token], start: int, end: int) -> Speaker | None:
    words = [token.text for token in tokens[start:end]]
    lowered = [word.lower() for word in words]
    if len(words) == 1 and lowered[0] in PRONOUNS:
        return Speaker(text=words[0], at=start)
    if PRONOUNS & set(lowered) or (set(lowered) <= (_DETERMINERS | _NEVER_NAMES | _LINKS | _MODIFIERS) - _ROLES):
        return None
    is_role = any(word.removesuffix("'s").removesuffix("’s") in _ROLES for word in lowered)
    is_name = any(
        word[0].isupper() and low not in _DETERMINERS | _NEVER_NAMES for word, low in zip(words, lowered, strict=True)
    )
    if not (is_role or is_name) or words[-1].endswith(("'s", "’s")):
        return None
    return Speaker(text=_as_written(tokens[start:end]), at=start)


def _as_written(tokens: Sequence[Token]) -> str:
    parts = [tokens[0].text]
    for before, token in pairwise(tokens):
        parts.append((" " if token.start > before.end else "") + token.text)
    return "".join(parts)
