"""The error tree keeps its promises."""

import inspect
import re

import domain.errors
from domain.errors import DatelineError

CLASSES = [
    value for value in vars(domain.errors).values() if inspect.isclass(value) and issubclass(value, DatelineError)
]


def test_the_drawn_tree_is_the_real_one() -> None:
    """Each class stands in the module's drawing, and nothing else does."""
    drawn = set(re.findall(r"\b(\w+Error)\b(?=\s\s|\n)", domain.errors.__doc__ or ""))

    assert drawn == {cls.__name__ for cls in CLASSES}


def test_every_error_has_its_own_code() -> None:
    """Machines tell errors apart by code; a subclass does not borrow its parent's."""
    codes = [cls.code for cls in CLASSES]

    assert len(set(codes)) == len(codes)
