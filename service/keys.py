"""Who may use a server: keys with a scope and collections, kept hashed in one file beside the record."""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from domain.errors import ConfigurationError, NotFoundError, StorageError

FILE: Final = "access.json"
MAIN: Final = "default"
"""The collection in the data folder itself."""

_COLLECTION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PREFIX: Final = "dl_"  # Lets scanners of published code find a key.
_FORMAT: Final = 1
_SECRET_BYTES: Final = 32


class Scope(StrEnum):
    """What a key may do; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, other: "Scope") -> bool:
        """Tell whether this scope includes another."""
        return _SCOPES.index(self) >= _SCOPES.index(other)


_SCOPES: Final = tuple(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key; not the key itself.

    Attributes:
        key_id: Names it in lists and logs.
        name: Whose it is, for people.
        collections: Those that it opens; `None` for all.
        sha256: Of the key, in hexadecimal digits. A key has 256 random bits, so that nothing slower is needed.
        created: When, ISO 8601 in UTC.
        revoked: When it ceased to open anything.
    """

    key_id: str
    name: str
    scope: Scope
    collections: tuple[str, ...] | None
    sha256: str
    created: str
    revoked: str | None = None

    def opens(self, collection: str) -> bool:
        """Tell whether the key is for a collection."""
        return self.collections is None or collection in self.collections


def is_collection(name: str) -> bool:
    """Tell whether a collection may have this name: small letters, digits and dashes, at most 63."""
    return _COLLECTION.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    secret: str
    keys: tuple[ApiKey, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        values = json.loads(text)
        if values["format"] != _FORMAT:
            raise ValueError("it was written by another version of Dateline")
        return cls(secret=str(values["secret"]), keys=tuple(map(_key_of, values["keys"])))

    def written(self) -> str:
        return json.dumps({"format": _FORMAT, "secret": self.secret, "keys": [asdict(key) for key in self.keys]})


class KeyFile:
    """The keys of one server. Changes by another process are seen at once; safe to use from several threads.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._seen: tuple[tuple[int, ...], _Content] | None = None

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first, revoked ones too.

        Raises:
            ConfigurationError: If the file is damaged.
        """
        content = self._content()
        return () if content is None else content.keys

    @property
    def secret(self) -> bytes:
        """What links to sources are signed with; made with the first key, empty before.

        Raises:
            ConfigurationError: If the file is damaged.
        """
        content = self._content()
        return b"" if content is None else content.secret.encode()

    def find(self, key: str) -> ApiKey | None:
        """Return what is kept of a key that opens something.

        All are compared, each in the same time whatever it begins with.
        """
        digest = _digest(key)
        found = None
        for one in self.keys:
            if hmac.compare_digest(one.sha256, digest) and one.revoked is None:
                found = one
        return found

    def create(self, *, name: str, scope: Scope, collections: Sequence[str] | None = None) -> tuple[str, ApiKey]:
        """Make a key; it is returned this once.

        Raises:
            ConfigurationError: If a collection's name is not valid, or the file is damaged.
            StorageError: If it cannot be written.
        """
        for collection in collections or ():
            if not is_collection(collection):
                raise ConfigurationError(
                    f"{collection!r} is no name of a collection",
                    hint="Use small letters, digits and dashes, at most 63.",
                )
        key = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        kept = ApiKey(
            key_id=f"key_{secrets.token_hex(6)}",
            name=name,
            scope=scope,
            collections=None if collections is None else tuple(collections),
            sha256=_digest(key),
            created=_now(),
        )
        with self._changing() as content:
            self._write(replace(content, keys=(*content.keys, kept)))
        return key, kept

    def revoke(self, key_id: str) -> ApiKey:
        """Let a key open nothing from now on.

        Raises:
            NotFoundError: If there is none with this id.
            ConfigurationError: If the file is damaged.
            StorageError: If it cannot be written.
        """
        with self._changing() as content:
            keys = {key.key_id: key for key in content.keys}
            if key_id not in keys:
                raise NotFoundError(f"There is no key {key_id!r}", hint="'dateline keys list' shows them.")
            if keys[key_id].revoked is None:
                keys[key_id] = replace(keys[key_id], revoked=_now())
                self._write(replace(content, keys=tuple(keys.values())))
        return keys[key_id]

    def _content(self) -> _Content | None:
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        state = (about.st_ino, about.st_mtime_ns, about.st_size)
        seen = self._seen
        if seen is None or seen[0] != state:
            try:
                seen = (state, _Content.read(self._path.read_text("utf-8")))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise self._unreadable(str(error)) from error
            self._seen = seen
        return seen[1]

    @contextmanager
    def _changing(self) -> Iterator[_Content]:
        """Hold the right to change the file."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self._content() or _Content(secret=secrets.token_hex(_SECRET_BYTES), keys=())
        finally:
            os.close(descriptor)

    def _write(self, content: _Content) -> None:
        """Put a whole new file in the place of the old one."""
        new = self._path.with_suffix(".new")
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  - with its mode from the start
                file.write(content.written())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unreadable(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"The keys in {str(self._path)!r} cannot be read: {why}",
            hint="Put a good copy in its place, or remove it and make new keys with 'dateline keys create'.",
        )

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"The keys in {str(self._path)!r} cannot be written: {error.strerror or error}",
            hint="Free space or change the folder's permissions.",
        )


def _key_of(values: dict[str, Any]) -> ApiKey:
    collections = values["collections"]
    return ApiKey(
        **{
            **values,
            "scope": Scope(values["scope"]),
            "collections": None if collections is None else tuple(map(str, collections)),
        }
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
