"""Generated pages say what the code says."""

from tools import make_cli_docs, make_settings_docs


def test_settings_page_is_current() -> None:
    """Every setting is documented with its default; run `python -m tools.make_settings_docs` after a change."""
    assert make_settings_docs.PAGE.read_text() == make_settings_docs.settings_page()


def test_command_page_is_current() -> None:
    """Every command is documented with its help; run `python -m tools.make_cli_docs` after a change."""
    assert make_cli_docs.PAGE.read_text() == make_cli_docs.cli_page()
