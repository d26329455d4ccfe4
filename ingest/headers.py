"""Title, date, place and publisher as the first lines of a text state them.

Understood are key lines (`Date: 2025-02-06`), a headline above the story, and datelines as agencies write them:

    date 2025-02-06 BEIJING, (UrduPoint / Pakistan Point News - 6th Feb, 2025) …
    BEIJING, Feb. 6 (Xinhua) -- The …
    LONDON, 3 March 2025 (Reuters) - The …
    LONDON (Reuters) - The …
    ANSET, 26 April 2024. The …

All of it stays in the text: what a header says can be quoted like everything else. Nothing is invented: a day without
its year, a date that may mean two days, and a city that is not set in capitals or beside a known agency say nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ingest.cleaning import clean_line
from ingest.dates import DAY_AND_MONTH, ReadDate, read_date
from ingest.parsed import Metadata

_HEAD_CHARS = 4000
_HEADLINE_CHARS = 120
_HEADLINE_WORDS = 18
_HEADLINE_LEAST_WORDS = 3
_NAME_WORDS = 4
_NO_HEADLINE = re.compile(r"^\d+[.)]|[.!?] ")
_NO_HEADLINE_START = "-–—•*|>\"“‘'(["
_NO_HEADLINE_END = ".:;,!…-–—)]"
_STORY_CHARS = 80
_PLACE_CHARS = 60
_MAX_KEY_LINES = 20

_KEYS = {
    "title": "title",
    "headline": "title",
    "subject": "title",
    "date": "published",
    "published": "published",
    "publication date": "published",
    "published on": "published",
    "publisher": "publisher",
    "source": "publisher",
    "agency": "publisher",
    "site": "publisher",
    "place": "place",
    "location": "place",
    "dateline": "place",
    "language": "language",
    "lang": "language",
}
_KEY_LINE = re.compile(r"\s{0,3}([A-Za-z][A-Za-z _-]{1,20}?)[ \t]{0,3}:[ \t]*(.*)")

# `date 2025-02-06` in front of a dateline; some exports put it on a line of its own.
_DATE_PREFIX = re.compile(r"date:?[ \t]+(\d{4}-\d{1,2}-\d{1,2})(?!\d)[ \t]*\n?", re.IGNORECASE)
_DASH = r"(?:--+|[-–—―])"
_FULL_DATE = (
    rf"(?:{DAY_AND_MONTH}(?:,?\s+\d{{4}})?|\d{{4}}-\d{{1,2}}-\d{{1,2}}|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{4}})(?!\d)"
)
_DATELINE = re.compile(
    r"(?P<place>[^\W\d_][^\n()\d:;!?\"“”–—]{0,80}?)"
    rf"(?:,?[ \t]+(?P<date>{_FULL_DATE})(?:,?[ \t]*\((?P<agency>[^()\n]{{2,120}})\))?"
    r"|,?[ \t]*\((?P<only_agency>[^()\n]{2,120})\))"
    rf"[ \t]*,?[ \t]*(?P<end>{_DASH}|[.:](?=[ \t\n]))?",
    re.IGNORECASE,
)
_AGENCY_AND_DATE = re.compile(
    rf"(?P<agency>.{{2,80}}?)[ \t]*(?:{_DASH}|,|/|\|)[ \t]*(?P<date>(?:\w+,?[ \t]+)?{_FULL_DATE})", re.IGNORECASE
)
_ANY_DATE = re.compile(_FULL_DATE, re.IGNORECASE)
# Agencies that set their cities in small letters, so that capitals cannot tell a dateline.
_AGENCIES = frozenset(
    {
        "reuters", "xinhua", "afp", "ap", "the associated press", "associated press", "dpa", "upi", "tass", "interfax",
        "kyodo", "kyodo news", "jiji press", "yonhap", "bernama", "ani", "pti", "app", "wam", "spa", "irna", "mehr",
        "anadolu", "aa", "ansa", "efe", "bloomberg", "ria novosti", "sana", "kuna", "qna", "pna", "vna", "antara",
        "urdupoint", "cna", "ians", "bbc", "cnn",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the beginning of a text says about it.

    Attributes:
        notes: Dates that were there and could not be understood, for the report.
    """

    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()


def header_of(text: str) -> Header:
    """Read the first lines of a plain text or of a body without its markup."""
    head = text[:_HEAD_CHARS]
    keyed = _key_lines(head)
    lines = list(_paragraph_starts(head))
    headline = _headline(lines)
    wire = Header()
    for line in lines[:3]:
        found = _dateline(line.text)
        if found is not None:
            wire = found
            break
        if not _may_precede_dateline(line):
            break
    title = Metadata(title=headline)
    return Header(
        metadata=keyed.metadata.over(wire.metadata).over(title), notes=tuple(dict.fromkeys(keyed.notes + wire.notes))
    )


def header_of_keys(values: Mapping[str, str]) -> Header:
    """Return what `key: value` pairs say; keys are compared without case, unknown ones are passed over."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = _KEYS.get(" ".join(key.lower().replace("_", " ").replace("-", " ").split()))
        if name is not None and value.strip():
            found.setdefault(name, value.strip())
    day = read_date(found.get("published"))
    return Header(
        metadata=Metadata(
            title=clean_line(found.get("title")),
            publisher=clean_line(found.get("publisher")),
            published=day.value,
            place=clean_line(found.get("place")),
            language=language_code(found.get("language")),
        ),
        notes=(day.note,) if day.note else (),
    )


def language_code(tag: str | None) -> str | None:
    """Return the ISO 639-1 code of a language tag such as `en-GB`; `None` for anything else."""
    code = re.split(r"[-_]", (tag or "").strip().lower())[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The first line of a paragraph; `is_alone` when the paragraph has no other."""

    text: str
    is_alone: bool


def _paragraph_starts(head: str) -> Iterator[_Line]:
    paragraphs = (part.strip() for part in re.split(r"\n[^\S\n]*\n", head))
    for paragraph in paragraphs:
        if paragraph and not _is_key_block(paragraph):
            first, _, rest = paragraph.partition("\n")
            yield _Line(text=paragraph if _DATE_PREFIX.match(paragraph) else first.strip(), is_alone=not rest)


def _key_lines(head: str) -> Header:
    values: dict[str, str] = {}
    for line in head.strip().splitlines()[:_MAX_KEY_LINES]:
        match = _KEY_LINE.fullmatch(line)
        if match is None or not _is_known(match[1]):
            break
        values.setdefault(match[1], match[2])
    # One line of that form may be a sentence ("Source: the minister"); the title alone is what people write on top.
    return (
        header_of_keys(values)
        if len(values) > 1 or {key.lower() for key in values} & {"title", "headline"}
        else Header()
    )


def _is_known(key: str) -> bool:
    return " ".join(key.lower().replace("_", " ").replace("-", " ").split()) in _KEYS


def _is_key_block(paragraph: str) -> bool:
    lines = paragraph.splitlines()
    matches = [_KEY_LINE.fullmatch(line) for line in lines]
    return all(match is not None and _is_known(match[1]) for match in matches)


def _headline(lines: list[_Line]) -> str | None:
    """Return the first paragraph if it is one line like a headline, above a story."""
    if len(lines) < 2 or not lines[0].is_alone:  # noqa: PLR2004  - a headline and its story
        return None
    line, below = lines[0].text.strip("# "), lines[1].text
    is_above_story = len(below) >= _STORY_CHARS or _dateline(below) is not None
    return clean_line(line) if is_above_story and _is_like_headline(line) else None


def _is_like_headline(line: str) -> bool:
    """Tell a headline from sentences, list entries, quotations, and the bylines and agencies of copied pages."""
    words = line.split()
    if len(line) > _HEADLINE_CHARS or not _HEADLINE_LEAST_WORDS <= len(words) <= _HEADLINE_WORDS:
        return False
    if (
        line[0] in _NO_HEADLINE_START
        or line.rstrip("”\"’'")[-1:] in _NO_HEADLINE_END
        or words[0].lower() in {"by", "from"}
    ):
        return False
    if line.lower() in _AGENCIES or _is_list_of_names(line, words) or _NO_HEADLINE.search(line):
        return False
    return read_date(line).value is None and _dateline(line) is None


def _is_list_of_names(line: str, words: list[str]) -> bool:
    is_capitalised = all(word[0].isupper() or word == "and" for word in words)
    return is_capitalised and (len(words) <= _NAME_WORDS or "," in line or "and" in words)


def _may_precede_dateline(line: _Line) -> bool:
    return line.is_alone and len(line.text) <= _HEADLINE_CHARS


def _dateline(line: str) -> Header | None:
    """Return what a wire header at the start of `line` says; `None` when there is none."""
    prefix = _DATE_PREFIX.match(line)
    stated = read_date(prefix[1]) if prefix is not None else ReadDate()
    rest = line[prefix.end() :].lstrip() if prefix is not None else line
    match = _DATELINE.match(rest)
    found = _checked(match) if match is not None else None
    if found is None:
        return _header(stated, None, None) if prefix is not None else None
    day = _stronger(stated, read_date(found["date"]))
    return _header(day, found["place"], found["agency"])


def _checked(match: re.Match[str]) -> dict[str, str | None] | None:
    """Return place, date and agency of a match that is a dateline indeed."""
    place, written, agency, end = (
        match["place"].strip(" ,-"),
        match["date"],
        match["agency"] or match["only_agency"],
        match["end"],
    )
    # "LYSK - MAY 3: In this picture …" is the caption of a picture, and the day is the picture's.
    if not 1 < len(place) <= _PLACE_CHARS or match["place"].rstrip(" ,").endswith("-"):
        return None
    if agency is not None:
        agency, inner = _split_agency(agency)
        written = written or inner
    ends = end is not None and end not in {".", ":"}
    if _is_in_capitals(place):
        is_dateline = (ends or bool(written and (agency or end))) and not _is_acronym(place, agency)
    else:
        is_dateline = agency is not None and agency.lower() in _AGENCIES and (ends or written is not None)
    return {"place": place, "date": written, "agency": agency} if is_dateline else None


def _split_agency(inside: str) -> tuple[str | None, str | None]:
    """Split `Pakistan Point News - 6th Feb, 2025` into the agency and the date."""
    inside = inside.strip()
    both = _AGENCY_AND_DATE.fullmatch(inside)
    if both is not None:
        return both["agency"].strip(), both["date"]
    if _ANY_DATE.fullmatch(inside):
        return None, inside
    return inside, None


def _is_in_capitals(place: str) -> bool:
    """Tell whether the city is in capitals; a country or state behind a comma need not be."""
    city, _, region = place.partition(",")
    words = [word for word in re.split(r"[\s/-]+", city) if any(map(str.isalpha, word))]
    return bool(words) and all(word.upper() == word for word in words) and len(region.split()) <= 4  # noqa: PLR2004  - "Republic of the Congo"


def _is_acronym(place: str, agency: str | None) -> bool:
    """Tell whether the parentheses only spell a name out, as in `WHO (World Health Organization)`."""
    initials = "".join(word[0] for word in (agency or "").split() if word[0].isupper())
    return len(initials) > 1 and initials == place.replace(".", "")


def _stronger(one: ReadDate, other: ReadDate) -> ReadDate:
    return one if one.value is not None or (one.note and other.value is None) else other


def _header(day: ReadDate, place: str | None, agency: str | None) -> Header:
    return Header(
        metadata=Metadata(publisher=clean_line(agency), published=day.value, place=clean_line(place)),
        notes=(day.note,) if day.note else (),
    )
