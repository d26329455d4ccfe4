"""Answers of other programs in our JSON form (docs/api.md), checked and turned into outcomes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.cases import Case
from eval.outcomes import Found, Outcome, Quote, Sentence


class _Part(BaseModel):
    # Programs may say more than is looked at here.
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Citation(_Part):
    document_id: str = ""
    quote: str
    speaker: str | None = None
    support: float | None = None


class _Sentence(_Part):
    text: str
    citations: tuple[_Citation, ...] = ()


class _Refusal(_Part):
    reason: str | None = None


class _Passage(_Part):
    document_id: str = ""
    quote: str
    score: float = 0.0


class _Withheld(_Part):
    reason: str


class _Usage(_Part):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Trace(_Part):
    stand_alone_question: str | None = None
    passages: tuple[_Passage, ...] = ()
    answerability: float | None = Field(default=None, ge=0, le=1)
    usage: _Usage = _Usage()
    timings_ms: dict[str, float] = {}


class _Answer(_Part):
    kind: Literal["answer", "refusal", "clarification"]
    mode: str | None = None
    text: str = ""
    sentences: tuple[_Sentence, ...] = ()
    refusal: _Refusal | None = None
    withheld: tuple[_Withheld, ...] = ()
    trace: _Trace = _Trace()


def question_body(case: Case, *, data_set: str) -> dict[str, Any]:
    """Return what a program is asked: the body of `POST /v1/ask`, and the name of the data set."""
    asked = case.as_json()
    return {
        "question": case.question,
        "history": asked["history"],
        **{name: asked[name] for name in ("as_of", "from", "to", "publisher") if asked[name] is not None},
        "data_set": data_set,
    }


def outcome_of_json(text: str | bytes, *, doc_ids: Mapping[str, str], total_ms: float) -> Outcome:
    """Return an answer in our JSON form as an outcome.

    Args:
        text: One JSON object; `kind` must be there, and what is there must have the right form.
        doc_ids: The data set's id by our `document_id`; other ids are taken for the set's own.
        total_ms: Measured from outside.

    Raises:
        ValueError: If it is no such answer; says what is wrong.
    """
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise ValueError(f"The reply is not an answer: {f'{place}: ' if place else ''}{fault['msg']}") from error
    if answer.kind == "answer" and not (answer.sentences or answer.text.strip()):
        raise ValueError("The reply is not an answer: it has neither sentences nor text")
    sentences = tuple(
        Sentence(
            text=sentence.text,
            quotes=tuple(
                Quote(
                    doc_id=doc_ids.get(citation.document_id, citation.document_id),
                    text=citation.quote,
                    verbatim=None,  # Its offsets are into its own copy of the text.
                    speaker=citation.speaker,
                    support=citation.support,
                )
                for citation in sentence.citations
            ),
        )
        for sentence in answer.sentences
    )
    answered = answer.kind == "answer"
    reason = answer.refusal.reason if answer.refusal is not None else None
    trace = answer.trace
    return Outcome(
        status="answered" if answered else "refused",
        text=(" ".join(sentence.text for sentence in sentences) or answer.text.strip()) if answered else "",
        mode=(answer.mode or "") if answered else "",
        sentences=(sentences or (Sentence(text=answer.text.strip()),)) if answered else (),
        found=tuple(
            Found(doc_id=doc_ids.get(one.document_id, one.document_id), text=one.quote, score=one.score)
            for one in trace.passages
        ),
        refusal_reason=None if answered else reason or ("clarification" if answer.kind == "clarification" else None),
        confidence=trace.answerability,
        stand_alone=trace.stand_alone_question,
        withheld=tuple(one.reason for one in answer.withheld),
        timings_ms={**trace.timings_ms, "total": round(total_ms, 3)},
        prompt_tokens=trace.usage.prompt_tokens,
        completion_tokens=trace.usage.completion_tokens,
    )
