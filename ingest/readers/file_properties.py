"""What office programs write into a file about it: who made it and when, unless it is a default of theirs."""

import re

from ingest.cleaning import clean_line

DATE_NOTE = "the date is that of the file's making, since its text states none"
_NOBODY = re.compile(
    r"\(?(?:anonymous|unspecified|unknown)\)?|admin(?:istrator)?|(?:default |windows |microsoft office )?user|owner"
    r"|author|root|python-docx|.*\.(?:docx?|pdf)",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"(?:untitled|document|dokument|presentation)[\s\d-]*|\(?(?:anonymous|unspecified)\)?"
    r"|.*\.(?:docx?|pdf|indd|tex|dvi|rtf|odt|html?)",
    re.IGNORECASE,
)
_WRITTEN_BY = re.compile(r"^Microsoft (?:Word|PowerPoint) - ")


def stated_title(value: str | None) -> str | None:
    """Return a title that somebody gave; names of files are none."""
    title = clean_line(_WRITTEN_BY.sub("", value or ""))
    return None if title is None or _NO_TITLE.fullmatch(title) else title


def stated_author(value: str | None) -> str | None:
    """Return the person or body that the file names as its author, who puts it out as far as the file says."""
    author = clean_line(value)
    return None if author is None or _NOBODY.fullmatch(author) else author
