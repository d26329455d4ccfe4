"""Generated pages say what the code says."""

from tools.make_settings_docs import PAGE, settings_page


def test_settings_page_is_current() -> None:
    """Every setting is documented with its default; run `python -m tools.make_settings_docs` after a change."""
    assert PAGE.read_text() == settings_page()
