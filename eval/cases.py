"""What is asked of a system, and what the right outcome is."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from domain.answers import Question, TimeScope, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """Words of the record that hold the answer.

    Attributes:
        doc_id: The document's id in its data set; not our `document_id`.
        text: The words, verbatim; empty when only the document is known.
    """

    doc_id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with its right outcome.

    Attributes:
        case_id: Unique within its data set.
        answers: Any of these is right; empty for unanswerable cases and for retrieval alone.
        answerable: Whether the record answers; a refusal is right otherwise.
        kind: Type of question, a slice of the report: `who_said_what`, `superseded`, ….
        gold: Where the answer is; empty where the set does not say.
        history: Earlier turns of the conversation.
        scope: Publication dates and publisher that the question is restricted to.
        stand_alone: The same question without its conversation, where the set has one.
        refusal_reason: The typed reason that is right for an unanswerable case, where the set says it.
        forbidden: Values that a right answer does not give as the answer, such as a superseded figure.
        speaker: Who said it, where the set says so.
        cluster: Cases with the same value are not independent: a conversation, or a document they share.
        year: Year of publication that the question is about, a slice of the report.
        documents: The record that it is asked of, by ids of the set; all documents where there are none.
    """

    case_id: str
    question: str
    answers: tuple[str, ...] = ()
    answerable: bool = True
    kind: str = "any"
    gold: tuple[Gold, ...] = ()
    history: tuple[Turn, ...] = ()
    scope: TimeScope = field(default_factory=TimeScope)
    stand_alone: str | None = None
    refusal_reason: str | None = None
    forbidden: tuple[str, ...] = ()
    speaker: str | None = None
    cluster: str = ""
    year: int | None = None
    documents: tuple[str, ...] = ()

    def to_question(self) -> Question:
        """Return what the assistant is asked; nothing of the right outcome is in it."""
        return Question(text=self.question, scope=self.scope, history=self.history)

    def as_json(self) -> dict[str, Any]:
        """Return the case as a run file holds it."""
        return {
            "case_id": self.case_id,
            "question": self.question,
            "answers": list(self.answers),
            "answerable": self.answerable,
            "kind": self.kind,
            "gold": [{"doc_id": gold.doc_id, "text": gold.text} for gold in self.gold],
            "history": [{"role": turn.role, "text": turn.text} for turn in self.history],
            "as_of": _day(self.scope.as_of),
            "from": _day(self.scope.published_from),
            "to": _day(self.scope.published_to),
            "publisher": self.scope.publisher,
            "stand_alone": self.stand_alone,
            "refusal_reason": self.refusal_reason,
            "forbidden": list(self.forbidden),
            "speaker": self.speaker,
            "cluster": self.cluster or self.case_id,
            "year": self.year,
            **({"documents": list(self.documents)} if self.documents else {}),
        }

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Self:
        """Read what `as_json` wrote; fields that are missing have their defaults.

        Raises:
            KeyError: If there is no `case_id` or `question`.
            ValueError: If a date is not `YYYY-MM-DD`.
        """
        return cls(
            case_id=str(row["case_id"]),
            question=row["question"],
            answers=tuple(row.get("answers") or ()),
            answerable=bool(row.get("answerable", True)),
            kind=row.get("kind") or "any",
            gold=tuple(Gold(doc_id=gold["doc_id"], text=gold.get("text") or "") for gold in row.get("gold") or ()),
            history=tuple(Turn(role=turn["role"], text=turn["text"]) for turn in row.get("history") or ()),
            scope=TimeScope(
                as_of=_date(row.get("as_of")),
                published_from=_date(row.get("from")),
                published_to=_date(row.get("to")),
                publisher=row.get("publisher"),
            ),
            stand_alone=row.get("stand_alone"),
            refusal_reason=row.get("refusal_reason"),
            forbidden=tuple(row.get("forbidden") or ()),
            speaker=row.get("speaker"),
            cluster=row.get("cluster") or str(row["case_id"]),
            year=row.get("year"),
            documents=tuple(row.get("documents") or ()),
        )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
