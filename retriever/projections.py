"""What every index projection answers: a few passage ids with scores, for a query and a time scope."""

from dataclasses import dataclass
from typing import Protocol

from domain.answers import TimeScope
from domain.ports import Vector

UNKNOWN_DAY = 0
LAST_DAY = 99_991_231


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One passage id as an index found it; scores are comparable inside one list only, higher is better."""

    passage_id: str
    score: float


class DenseIndex(Protocol):
    """Finds passages by the direction of their vectors."""

    def search(self, vector: Vector, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return at most `limit` passages in scope, best first.

        Raises:
            IndexUnavailableError: If the index cannot answer now.
        """
        ...


class WordIndex(Protocol):
    """Finds passages by the words they share with a question."""

    def search(self, question: str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return at most `limit` passages in scope, best first.

        Raises:
            IndexUnavailableError: If the index cannot answer now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeBounds:
    """A time scope as indexes filter by it.

    Attributes:
        first_day: Least `YYYYMMDD` admitted; at least 1 in a dated scope, which hides unknown days.
        last_day: Greatest `YYYYMMDD` admitted.
        publisher: Case-folded, or `None` for all.
    """

    first_day: int
    last_day: int
    publisher: str | None

    @classmethod
    def of(cls, scope: TimeScope) -> "ScopeBounds":
        """Return the bounds of a scope; an undated scope spans all days, known or not."""
        dated = scope.published_from is not None or scope.latest is not None
        first = int(scope.published_from.strftime("%Y%m%d")) if scope.published_from else int(dated)
        last = int(scope.latest.strftime("%Y%m%d")) if scope.latest else LAST_DAY
        publisher = scope.publisher.casefold() if scope.publisher is not None else None
        return cls(first_day=first, last_day=last, publisher=publisher)

    @property
    def is_dated(self) -> bool:
        """Whether days are restricted at all."""
        return self.first_day > UNKNOWN_DAY or self.last_day < LAST_DAY
