"""Keys: made once, kept hashed, seen by other processes, refused when revoked; a damaged file opens nothing."""

import json
import stat
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, NotFoundError, StorageError
from service.keys import FILE, ApiKey, KeyFile, Scope, is_collection


def made(folder: Path, scope: Scope = Scope.READ, *collections: str) -> tuple[str, ApiKey]:
    return KeyFile(folder).create(name="newsroom", scope=scope, collections=collections or None)


def test_a_key_is_found_by_itself_alone(tmp_path: Path) -> None:
    """Neither its beginning nor its digest opens anything."""
    key, kept = made(tmp_path)
    keys = KeyFile(tmp_path)

    assert keys.find(key) == kept
    assert [keys.find(other) for other in ("", key[:-1], key + "x", kept.sha256, kept.key_id, "\udcff")] == [None] * 6


def test_only_a_digest_is_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    key, _ = made(tmp_path)

    assert key not in (tmp_path / FILE).read_text("utf-8")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_keys_are_long_and_differ(tmp_path: Path) -> None:
    """256 random bits in base 64 after a prefix that scanners know."""
    keys = {made(tmp_path)[0] for _ in range(3)}

    assert len(keys) == 3
    assert all(key.startswith("dl_") and len(key) == 46 for key in keys)


def test_what_another_process_changes_is_seen_at_once(tmp_path: Path) -> None:
    """A server has its file open while `dateline keys` writes it."""
    server = KeyFile(tmp_path)
    assert not server.keys

    key, kept = made(tmp_path)
    assert server.find(key) == kept

    KeyFile(tmp_path).revoke(kept.key_id)
    assert server.find(key) is None
    assert [one.revoked is None for one in server.keys] == [False]


def test_the_secret_stays_when_keys_come_and_go(tmp_path: Path) -> None:
    """Links that were signed with it go on opening."""
    assert KeyFile(tmp_path).secret == b""
    _, kept = made(tmp_path)
    secret = KeyFile(tmp_path).secret

    made(tmp_path)
    KeyFile(tmp_path).revoke(kept.key_id)

    assert len(secret) == 64
    assert KeyFile(tmp_path).secret == secret


def test_a_key_that_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    made(tmp_path)

    with pytest.raises(NotFoundError, match="key_none"):
        KeyFile(tmp_path).revoke("key_none")


def test_scopes_include_those_before_them() -> None:
    """`read` < `write` < `admin`."""
    covered = {scope: [other for other in Scope if scope.covers(other)] for scope in Scope}

    assert covered == {
        Scope.READ: [Scope.READ],
        Scope.WRITE: [Scope.READ, Scope.WRITE],
        Scope.ADMIN: [Scope.READ, Scope.WRITE, Scope.ADMIN],
    }


def test_a_key_opens_its_collections_and_no_other(tmp_path: Path) -> None:
    """One without collections opens all."""
    bound, free = made(tmp_path, Scope.READ, "treaties", "wires")[1], made(tmp_path)[1]

    assert [bound.opens(name) for name in ("treaties", "wires", "default")] == [True, True, False]
    assert free.opens("treaties")


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 64, "a\n", "ä"])
def test_a_collection_has_a_plain_name(tmp_path: Path, name: str) -> None:
    """It becomes the name of a folder."""
    assert not is_collection(name)
    with pytest.raises(ConfigurationError):
        made(tmp_path, Scope.READ, name)


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2, "secret": "", "keys": []}', '{"format": 1, "keys": 3}'])
def test_a_damaged_file_is_told_and_opens_nothing(tmp_path: Path, content: str) -> None:
    """Nor is it overwritten by a new key."""
    key, _ = made(tmp_path)
    (tmp_path / FILE).write_text(content, "utf-8")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        KeyFile(tmp_path).find(key)
    with pytest.raises(ConfigurationError):
        made(tmp_path)
    assert (tmp_path / FILE).read_text("utf-8") == content


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The folder's place is taken by a file."""
    (tmp_path / "record").write_text("", "utf-8")

    with pytest.raises(StorageError, match="cannot be written"):
        made(tmp_path / "record")


def test_a_write_that_was_cut_off_before_does_not_matter(tmp_path: Path) -> None:
    """What a killed process left is replaced."""
    (tmp_path / "access.new").write_text("half", "utf-8")

    key, _ = made(tmp_path)

    assert KeyFile(tmp_path).find(key)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["access.json", "access.lock"]
    assert json.loads((tmp_path / FILE).read_text("utf-8"))["format"] == 1
