"""Where settings come from and what is refused."""

from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest to the user wins."""
    (tmp_path / "dateline.toml").write_text('data_dir = "/file"\nlog_level = "info"\n[server]\nport = 1\n')
    monkeypatch.setenv("DATELINE_SERVER__PORT", "2")
    monkeypatch.setenv("DATELINE_LOG_LEVEL", "error")

    settings = load_settings(log_level="debug")

    assert (settings.log_level, settings.server.port, settings.data_dir) == ("debug", 2, Path("/file"))


def test_an_unknown_key_in_the_file_is_named(tmp_path: Path) -> None:
    """A misspelt key is an error, not a silent default."""
    (tmp_path / "dateline.toml").write_text("[chat]\nmodle = 'x'\n")

    with pytest.raises(ConfigurationError, match=r"chat\.modle"):
        load_settings()


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is held to the same rule as the file."""
    monkeypatch.setenv("DATELINE_CHAT__MODLE", "x")

    with pytest.raises(ConfigurationError, match="DATELINE_CHAT__MODLE"):
        load_settings()


def test_a_value_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which setting and which rule."""
    monkeypatch.setenv("DATELINE_SERVER__PORT", "70000")

    with pytest.raises(ConfigurationError, match=r"server\.port: .*65535"):
        load_settings()


def test_a_file_that_is_not_toml_is_a_configuration_error(tmp_path: Path) -> None:
    """Bad syntax points at the file."""
    (tmp_path / "dateline.toml").write_text("= nonsense")

    with pytest.raises(ConfigurationError):
        load_settings()


def test_the_fingerprint_ignores_secrets_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines with the same behaviour share a fingerprint; another threshold changes it."""
    plain = load_settings().fingerprint()
    monkeypatch.setenv("DATELINE_CHAT__API_KEY", "secret")
    monkeypatch.setenv("DATELINE_DATA_DIR", "/elsewhere")
    same = load_settings()
    monkeypatch.setenv("DATELINE_ANSWER__MIN_SUPPORT", "0.6")

    assert same.fingerprint() == plain
    assert "secret" not in repr(same)
    assert load_settings().fingerprint() != plain
