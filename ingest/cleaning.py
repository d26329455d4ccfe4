"""Text as it is stored: decoded once, cleaned once, each kind of change counted for the report."""

import codecs
import re
from collections import Counter
from dataclasses import dataclass

from charset_normalizer import from_bytes

_LINE_CHARS = 500
_DETECTION_BYTES = 100_000  # Guessing the encoding of more costs seconds and changes nothing.

_GOOD_FOR_BAD = 4

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # Before UTF-16: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that execute escapes or hide markup behind plain letters; nobody publishes in them.
_REFUSED = frozenset({"utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_WESTERN = frozenset(
    {"cp1250", "cp1254", "cp1257", "latin_1", "iso8859_15", "iso8859_2", "cp858", "cp850", "mac_roman"}
)

_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028]")
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(0x10000 * plane + 0xFFFE)}-{chr(0x10000 * plane + 0xFFFF)}" for plane in range(17)
)
_JOINING = "\u0600-\u1cff\ua800-\uabff"  # Arabic to Vedic and their extensions: joiners decide how words are spelt.
_PICTURES = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """Characters that are removed or replaced, and how the report names them."""

    pattern: re.Pattern[str]
    one: str
    many: str
    replacement: str = ""


_RULES = (
    _Rule(pattern=re.compile("\x00"), one="NUL character removed", many="NUL characters removed"),
    _Rule(
        pattern=re.compile("[\x01-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb]"),
        one="control character removed",
        many="control characters removed",
    ),
    _Rule(
        pattern=re.compile("[\ud800-\udfff]"),
        one="lone surrogate replaced",
        many="lone surrogates replaced",
        replacement="\ufffd",
    ),
    _Rule(
        pattern=re.compile(
            f"[\u200b\u2060-\u2064\u206a-\u206f\ufeff\u180e\u034f]"
            f"|(?<![{_JOINING}{_PICTURES}])[\u200c\u200d]|(?<=[{_PICTURES}])[\u200c\u200d](?![{_PICTURES}])"
        ),
        one="zero-width character removed",
        many="zero-width characters removed",
    ),
    _Rule(pattern=re.compile("\u00ad"), one="soft hyphen removed", many="soft hyphens removed"),
    _Rule(pattern=re.compile(f"[{_BIDI}]"), one="bidirectional control removed", many="bidirectional controls removed"),
    _Rule(pattern=re.compile(f"[{_TAGS}]"), one="Unicode tag character removed", many="Unicode tag characters removed"),
    # One selector chooses a glyph; a row of them is how hidden messages are written.
    _Rule(
        pattern=re.compile(f"(?<=[{_SELECTORS}])[{_SELECTORS}]+"),
        one="row of variation selectors removed",
        many="rows of variation selectors removed",
    ),
    _Rule(pattern=re.compile(f"[{_NONCHARACTERS}]"), one="noncharacter removed", many="noncharacters removed"),
)
_SUSPECT = re.compile(
    f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef"
    f"{_SELECTORS}\ufeff\ufff9-\uffff\ud800-\udfff\U0001fffe-\U0001ffff\U0002fffe-\U0010ffff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedText:
    """Bytes as characters, not yet cleaned."""

    text: str
    notes: tuple[str, ...] = ()


class Cleaner:
    """Cleans the pieces of one document and counts what it changed."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def clean(self, text: str) -> str:
        """Return `text` with line feeds as the only line ends and without characters that readers do not see.

        Text without such characters comes back as it is.
        """
        if _SUSPECT.search(text) is None:
            return text
        text = _LINE_END.sub("\n", text).replace("\u2029", "\n\n")
        for number, rule in enumerate(_RULES):
            text, times = rule.pattern.subn(rule.replacement, text)
            self._counts[number] += times
        return text

    def notes(self) -> tuple[str, ...]:
        """Return what was changed so far, one entry per kind."""
        counted = ((_RULES[number], times) for number, times in sorted(self._counts.items()) if times)
        return tuple(f"{times} {rule.one if times == 1 else rule.many}" for rule, times in counted)


def clean_line(text: str | None) -> str | None:
    """Return a value of metadata as one clean line of at most 500 characters; `None` when nothing is left."""
    if not text:
        return None
    return " ".join(Cleaner().clean(text[: 4 * _LINE_CHARS]).split())[:_LINE_CHARS].rstrip() or None


def decode(content: bytes, *, charset: str | None = None) -> DecodedText:
    """Decode by byte order mark, by being UTF-8, by the declared `charset`, or by what the bytes look like.

    UTF-8 comes before the declaration: bytes beyond ASCII that happen to be valid UTF-8 are UTF-8, while servers that
    declare `iso-8859-1` for everything are common.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _replacing(content, encoding)
    # Of ASCII the declaration may know better: ISO-2022 writes Japanese with it.
    for candidate in (None if content.isascii() else "utf-8", _known(charset), _unmarked_utf16(content), "ascii"):
        if candidate is not None and (found := _strictly(content, candidate)) is not None:
            return DecodedText(text=found)
    damaged = _damaged_utf8(content)
    if damaged is not None:
        return damaged
    guessed = _guessed(content)
    decoded = _replacing(content, guessed)
    return DecodedText(text=decoded.text, notes=(f"read as {guessed}, which nothing declares", *decoded.notes))


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _replacing(content: bytes, encoding: str) -> DecodedText:
    text = _strictly(content, encoding)
    if text is not None:
        return DecodedText(text=text)
    text = content.decode(encoding, errors="replace")
    times = text.count("\ufffd")
    return DecodedText(text=text, notes=(f"{times} undecodable byte{'' if times == 1 else 's'} replaced",))


def _damaged_utf8(content: bytes) -> DecodedText | None:
    """Return text that is UTF-8 but for surrogates or a few bytes; other encodings hardly ever look like it."""
    try:
        return DecodedText(text=content.decode("utf-8", "surrogatepass"))  # Cleaning replaces and counts them.
    except UnicodeDecodeError:
        decoded = _replacing(content, "utf-8")
    bad = decoded.text.count("\ufffd")
    good = sum(1 for character in decoded.text[:_DETECTION_BYTES] if character > "\x7f") - bad
    return decoded if good >= _GOOD_FOR_BAD * bad else None


def _known(charset: str | None) -> str | None:
    """Return Python's name of a declared encoding, if it is one of text and safe."""
    try:
        info = codecs.lookup((charset or "").strip().strip("\"'"))
        "".encode(info.name)  # Refuses codecs of bytes, such as `zip`.
    except (LookupError, ValueError):
        return None
    if info.name.replace("-", "_") in _REFUSED:
        return None
    # What is declared as Latin-1 is Windows-1252 in practice: https://encoding.spec.whatwg.org/#names-and-labels
    return "cp1252" if info.name in {"iso8859-1", "ascii"} else info.name


def _unmarked_utf16(content: bytes) -> str | None:
    head = content[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd * 10 > half * 6 and even * 20 < half:
        return "utf-16-le"
    if half and even * 10 > half * 6 and odd * 20 < half:
        return "utf-16-be"
    return None


def _guessed(content: bytes) -> str:
    matches = from_bytes(content[:_DETECTION_BYTES])
    best = matches.best()
    if best is None:
        return "cp1252"
    # Short western texts fit many code pages equally well; the most common of them is named first.
    if best.encoding in _WESTERN and any(
        "cp1252" in {match.encoding, *match.could_be_from_charset} for match in matches
    ):
        return "cp1252"
    return best.encoding
