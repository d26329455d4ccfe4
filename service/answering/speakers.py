"""Who a sentence says speaks or acts, against who its evidence says does."""

import re
from collections.abc import Sequence
from typing import Final

from domain.answers import Evidence
from service.answering.lexical_match import folded, is_in, joined_keys, keys_of, terms_of
from service.answering.word_forms import stem

# What parties do in reports; the words before the first of these name who does it.
_ACTS: Final = frozenset(
    stem(word)
    for word in """
        said says stated told announced noted stressed emphasised emphasized declared warned explained remarked
        claimed confirmed insisted reported affirmed reaffirmed reiterated expressed agreed agrees thanked
        condemned welcomed urged appreciated vowed pledged underlined underscored highlighted denied
        acknowledged praised commended hailed congratulated assured voiced conveyed opposed rejected supported
        called decided promised deplored lauded criticised demanded proposed requested asked believed hoped
        wished invited briefed signed met discussed encouraged committed applauded accused blamed backed
        committed
    """.split()
)
_BOTH: Final = re.compile(
    r"\b(?:both(?: of)?(?: the)?(?: \w+)?|(?:the )?two|the)\s+(?:sides|countries|nations|parties|governments|leaders"
    r"|peoples|militaries|states|neighbou?rs)\b|\bthey both\b|\bboth\b|\bjointly\b|\beach other\b",
    re.IGNORECASE,
)
_TOGETHER: Final = re.compile(r"\b(?P<first>[A-Z][\w’'.-]+)\s+and\s+(?:the\s+)?(?P<second>[A-Z][\w’'.-]+)")
_ACCORDING: Final = re.compile(r"\baccording to (?P<who>[^,.;]+)", re.IGNORECASE)
_NOUN_ENDINGS: Final = ("ment", "ments", "ion", "ions")  # "stations" has the stem of "stated".
_PRONOUNS: Final = frozenset({"they", "it", "he", "she", "we", "i"})
_SUBJECT_WORDS: Final = 12  # A longer beginning is a clause of its own, not a speaker.
_WORD: Final = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PASSIVE: Final = frozenset({"is", "are", "was", "were", "be", "been", "being"})
_BY: Final = re.compile(
    r"\bby\s+(?P<who>both\s\w+|the\stwo\s\w+|(?:the\s)?[A-Z][\w’'-]*(?:\s(?:and\s(?:the\s)?)?[A-Z][\w’'-]*|\sside)*)"
)
_AGENT: Final = re.compile(r"\b(?:by|from|with)\b")


def speaker_differs(sentence: str, evidence: Sequence[Evidence]) -> bool:
    """Tell whether a sentence gives words or acts to somebody else than its evidence does.

    Both sides are not one side, nor one both; a named speaker has to be the one that the evidence names; two names do
    not change places around a verb.
    """
    said_to_be = _subject(sentence)
    according = _ACCORDING.search(sentence)
    if according is not None:
        who = according["who"]
        if not _is_named(who, evidence):
            return True
        if not said_to_be and not any(_is_published_by(who, piece) for piece in evidence):
            said_to_be = who
    if not said_to_be:
        return any(_swapped(sentence, piece.text) for piece in evidence)
    return not any(_allows(said_to_be, sentence, piece) for piece in evidence)


def _allows(said_to_be: str, sentence: str, piece: Evidence) -> bool:
    """Tell whether one piece of evidence lets this party be the subject of the sentence."""
    named = _parties(piece)
    if _BOTH.search(said_to_be) or _TOGETHER.search(said_to_be):
        return _says_both(said_to_be, named, piece)
    asked = _keys(said_to_be)
    if not asked:  # "The commission": somebody whom the words have to mention.
        return keys_of(said_to_be) - _COUNTING <= joined_keys((named, piece.text))
    if _BOTH.search(named) or (_names_two(named) and not _names_two(said_to_be)):
        # What both said, one of them did not say alone.
        return False
    if _swapped(sentence, piece.text):
        return False
    if named:
        return all(is_in(key, keys_of(named)) for key in _core(asked, named))
    return all(is_in(key, keys_of(piece.text)) for key in asked)


def _is_published_by(who: str, piece: Evidence) -> bool:
    header = piece.citable.header
    names = _keys(who)
    return bool(names) and all(is_in(key, keys_of(f"{header.publisher}\n{header.title}")) for key in names)


def _says_both(said_to_be: str, named: str, piece: Evidence) -> bool:
    there = named or piece.text
    if _BOTH.search(said_to_be):
        return _BOTH.search(there) is not None or _names_two(there) or folded(_first_word(there)) == "they"
    asked = _keys(said_to_be)
    return (
        all(is_in(key, keys_of(there)) for key in asked)
        or _BOTH.search(there) is not None
        or folded(_first_word(there)) == "they"
    )


def _parties(piece: Evidence) -> str:
    """Return who the evidence says speaks or acts: its recorded speaker, and the subject of its own words."""
    subject = _subject(piece.text)
    return " ".join(part for part in (piece.speaker, subject) if part)


def _core(asked: frozenset[str], named: str) -> frozenset[str]:
    """Return the keys that tell parties apart; roles such as `president` may be added or left out."""
    roles = keys_of(
        "side president premier minister prime chairman spokesman spokesperson foreign office government mr"
    )
    core = frozenset(key for key in asked if key not in roles)
    return core or (asked & keys_of(named)) or asked


def _subject(text: str) -> str:
    """Return the words before the first verb of saying or acting; empty where no party stands there."""
    words = list(_WORD.finditer(text))
    for position, match in enumerate(words[: _SUBJECT_WORDS + 1]):
        lowered = folded(match.group())
        if position == 0 or match.group()[0].isupper() or stem(lowered) not in _ACTS or lowered.endswith(_NOUN_ENDINGS):
            continue
        if (behind := _attributed_behind(text, match.start(), match.end())) is not None:
            return behind
        if folded(words[position - 1].group()) in _PASSIVE:
            agent = _BY.search(text, match.end())
            return agent["who"] if agent is not None else ""
        subject = text[: match.start()].strip(' ,"“”')
        subject = subject.rsplit(",", 1)[-1] if _first_word(subject) in _OPENERS else subject
        return "" if folded(_first_word(subject)) in _PRONOUNS else subject.strip()
    return ""


def _attributed_behind(text: str, start: int, end: int) -> str | None:
    """Return the party of `…, X said.` and `…, said X.`; `None` where the verb does not end its sentence."""
    before = text[:start].rstrip()
    after = text[end:].strip(' ."”’')
    if before.endswith((",", ",”", ',"')) and not after.startswith("that "):
        named = re.split(r"[,.;]", after, maxsplit=1)[0].strip()
        return named if 0 < len(named.split()) <= _PARTY_WORDS else None
    clause, comma, party = before.rpartition(",")
    party = party.strip(' "“”')
    is_party = comma and clause and 0 < len(party.split()) <= _PARTY_WORDS
    return party if is_party and not after else None


_COUNTING: Final = keys_of("per percent cent")  # "41 percent of voters": how many is not for this guard.
_PARTY_WORDS: Final = 6  # "the spokesman of the foreign ministry".
_OPENERS: Final = frozenset(
    """
        On In During At After Before Recalling Besides While Also According However Meanwhile Moreover Still Yet Earlier
        Later But And Nevertheless
    """.split()
)


def _first_word(text: str) -> str:
    match = _WORD.search(text)
    return match.group() if match is not None else ""


def _keys(text: str) -> frozenset[str]:
    return frozenset(term.key for term in terms_of(text) if term.kind == "name" or term.text[0].isupper())


def _names_two(text: str) -> bool:
    return _TOGETHER.search(text) is not None


def _is_named(who: str, evidence: Sequence[Evidence]) -> bool:
    asked = keys_of(who)
    for piece in evidence:
        header = piece.citable.header
        known = keys_of(
            " ".join(
                filter(None, (piece.text, piece.citable.passage.text, piece.speaker, header.publisher, header.title))
            )
        )
        if all(is_in(key, known) for key in asked):
            return True
    return False


def _swapped(sentence: str, source: str) -> bool:
    """Tell whether two names stand the other way round a verb that both texts share."""
    if bool(_AGENT.search(sentence)) != bool(_AGENT.search(source)):
        return False  # Passive against active: the order says nothing.
    mine, theirs = _around_verbs(sentence), _around_verbs(source)
    return any(
        verb in theirs and (before & theirs[verb][1]) - theirs[verb][0] and (after & theirs[verb][0]) - theirs[verb][1]
        for verb, (before, after) in mine.items()
    )


def _around_verbs(text: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    terms = terms_of(text)
    return {
        term.key: (
            frozenset(other.key for other in terms[:position] if other.text[0].isupper()),
            frozenset(other.key for other in terms[position + 1 :] if other.text[0].isupper()),
        )
        for position, term in enumerate(terms)
        if term.key in _ACTS
    }
