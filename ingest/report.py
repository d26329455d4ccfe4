"""What one ingestion did, as it goes on and when it is over."""

from dataclasses import dataclass
from typing import Any, Final, Literal

MOST_LISTED: Final = 1_000  # A report is stored with its job and read by people; the counts stay complete.


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """How far an ingestion has come.

    Attributes:
        done: Sources dealt with, failures included.
        total: Sources there are, where that is known.
        passages: Passages that are durable in the ledger.
        seconds: Since the start.
    """

    done: int
    total: int | None
    passages: int
    seconds: float

    @property
    def passages_per_s(self) -> float:
        """Passages made durable per second so far."""
        return self.passages / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSource:
    """A source that did not become a document: a stable reason, and a message for people."""

    uri: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCopy:
    """A new document that is a copy of one that the record already had."""

    document_id: str
    duplicate_of: str
    kind: Literal["exact", "near"]
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedEarly:
    """Why a run ended before its sources did: an error's code, or `interrupted`."""

    reason: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What became of the sources of one run; everything that it counts as added or updated is durable.

    Attributes:
        added: Ids of documents that are new, in the order of their sources.
        updated: Ids of documents that got a new version.
        unchanged: Sources that the record already holds with the same text and metadata.
        known: Ids of the documents that they are, 1,000 at most.
        failed: Sources that did not become documents.
        copies: Those among added and updated that are copies of other documents.
        notes: What the reader changed or left out, and what went wrong without losing anything.
        passages: Passages of the added and updated documents.
        seconds: Wall time of the run.
        stopped: Set when the run ended early; sources that are not counted were not looked at.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: int = 0
    known: tuple[str, ...] = ()
    failed: tuple[FailedSource, ...] = ()
    copies: tuple[FoundCopy, ...] = ()
    notes: tuple[str, ...] = ()
    passages: int = 0
    seconds: float = 0.0
    stopped: StoppedEarly | None = None

    @property
    def documents(self) -> tuple[str, ...]:
        """Ids of the documents that the sources now are."""
        return self.added + self.updated + self.known

    @property
    def passages_per_s(self) -> float:
        """Passages made durable per second."""
        return self.passages / self.seconds if self.seconds > 0 else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every source became, or already was, a document."""
        return not self.failed and self.stopped is None

    def as_json(self) -> dict[str, Any]:
        """Return the report for `--json`, jobs and the API; lists are cut at 1,000 entries, counts are not."""
        return {
            "added": len(self.added),
            "updated": len(self.updated),
            "unchanged": self.unchanged,
            "documents": list(self.documents[:MOST_LISTED]),
            "failed": len(self.failed),
            "failures": [
                {"uri": failed.uri, "reason": failed.reason, "message": failed.message}
                for failed in self.failed[:MOST_LISTED]
            ],
            "copies": len(self.copies),
            "copies_found": [
                {
                    "document_id": copy.document_id,
                    "duplicate_of": copy.duplicate_of,
                    "kind": copy.kind,
                    "similarity": round(copy.similarity, 4),
                }
                for copy in self.copies[:MOST_LISTED]
            ],
            "notes": list(self.notes[:MOST_LISTED]),
            "passages": self.passages,
            "seconds": round(self.seconds, 3),
            "passages_per_s": round(self.passages_per_s, 1),
            "stopped": None
            if self.stopped is None
            else {"reason": self.stopped.reason, "message": self.stopped.message, "hint": self.stopped.hint},
        }
