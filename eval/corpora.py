"""The documents of a data set, as sources to ingest, and their names in the set.

Sources get URIs made from the content (`dataset:…`) instead of their paths. Ids of documents and passages, which break
ties between equal scores, are then the same on every machine.
"""

import hashlib
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol, Self
from urllib.parse import quote, unquote, urlsplit

from domain.errors import ConfigurationError
from domain.settings import IngestSettings
from eval.json_rows import Row, read_rows
from ingest.json_lines import documents_in
from ingest.parsed import Metadata, RawSource, SkippedSource
from ingest.sources import discover

_SCHEME: Final = "dataset:"


class Corpus(Protocol):
    """Documents with the ids that the set's cases use for them."""

    @property
    def digest(self) -> str:
        """SHA-256 of ids and content, hexadecimal."""
        ...

    @property
    def size(self) -> int:
        """How many sources there are."""
        ...

    def sources(self, settings: IngestSettings) -> Iterator[RawSource | SkippedSource]:
        """Yield what is ingested, always in the same order."""
        ...

    def doc_id(self, source: RawSource, key: str) -> str:
        """Return the set's id of a document that was read from `source`, under `key` where that holds several."""
        ...

    def has(self, doc_id: str) -> bool:
        """Tell whether the set has this document."""
        ...

    def only(self, doc_ids: Collection[str]) -> Self:
        """Return the corpus of these documents alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesCorpus:
    """A file with one document per line: `doc_id` (`_id` in BEIR), `text`, and `title`, `date`, `source` if known.

    Attributes:
        digests: Digest of each document that is taken, by id, in the order of the file.
    """

    path: Path
    digests: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the file once, for its ids and content.

        Raises:
            ConfigurationError: If a line has no id or text, or an id occurs twice.
        """
        digests: dict[str, str] = {}
        for row in read_rows(path):
            line = _line(row)
            doc_id = line["doc_id"]
            if doc_id in digests:
                raise row.fault("doc_id", f"{doc_id!r} occurs twice")
            digests[doc_id] = hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()
        if not digests:
            raise ConfigurationError(f"{str(path)!r} has no documents", hint="Check that the file is complete.")
        return cls(path=path, digests=digests)

    def only(self, doc_ids: Collection[str]) -> Self:
        """Return the corpus of these documents alone."""
        kept = {doc_id: digest for doc_id, digest in self.digests.items() if doc_id in doc_ids}
        return replace(self, digests=kept)

    @property
    def digest(self) -> str:
        """SHA-256 of ids and content, hexadecimal; the file's compression does not matter."""
        return _digest(self.digests.items())

    @property
    def size(self) -> int:
        """How many documents are taken."""
        return len(self.digests)

    def sources(self, settings: IngestSettings) -> Iterator[RawSource | SkippedSource]:
        """Yield the documents as `dateline ingest` would read them from the file."""
        uri = f"{_SCHEME}{self.digest[:12]}"
        for row in read_rows(self.path):
            line = _line(row)
            if line["doc_id"] not in self.digests:
                continue
            content = json.dumps(line).encode()
            yield from documents_in(
                io.BytesIO(content),
                uri=uri,
                name="corpus.jsonl",
                size=len(content),
                declared=Metadata(),
                longest=max(settings.max_source_bytes, len(content)),
            )

    def doc_id(self, source: RawSource, key: str) -> str:
        """Return the line's `doc_id`."""
        del key
        return unquote(source.uri.partition("#")[2])

    def has(self, doc_id: str) -> bool:
        """Tell whether the document is taken."""
        return doc_id in self.digests


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesCorpus:
    """Files and folders as people keep them; a document's id is its path below its folder.

    An entry of a file that holds several, such as a feed, is `path#entry-id`.

    Attributes:
        paths: SHA-256 of each file by its path below the folder that was named.
    """

    roots: tuple[Path, ...]
    paths: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, roots: Sequence[Path], settings: IngestSettings) -> Self:
        """Read all files once.

        Raises:
            ConfigurationError: If a path does not exist or cannot be read, or two files have one relative path.
        """
        paths: dict[str, str] = {}
        for root in roots:
            in_root: dict[str, list[str]] = {}
            for found in discover([str(root)], declared=Metadata(), settings=settings):
                if isinstance(found, SkippedSource):
                    raise ConfigurationError(
                        f"The record {str(root)!r} cannot be used: {found.message}", hint="Correct the record's path."
                    )
                name = _relative(found.uri, root).partition("#")[0]
                in_root.setdefault(name, []).append(hashlib.sha256(found.content).hexdigest())
            for name, digests in in_root.items():
                if name in paths:
                    raise ConfigurationError(
                        f"Two folders of the record have a file {name!r}", hint="Rename one, or name one folder only."
                    )
                paths[name] = digests[0] if len(digests) == 1 else _digest(enumerate(digests))
        return cls(roots=tuple(roots), paths=paths)

    @property
    def digest(self) -> str:
        """SHA-256 of relative paths and content, hexadecimal."""
        return _digest(sorted(self.paths.items()))

    @property
    def size(self) -> int:
        """How many files there are."""
        return len(self.paths)

    def sources(self, settings: IngestSettings) -> Iterator[RawSource | SkippedSource]:
        """Yield the files in order of their names."""
        for root in self.roots:
            for found in discover([str(root)], declared=Metadata(), settings=settings):
                if isinstance(found, SkippedSource):
                    yield found
                else:
                    name, mark, entry = _relative(found.uri, root).partition("#")
                    if name not in self.paths:
                        continue
                    yield replace(found, uri=f"{_SCHEME}{quote(name)}{mark}{quote(entry, safe='')}")

    def doc_id(self, source: RawSource, key: str) -> str:
        """Return the path, and after `#` the entry, where there is one."""
        name, mark, entry = source.uri.removeprefix(_SCHEME).partition("#")
        path = f"{unquote(name)}{mark}{unquote(entry)}"
        return f"{path}#{key}" if key else path

    def only(self, doc_ids: Collection[str]) -> Self:
        """Return the corpus of these files alone; an entry names its file."""
        files = {doc_id.partition("#")[0] for doc_id in doc_ids} | set(doc_ids)
        return replace(self, paths={path: digest for path, digest in self.paths.items() if path in files})

    def has(self, doc_id: str) -> bool:
        """Tell whether there is such a file; its entries are not known before they are read."""
        return doc_id in self.paths or doc_id.partition("#")[0] in self.paths


def _line(row: Row) -> dict[str, str]:
    """Return what is ingested of a line; sets carry much that is not for readers."""
    text = row.values.get("text")
    if not isinstance(text, str):
        raise row.fault("text", "is missing or no text")
    line = {"doc_id": row.demanded_text("doc_id", "_id", "id"), "text": text}
    for name, fields in (
        ("title", ("title",)),
        ("date", ("published", "date")),
        ("source", ("publisher", "source")),
        ("place", ("place",)),
        ("language", ("language",)),
    ):
        value = next((row.values[one] for one in fields if isinstance(row.values.get(one), str)), None)
        if value:
            line[name] = value
    return line


def _relative(uri: str, root: Path) -> str:
    address = urlsplit(uri)
    above = root.resolve() if root.is_dir() else root.parent.resolve()
    name = Path(unquote(address.path)).relative_to(above).as_posix()
    return f"{name}#{unquote(address.fragment)}" if address.fragment else name


def _digest(entries: Iterable[tuple[object, str]]) -> str:
    digest = hashlib.sha256()
    for name, content in entries:
        digest.update(f"{name}\x00{content}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
