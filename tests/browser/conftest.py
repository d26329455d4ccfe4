"""What the tests of the page share: one Chromium for each module, and pages that are watched."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browsing import CHROMIUM, PATIENCE_MS, Visit, chromium, served_page, visiting

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the session: an event loop that stays open would keep the asynchronous tests from running."""
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed; `make test` installs it where it may")
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with visiting(browser) as visit:
        yield visit


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over `DOCUMENTS` without a chat model, for tests that change nothing."""
    with served_page(tmp_path_factory.mktemp("record")) as origin:
        yield origin
