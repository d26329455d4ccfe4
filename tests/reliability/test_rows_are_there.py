"""Every row of the table of bad HTTP input and of URL fetching has tests that carry its id."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
IDS = {f"h{number}" for number in range(1, 18)} | {f"s{number}" for number in range(1, 8)}


def test_every_row_has_a_test() -> None:
    """A row whose tests are renamed or removed fails here."""
    named = {
        found
        for path in TESTS.rglob("test_*.py")
        for found in re.findall(r"^(?:async )?def test_([hs][0-9]+)_", path.read_text("utf-8"), re.MULTILINE)
    }

    assert named == IDS
