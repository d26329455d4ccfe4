"""What readers say of answers, beside the receipts that it is about."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from domain.answers import Turn
from domain.corpus import Span
from domain.errors import NotFoundError
from domain.feedback import Feedback, KeptFeedback, Place, Verdict
from retriever.ledger_database import LedgerDatabase
from retriever.ledger_schema import answers, feedback


class FeedbackBook:
    """Feedback in the order in which it came; threads may share it."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database

    def put(self, said: Feedback) -> tuple[KeptFeedback, bool]:
        """Keep feedback; return it as it is kept, and whether it is new. The same said again changes nothing.

        Raises:
            NotFoundError: If there is no such answer, or not any more.
            StorageError: If there is no room for it.
        """
        with self._database.writing() as connection:
            known = connection.execute(select(answers.c.answer_id).where(answers.c.answer_id == said.answer_id)).first()
            if known is None:
                raise NotFoundError(f"Answer {said.answer_id!r} is not in the record")
            same = select(feedback).where(feedback.c.feedback_id == said.feedback_id)
            earlier = connection.execute(same).one_or_none()
            if earlier is None:
                connection.execute(feedback.insert(), _row(said))
            return _kept(earlier or connection.execute(same).one()), earlier is None

    def newest(self, *, verdict: Verdict | None = None, limit: int, offset: int = 0) -> tuple[KeptFeedback, ...]:
        """Return a page of it, the newest first."""
        query = _of(select(feedback), verdict).order_by(feedback.c.feedback_key.desc()).limit(limit).offset(offset)
        return self._found(query)

    def count(self, verdict: Verdict | None = None) -> int:
        """Return how much there is."""
        with self._database.reading() as connection:
            query = _of(select(func.count()).select_from(feedback), verdict)
            return int(connection.execute(query).scalar_one())

    def judged(self) -> list[str]:
        """Return the ids of the answers that something was said of, in the order in which that began."""
        query = select(feedback.c.answer_id).group_by(feedback.c.answer_id).order_by(func.min(feedback.c.feedback_key))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def of_answer(self, answer_id: str) -> tuple[KeptFeedback, ...]:
        """Return all that was said of an answer, in order."""
        query = select(feedback).where(feedback.c.answer_id == answer_id).order_by(feedback.c.feedback_key)
        return self._found(query)

    def _found(self, query: Select[Any]) -> tuple[KeptFeedback, ...]:
        with self._database.reading() as connection:
            return tuple(map(_kept, connection.execute(query)))


def _of(query: Select[Any], verdict: Verdict | None) -> Select[Any]:
    return query if verdict is None else query.where(feedback.c.verdict == verdict)


def _row(said: Feedback) -> dict[str, Any]:
    place = said.place
    return {
        "feedback_id": said.feedback_id,
        "answer_id": said.answer_id,
        "created": datetime.now(UTC).isoformat(),
        "verdict": said.verdict,
        "sentence": said.sentence,
        "comment": said.comment,
        "expected": said.expected,
        "document_id": None if place is None else place.document_id,
        "version": None if place is None else place.version,
        "start": None if place is None else place.span.start,
        "end": None if place is None else place.span.end,
        "history": json.dumps([asdict(turn) for turn in said.history]),
    }


def _kept(row: Row[Any]) -> KeptFeedback:
    return KeptFeedback(
        feedback=Feedback(
            answer_id=row.answer_id,
            verdict=row.verdict,
            sentence=row.sentence,
            comment=row.comment,
            expected=row.expected,
            place=None
            if row.document_id is None
            else Place(document_id=row.document_id, version=row.version, span=Span(start=row.start, end=row.end)),
            history=tuple(Turn(**turn) for turn in json.loads(row.history)),
        ),
        created=datetime.fromisoformat(row.created),
    )
