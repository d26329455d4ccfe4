"""Names of sources as people see them, in messages, reports and pages."""

import re

_LONGEST = 200
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")


def displayed(name: str) -> str:
    """Return a name that is safe to print: one line, encodable, and in the order in which it is read.

    Control characters, lone surrogates (bytes of a file name that are not UTF-8) and the marks that reverse the
    direction of text are replaced; a very long name is cut. It says which source is meant and is never opened.
    """
    cut = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


def displayed_address(address: str) -> str:
    """Return a web address for display; a user name and password in it are left out."""
    return displayed(_USER_INFO.sub("…@", address))
