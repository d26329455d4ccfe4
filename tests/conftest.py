"""What holds for every test: no keys, no settings of this machine; `addopts` allows no network but loopback."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("DATELINE_")]:
        del os.environ[name]
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "soak" in (config.option.markexpr or "").split():
        return
    for item in items:
        if item.get_closest_marker("soak") is not None:  # Keywords hold the names of folders, too.
            item.add_marker(pytest.mark.skip(reason="long; run by `make soak`"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data that stays outside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED
