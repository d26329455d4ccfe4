"""Is what a sentence tells as done, decided or certain told so by its source?

"Agreed to discuss" is not "agreed", "called for" not "agreed on", "may" not "will", "will open" not "opened". A marker
(may, plans to, called for, tried to, allegedly) belongs to one class or two and governs the words behind it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from service.answering.lexical_match import Term, folded, is_in, keys_of, terms_of

_SCOPE_WORDS: Final = 2  # Content words behind a marker that it governs.
_CLASSES: Final = {
    "future": r"will|['’]ll|would|shall|going to|(?:is|are|was|were|be) (?:due|set|scheduled|to)\b",
    "possible": (
        r"may|might|could|possib(?:ly|le|ility)|perhaps|likely|probabl[ey]|potential(?:ly)?"
        r"|(?:appear|seem)s?(?:ed)? to"
    ),
    "able": r"can|could|able to|cannot",
    "obliged": r"must|should|ought to|(?:has|have|had|need|needs|needed) to",
    "planned": (
        r"plan(?:s|ned|ning)?|intend(?:s|ed|ing)?|intention|aim(?:s|ed|ing)?|expect(?:s|ed|ing|ation)?|hop(?:e|es|ed|ing)"
        r"|want(?:s|ed)?|wish(?:es|ed)?|seek(?:s|ing)?|sought|consider(?:s|ed|ing)?|prepar(?:e|es|ed|ing) to"
    ),
    "asked": (
        r"call(?:s|ed|ing)? (?:for|on|upon)|urg(?:e|es|ed|ing)|ask(?:s|ed|ing)?|appeal(?:s|ed)?|demand(?:s|ed)?"
        r"|request(?:s|ed)?|propos(?:e|es|ed|al|als|ing)|recommend(?:s|ed|ation)?|suggest(?:s|ed|ion)?"
    ),
    "agreed": (
        r"agree(?:s|d|ment|ments|ing)?|decid(?:e|es|ed)|decision|resolv(?:e|es|ed)|pledg(?:e|es|ed)|promis(?:e|es|ed)"
        r"|commit(?:s|ted|ment)?|vow(?:s|ed)?"
    ),
    "discussed": r"discuss(?:es|ed|ing|ions?)?|talk(?:s|ed)? about|negotiat(?:e|es|ed|ing|ions?)",
    "tried": r"tr(?:y|ies|ied|ying) to|attempt(?:s|ed|ing)?|threaten(?:s|ed)? to",
    "alleged": (
        r"alleg(?:e|es|ed|edly|ations?)|reportedly|accus(?:e|es|ed|ing)|claim(?:s|ed|ing)?|suspect(?:s|ed)?"
        r"|rumou?r(?:s|ed)?"
    ),
}
# In small letters: "8 May" and "Will" are names.
_MARKER: Final = re.compile(
    r"\b(?:" + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _CLASSES.items()) + r")\b"
)
_FIRST_MARKER: Final = re.compile(r"^(?:Allegedly|Reportedly|Perhaps|Possibly|Probably|Likely)\b")
_CLAUSE_END: Final = re.compile(r"[,;:.()](?!\d)")
_COULD: Final = frozenset({"possible", "able"})
# Leaving these out tells what is open as done; leaving out that something was agreed, or must be, does not.
_OPEN: Final = frozenset({"possible", "planned", "asked", "discussed", "tried", "alleged"})
_HAVING_BEEN: Final = re.compile(r"\b(?:was|were|been|had|has|have)\s+(?:\w+ly\s+)?\Z", re.IGNORECASE)
_PAST_FORM: Final = re.compile(
    r"(?:\w+ed|began|bought|broke|brought|built|came|chose|fell|found|gave|got|grew|held|knew|left|lent|lost|made|met|paid"
    r"|ran|rose|said|saw|sent|sold|spent|spoke|struck|thought|told|took|went|won|wrote)\Z"
)
_ADVERB: Final = re.compile(r"\w+ly\Z|perhaps\Z")  # These stand before or behind what they govern.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marker:
    classes: frozenset[str]
    scope: tuple[str, ...]
    is_adverb: bool


def modality_differs(sentence: str, source: str) -> bool:
    """Tell whether a sentence is surer of something than its source, or unsure of another kind."""
    here, there = tuple(_markers(sentence)), tuple(_markers(source))
    said = keys_of(source)
    return any(not _is_told(marker, there, said) for marker in here) or any(
        _is_dropped(marker, here, sentence, source) for marker in there
    )


def _is_told(marker: _Marker, there: Sequence[_Marker], said: frozenset[str]) -> bool:
    """Tell whether the source has a marker of this kind, over the same words where it has these words."""
    alike = [other for other in there if other.classes & marker.classes]
    if not alike or not marker.scope or not is_in(marker.scope[0], said):
        return bool(alike)
    if marker.is_adverb:
        return True
    return any(is_in(marker.scope[0], frozenset(other.scope)) for other in alike)


def _is_dropped(marker: _Marker, here: Sequence[_Marker], sentence: str, source: str) -> bool:
    """Tell whether the sentence says what the marker governs, without one of its kind."""
    inside = keys_of(sentence)
    if not marker.scope or not all(is_in(key, inside) for key in marker.scope):
        return False
    said = [term for term in terms_of(source) if term.key == marker.scope[0]]
    if len(said) > 1:  # A second time, maybe plainly.
        return False
    if any(other.classes & marker.classes for other in here):
        return False
    return bool(marker.classes & _OPEN) or ("future" in marker.classes and _is_told_as_past(sentence, said[0]))


def _is_told_as_past(sentence: str, ahead: Term) -> bool:
    """Tell whether the sentence has a word of the source in a form of the past: "opened", "was held"."""
    return any(
        _HAVING_BEEN.search(sentence, 0, term.start)
        or (folded(term.text) != folded(ahead.text) and _PAST_FORM.match(folded(term.text)))
        for term in terms_of(sentence)
        if term.key == ahead.key
    )


def _markers(text: str) -> Iterator[_Marker]:
    text = _FIRST_MARKER.sub(lambda match: match.group().lower(), text)
    terms = terms_of(text)
    for match in _MARKER.finditer(text):
        end = _CLAUSE_END.search(text, match.end())
        until = end.start() if end is not None else len(text)
        behind = [term.key for term in terms if match.end() <= term.start < until]
        yield _Marker(
            classes=_COULD if match.group() == "could" else frozenset({str(match.lastgroup)}),
            scope=tuple(behind[:_SCOPE_WORDS]),
            is_adverb=_ADVERB.match(match.group()) is not None,
        )
