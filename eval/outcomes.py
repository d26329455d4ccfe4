"""What a system did with a case, in one form for all systems; every metric is a function of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Status = Literal["answered", "refused", "retrieved", "unscored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One passage as a system ranked it, best first.

    Attributes:
        doc_id: The document's id in its data set.
        text: The passage, verbatim.
        copies: Other documents of the set that carry the same words, where the system folds them into one.
    """

    doc_id: str
    text: str
    score: float
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a sentence of an answer cites.

    Attributes:
        doc_id: The document's id in its data set; empty when the system names none of it.
        text: The quoted words.
        verbatim: Whether they stand at the place that is given, in the text as it was ingested; `None` for a system
            that gives no place.
        support: The system's own score that the quote supports its sentence, 0..1.
    """

    doc_id: str
    text: str
    verbatim: bool | None
    speaker: str | None = None
    support: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of an answer with its quotes."""

    text: str
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back for one case.

    Attributes:
        status: `retrieved` for systems that only rank; `unscored` when the case failed, with `reason`.
        text: The answer without citation marks; empty for refusals.
        mode: How it was written: `extractive`, `model`; empty for other systems.
        found: Passages handed to the writer, or ranked; best first.
        refusal_reason: Typed reason of a refusal, where the system gives one.
        confidence: How likely the system thinks it is right to answer, 0..1; `None` where it does not say.
        signals: What the confidence was judged by, by name; empty for other systems.
        stand_alone: The question as it was searched for.
        withheld: Reasons of the sentences that were written but not shown.
        reason: Why the case could not be scored.
        timings_ms: Milliseconds per stage, with `first_words` and `total`.
    """

    status: Status
    text: str = ""
    mode: str = ""
    sentences: tuple[Sentence, ...] = ()
    found: tuple[Found, ...] = ()
    refusal_reason: str | None = None
    confidence: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    stand_alone: str | None = None
    withheld: tuple[str, ...] = ()
    reason: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as a run file holds it."""
        return {
            "status": self.status,
            "text": self.text,
            "mode": self.mode,
            "sentences": [
                {
                    "text": sentence.text,
                    "quotes": [
                        {
                            "doc_id": quote.doc_id,
                            "text": quote.text,
                            "verbatim": quote.verbatim,
                            "speaker": quote.speaker,
                            "support": quote.support,
                        }
                        for quote in sentence.quotes
                    ],
                }
                for sentence in self.sentences
            ],
            "found": [
                {"doc_id": one.doc_id, "text": one.text, "score": one.score, "copies": list(one.copies)}
                for one in self.found
            ],
            "refusal_reason": self.refusal_reason,
            "confidence": self.confidence,
            "signals": dict(self.signals),
            "stand_alone": self.stand_alone,
            "withheld": list(self.withheld),
            "reason": self.reason,
            "timings_ms": self.timings_ms,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            status=row["status"],
            text=row["text"],
            mode=row["mode"],
            sentences=tuple(
                Sentence(text=sentence["text"], quotes=tuple(Quote(**quote) for quote in sentence["quotes"]))
                for sentence in row["sentences"]
            ),
            found=tuple(Found(**{**one, "copies": tuple(one.get("copies") or ())}) for one in row["found"]),
            refusal_reason=row["refusal_reason"],
            confidence=row["confidence"],
            signals=row.get("signals") or {},
            stand_alone=row["stand_alone"],
            withheld=tuple(row["withheld"]),
            reason=row["reason"],
            timings_ms=row["timings_ms"],
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
        )
