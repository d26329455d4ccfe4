"""The seams: what answering and ingestion need, whoever provides it."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from domain.answers import Evidence, PromptUsed, TimeScope
from domain.corpus import Citable, Document, DocumentHeader, Passage, RankedPassage, Reading, Statement
from domain.patience import Patience

Vector = NDArray[np.float32]
"""Shape `(d,)`, unit length."""

Matrix = NDArray[np.float32]
"""Shape `(n, d)`, rows of unit length."""


@runtime_checkable
class Encoder(Protocol):
    """Turns text into vectors whose dot product is their similarity."""

    @property
    def encoder_id(self) -> str:
        """Name and digest of the model; vectors of different ids are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        """Encode texts of the record, `(len(texts), dimensions)` float32 rows of unit length."""
        ...

    def encode_query(self, text: str) -> Vector:
        """Encode a question, `(dimensions,)` float32 of unit length."""
        ...


class Reader(Protocol):
    """Looks at question and passages together."""

    def read(self, question: str, passages: Sequence[RankedPassage]) -> tuple[Reading, ...]:
        """Read each passage for the question, in the order given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDocument:
    """A document ready to become visible: text, passages, statements and one vector per passage.

    Attributes:
        embedded_texts: What was encoded for each passage (text with context), same order as `passages`.
        vectors: `(len(passages), d)` float32, rows of unit length.
        signature: MinHash signature for near-duplicate search, as bytes; empty when not computed.
    """

    document: Document
    passages: tuple[Passage, ...]
    statements: tuple[Statement, ...]
    embedded_texts: tuple[str, ...]
    vectors: Matrix
    signature: bytes = b""

    def __post_init__(self) -> None:
        if not len(self.passages) == len(self.embedded_texts) == len(self.vectors):
            raise ValueError("A prepared document has one text and one vector per passage")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One visible passage as the indexes store it.

    Attributes:
        published_day: Publication date as the integer `YYYYMMDD`, 0 when unknown.
        publisher: Case-folded, empty when unknown.
    """

    passage_id: str
    document_id: str
    text: str
    title: str
    vector: Vector
    published_day: int
    publisher: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCounts:
    """How much is visible."""

    documents: int
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One ingestion as the ledger remembers it.

    Attributes:
        started: When it began; of one that was sent over HTTP, when it was taken in.
        report: What became of its sources, once it is finished.
    """

    job_id: str
    state: Literal["queued", "running", "done", "failed", "interrupted"]
    source: str
    started: datetime
    finished: datetime | None
    report: Mapping[str, Any]


class Intake(Protocol):
    """Reads what was sent to the record, one job after another, in the background."""

    def start(self) -> None:
        """Begin with what waits; returns at once."""
        ...

    def wake(self) -> None:
        """Say that something waits, or that something was deleted."""
        ...

    def stop(self) -> None:
        """Stop at the next document, and wait until what is being written is durable."""
        ...

    def check_address(self, url: str) -> None:
        """Refuse a web address that may not be fetched, as far as that is known without looking its name up.

        Raises:
            FetchError: `url_not_valid` or `url_not_allowed`.
        """
        ...

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """Return how far a job has come: `done` and `total` sources, `passages`; `None` unless it is running."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """A run file of the evaluation, as a list shows it.

    Attributes:
        name: Of the file, without its folder.
        started: When it began, as ISO 8601; empty where the file does not say.
        cases: How many answers it holds, of all systems and data sets.
        figures: Its headline figures, each with its title and its value as text; of the first system and data set.
        fault: Why it cannot be shown; empty where it can.
    """

    name: str
    started: str = ""
    data_sets: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    cases: int = 0
    figures: tuple[tuple[str, str], ...] = ()
    fault: str = ""


class Runs(Protocol):
    """The runs of the evaluation that a server shows."""

    def listed(self) -> tuple[ListedRun, ...]:
        """Return them, newest first."""
        ...

    def report(self, name: str) -> str:
        """Return the report on one as an HTML page that needs nothing else.

        Raises:
            NotFoundError: If there is none of this name.
            ConfigurationError: If it cannot be read.
        """
        ...

    def comparison(self, base: str, new: str) -> str:
        """Return what changed from one run to another, likewise.

        Raises:
            NotFoundError: If there is none of one of the names.
            ConfigurationError: If one cannot be read, or they have no system and data set in common.
        """
        ...


class RecordReader(Protocol):
    """Reading the record. Only visible passages come back: current version, not deleted."""

    def document(self, document_id: str, version: int | None = None) -> Document:
        """Return a version of a document, the current one by default.

        Raises:
            NotFoundError: If there is no such document or version, or it was deleted.
        """
        ...

    def versions(self, document_id: str) -> tuple[DocumentHeader, ...]:
        """Return the headers of all kept versions, oldest first; empty for an unknown document."""
        ...

    def headers(
        self, *, scope: TimeScope | None = None, limit: int | None = None, offset: int = 0
    ) -> tuple[DocumentHeader, ...]:
        """Return current documents, newest publication first, then by id."""
        ...

    def passages_of(self, document_id: str, version: int | None = None) -> tuple[Passage, ...]:
        """Return a document's passages in reading order."""
        ...

    def citables(self, passage_ids: Iterable[str]) -> dict[str, Citable]:
        """Return the visible passages among `passage_ids`; the others are left out."""
        ...

    def missing(self, document_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these documents are not in the record, or not any more."""
        ...

    def counts(self, scope: TimeScope | None = None) -> RecordCounts:
        """Count what is visible, in `scope` when given."""
        ...

    def copies_of(self, document_ids: Iterable[str]) -> dict[str, tuple[DocumentHeader, ...]]:
        """Return, per original, the headers of its current copies."""
        ...

    def passage_ids(self) -> list[str]:
        """Return the ids of all visible passages, sorted."""
        ...

    def change_counter(self) -> int:
        """Return a number that grows with each commit that changes what is visible."""
        ...

    def index_entries(self, passage_ids: Sequence[str] | None = None) -> Iterator[IndexEntry]:
        """Stream the visible passages (or those given) for building indexes, ordered by id."""
        ...

    def vectors(self, scope: TimeScope | None = None) -> tuple[list[str], Matrix]:
        """Return ids and vectors of the visible passages in scope, for exact search."""
        ...


class RecordWriter(Protocol):
    """Writing the record; one process at a time, under the data folder's lock."""

    def known_embeddings(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors already stored for these exact texts under the record's encoder."""
        ...

    def save_embeddings(self, texts: Sequence[str], vectors: Matrix) -> None:
        """Keep vectors ahead of their documents, so that a killed ingest does not compute them again."""
        ...

    def commit(self, documents: Sequence[PreparedDocument]) -> None:
        """Make documents visible, and their earlier versions invisible, in one durable transaction.

        Raises:
            StorageError: If the disk is full or read-only; nothing of this call is then visible.
        """
        ...

    def delete(self, document_id: str) -> bool:
        """Hide a document at once; `False` if there was none."""
        ...

    def start_job(self, source: str) -> str:
        """Record that an ingestion began and return its id."""
        ...

    def finish_job(self, job_id: str, *, state: Literal["done", "failed"], report: Mapping[str, Any]) -> None:
        """Record how an ingestion ended."""
        ...

    def signatures(self) -> Iterator[tuple[str, bytes]]:
        """Stream `(document_id, signature)` of the current originals, for near-duplicate search."""
        ...

    def find_content(self, content_sha256: str) -> DocumentHeader | None:
        """Return the oldest current original whose text has this digest."""
        ...


class AnswerStore(Protocol):
    """Keeps answer receipts."""

    def save_answer(self, answer_id: str, body: Mapping[str, Any]) -> None:
        """Store an answer as it was returned."""
        ...

    def answer(self, answer_id: str) -> dict[str, Any]:
        """Return a stored answer.

        Raises:
            NotFoundError: If there is none with this id.
        """
        ...


class Retriever(Protocol):
    """Question → ranked passages."""

    def retrieve(self, question: str, *, scope: TimeScope, limit: int, read: bool = True) -> tuple[RankedPassage, ...]:
        """Return at most `limit` passages in scope, best first, copies folded; `read` them closely if there is time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSentence:
    """One sentence as a model wrote it, bound to evidence ids, not yet verified."""

    text: str
    evidence_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftEnd:
    """A model has written to its end.

    Attributes:
        model: Id of the model, as its endpoint names it.
        prompt_tokens: Tokens read, over all tries.
        completion_tokens: Tokens written, over all tries.
    """

    model: str
    prompt_tokens: int
    completion_tokens: int


DraftPart = DraftSentence | DraftEnd


class ChatModel(Protocol):
    """Writes sentences over evidence."""

    @property
    def model_id(self) -> str:
        """What the trace names."""
        ...

    @property
    def prompt(self) -> PromptUsed:
        """The released prompt that it renders."""
        ...

    def write(
        self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
    ) -> Generator[DraftPart, None, None]:
        """Yield each sentence of an answer as soon as it is written, and `DraftEnd` last.

        It ends when `patience` does, which frees the model.

        No sentence before the end means that the model found no answer. Closing the generator stops the model. What was
        yielded before an error stands.

        Raises:
            ChatModelError: If the model cannot be reached, is too slow, busy, or fails.
            MalformedReplyError: If it broke the output contract, twice unless sentences had been yielded.
        """
        ...


class SupportChecker(Protocol):
    """Does this evidence support this sentence?"""

    def support(self, sentence: str, groups: Sequence[Sequence[Evidence]]) -> tuple[float, ...]:
        """Return for each group of pieces, read together, how sure it is that they support the sentence, 0..1."""
        ...
