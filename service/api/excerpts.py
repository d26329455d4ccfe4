"""Which part of a long text is shown at once."""

from dataclasses import dataclass
from typing import Final

from service.api.problems import Problem

LONGEST: Final = 20_000  # About 5 000 tokens: an agent reads several without filling its context.
AROUND: Final = 1_000  # A paragraph or two, enough to see of whom and of when a quote speaks.


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Part of a document's text.

    Attributes:
        text: Exactly `document.text[start:end]`.
        quote: The place that was asked for, as far as `text` has it; `None` where no end was given.
        next_start: Where to read on; `None` at the end of the document.
    """

    start: int
    end: int
    text: str
    quote: str | None
    next_start: int | None


def excerpt(text: str, *, start: int, end: int | None) -> Excerpt:
    """Cut a place with what stands around it out of a text, or, without an end, what comes from `start` on.

    Args:
        text: The whole text.
        start: First code point.
        end: Where the place ends, exclusive, greater than `start`. With it, up to `AROUND` characters before and after
            the place are shown, too; in all at most `LONGEST`.

    Raises:
        Problem: If the place is not in the text.
    """
    length = len(text)
    if start >= length or (end or 0) > length:
        param = "start" if start >= length else "end"
        raise Problem(422, f"{param}: the text has {length} characters.", code="invalid_request", param=param)
    first = start if end is None else max(0, start - AROUND)
    last = min(length, first + LONGEST, length if end is None else end + AROUND)
    return Excerpt(
        start=first,
        end=last,
        text=text[first:last],
        quote=None if end is None else text[start : min(end, last)],
        next_start=last if last < length else None,
    )
