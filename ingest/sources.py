"""Files, folders and web addresses, as people name them, become sources.

Nothing that is named is passed over in silence: what cannot be read is a `SkippedSource` with a reason. Inside a
folder, hidden names and the few in `_NOT_DOCUMENTS` are no documents and are left out; everything else is read, and
what its bytes are is the parser's decision.
"""

import errno
import io
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from domain.errors import FetchError, IngestError
from domain.settings import IngestSettings
from domain.uploads import Upload
from ingest.display_names import displayed, displayed_address
from ingest.json_lines import documents_in, holds_lines
from ingest.parsed import Metadata, RawSource, SkippedSource

Found = RawSource | SkippedSource

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|(?:https?|file|data|javascript):", re.IGNORECASE)
_NOT_DOCUMENTS = frozenset({"__init__.py", "__pycache__", "py.typed", "Thumbs.db", "desktop.ini"})
_OFFICE_LOCK = "~$"  # Word's owner file beside an open document.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


def discover(sources: Sequence[str], *, declared: Metadata, settings: IngestSettings) -> Iterator[Found]:
    """Find what the names stand for, in their order, one source at a time.

    A file's URI is that of its absolute path with links in its folders resolved, so a document keeps its identity
    wherever the command is run. A folder is read with its subfolders in order of names; a link in it is followed only
    to a file inside the folder. A file of JSON lines is as many sources as it has lines.

    Args:
        sources: Paths of files and folders, and http(s) addresses.
        declared: What the user says of all of them; stronger than what a source says.
        settings: Limits, and whether addresses may point into private networks.
    """
    for source in sources:
        if _ADDRESS.match(source):
            yield from _fetched(source, declared=declared, settings=settings)
        else:
            yield from _named(source, declared=declared, limit=settings.max_source_bytes)


def uploaded(upload: Upload, *, settings: IngestSettings) -> Iterator[Found]:
    """Find what an upload stands for: what it holds, or what its address leads to."""
    declared = Metadata(
        title=upload.title,
        publisher=upload.publisher,
        published=upload.published,
        place=upload.place,
        language=upload.language,
    )
    if upload.url is not None:
        yield from _fetched(upload.url, declared=declared, settings=settings)
    elif upload.content is not None:
        source = RawSource(
            uri=upload.uri,
            name=displayed(upload.name),
            content=upload.content,
            media_type=upload.media_type,
            declared=declared,
        )
        yield from _lines_or_whole(source, name=upload.name, settings=settings)


def _fetched(address: str, *, declared: Metadata, settings: IngestSettings) -> Iterator[Found]:
    from ingest.fetch import fetch  # noqa: PLC0415  - files need no HTTP client

    try:
        page = fetch(address, declared=declared, settings=settings)
    except FetchError as error:
        yield SkippedSource(uri=displayed_address(address), reason=error.reason, message=_sentences(error))
        return
    path = page.uri.partition("?")[0]
    yield from _lines_or_whole(page, name=path.rpartition("/")[2], settings=settings)


def _lines_or_whole(source: RawSource, *, name: str, settings: IngestSettings) -> Iterator[Found]:
    if not holds_lines(name):
        yield source
        return
    yield from documents_in(
        io.BytesIO(source.content),
        uri=source.uri,
        name=name,
        size=len(source.content),
        declared=source.declared,
        longest=settings.max_source_bytes,
    )


def _named(name: str, *, declared: Metadata, limit: int) -> Iterator[Found]:
    try:
        path = _identified(name)
        mode = path.stat().st_mode
    except OSError as error:
        yield _unreadable(Path(name).absolute(), error)
    except ValueError:  # An empty name, one with a NUL, or one that no file system can encode.
        message = f"{displayed(name)!r} is not the name of a file. Check the spelling."
        yield SkippedSource(uri=displayed(name), reason="not_found", message=message)
    else:
        if stat.S_ISDIR(mode):
            yield from _in_folder(path.resolve(), declared=declared, limit=limit)
        else:
            yield from _in_file(path, declared=declared, limit=limit)


def _identified(name: str) -> Path:
    """Return the path by which a file is known: a link keeps its own name, since what it leads to may change."""
    if not name:
        raise ValueError("An empty name would mean the current folder")
    path = Path(name)
    if path.name in {"", ".."}:  # "/", "." and ".." have no name of their own.
        return path.resolve()
    return path.parent.resolve() / path.name


def _in_folder(root: Path, *, declared: Metadata, limit: int) -> Iterator[Found]:
    is_empty = True
    for found in _entries_under(root):
        is_empty = False
        if isinstance(found, SkippedSource):
            yield found
        else:
            yield from _in_file(found, declared=declared, limit=limit)
    if is_empty:
        message = f"The folder {displayed(str(root))!r} has no documents. Check that it is the one you mean."
        yield SkippedSource(uri=root.as_uri(), reason="empty_folder", message=message)


def _entries_under(root: Path) -> Iterator[Path | SkippedSource]:
    """Walk a folder depth first; one listing per level is held, since a folder can be too deep for recursion."""
    open_folders: list[Iterator[Path | SkippedSource]] = [_entries(root)]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, Path) and _is_folder(entry):
            open_folders.append(_entries(entry))
        else:
            yield entry if isinstance(entry, SkippedSource) else _within(root, entry)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False  # Reading it says what is wrong.


def _entries(folder: Path) -> Iterator[Path | SkippedSource]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  - names take a tenth of the memory of paths
    except OSError as error:
        yield _unreadable(folder, error)
        return
    for name in names:
        if not name.startswith((".", _OFFICE_LOCK)) and name not in _NOT_DOCUMENTS:
            yield folder / name


def _within(root: Path, entry: Path) -> Path | SkippedSource:
    """Return what is no folder, unless it is a link that must not be followed."""
    try:
        return _linked(entry, root) if stat.S_ISLNK(entry.lstat().st_mode) else entry
    except OSError as error:
        return _unreadable(entry, error)


def _linked(link: Path, root: Path) -> Path | SkippedSource:
    try:
        target = link.resolve(strict=True)
        is_folder = target.is_dir()
    except RuntimeError as error:  # What a link that leads to itself raises before Python 3.13.
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if not target.is_relative_to(root):
        why, remedy = "leads outside the folder that was named", "Name what it leads to if you want it"
        return _skipped(link, reason="outside_folder", message=f"{why}. {remedy}")
    if link.is_relative_to(target):
        return _skipped(link, reason="link_loop", message="leads back to a folder that it is in. Remove the link")
    if is_folder:
        return _skipped(link, reason="linked_folder", message="is a link to a folder, which is read at its own place")
    return link


def _in_file(path: Path, *, declared: Metadata, limit: int) -> Iterator[Found]:
    name = path.name
    try:
        with _opened(path) as file:
            if holds_lines(name):
                size = os.fstat(file.fileno()).st_size
                yield from documents_in(file, uri=path.as_uri(), name=name, size=size, declared=declared, longest=limit)
                return
            content = _content(file, path, limit=limit)
    except OSError as error:
        yield _unreadable(path, error)
    except IngestError as error:
        yield SkippedSource(uri=path.as_uri(), reason=error.reason, message=_sentences(error))
    else:
        yield RawSource(uri=path.as_uri(), name=displayed(name), content=content, declared=declared)


def _opened(path: Path) -> BinaryIO:
    """Open a regular file; anything else is refused before it is opened, since opening can wait or act.

    Raises:
        IngestError: `not_a_regular_file` for a FIFO, socket or device.
        OSError: If it cannot be opened.
    """
    target = path.resolve()
    _demand_regular(target, target.stat().st_mode)
    # Between the look and the opening, something else may have taken its place: do not follow it, do not wait for it.
    descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _demand_regular(target, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _demand_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise IngestError(
            f"{displayed(path.name)!r} is {_kind(mode)}, not a file",
            reason="not_a_regular_file",
            hint="Copy what it delivers to a file and ingest that.",
        )


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder"))
    return next((kind for matches, kind in kinds if matches(mode)), "a device")


def _content(file: BinaryIO, path: Path, *, limit: int) -> bytes:
    # The size is checked first to spare the reading; files that do not know theirs (in /proc) are caught by the second.
    if os.fstat(file.fileno()).st_size <= limit:
        content = file.read(limit + 1) or b""  # None where the kernel would have it wait.
        if len(content) <= limit:
            return content
    raise IngestError(
        f"{displayed(path.name)!r} has more than {limit} bytes",
        reason="too_large",
        hint="Split it, or raise ingest.max_source_bytes.",
    )


def _unreadable(path: Path, error: OSError) -> SkippedSource:
    if error.errno in _ABSENT:
        return _skipped(path, reason="not_found", message="does not exist. Check the spelling")
    if error.errno == errno.ELOOP:
        return _skipped(path, reason="link_loop", message="is a link that leads to itself. Remove the link")
    why = error.strerror or type(error).__name__
    return _skipped(path, reason="not_readable", message=f"cannot be read: {why}. Check its name and permissions")


def _skipped(path: Path, *, reason: str, message: str) -> SkippedSource:
    return SkippedSource(uri=path.as_uri(), reason=reason, message=f"{displayed(str(path))!r} {message}.")


def _sentences(error: IngestError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else f"{error.message}."
