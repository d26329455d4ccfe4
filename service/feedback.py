"""Feedback as JSON, and as evaluation cases in the form of docs/evaluation.md, over the record as it now is.

What readers agree on becomes the label of a case; what they contradict each other on becomes none.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from domain.corpus import Document
from domain.errors import NotFoundError
from domain.feedback import Feedback, KeptFeedback, Place, Verdict
from retriever.ledger import SqliteLedger
from service.receipts import STANDS, cited_in, rests_on, standings


def standing_answer(answer_id: str, ledger: SqliteLedger) -> dict[str, Any] | None:
    """Return a stored answer; `None` when it cites a document that was deleted since.

    Raises:
        NotFoundError: If there is none.
    """
    body = ledger.answer(answer_id)
    return None if rests_on(body, ledger.missing(ledger.sources_of_answer(answer_id))) else body


def feedback_body(kept: KeptFeedback, answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return feedback with what it is about, as JSON values; where it is withdrawn no words are repeated."""
    said = kept.feedback
    about = answer or {}
    return {
        "feedback_id": said.feedback_id,
        "created": kept.created.isoformat(),
        "answer_id": said.answer_id,
        "verdict": said.verdict,
        "sentence": said.sentence,
        "comment": said.comment if about else None,
        "expected": said.expected if about else None,
        "place": _place_body(said.place) if about else None,
        "question": about.get("question"),
        "text": about["sentences"][said.sentence]["text"] if about and said.sentence is not None else None,
        "withdrawn": answer is None,
    }


def feedback_row(kept: KeptFeedback, ledger: SqliteLedger) -> dict[str, Any]:
    """Return `feedback_body` with the answer as it now stands."""
    try:
        answer = standing_answer(kept.feedback.answer_id, ledger)
    except NotFoundError:  # Purged after the page was read.
        answer = None
    return feedback_body(kept, answer if _may_be_repeated(kept.feedback, ledger) else None)


def evaluation_cases(ledger: SqliteLedger) -> Iterator[dict[str, Any]]:
    """Yield one case per answer of which something is said that holds for the record as it now is.

    Left out are answers that were withdrawn, and those whose supporting words stand in the record no more.
    """
    for answer_id in ledger.feedback.judged():
        try:
            answer = standing_answer(answer_id, ledger)
        except NotFoundError:
            continue  # Purged meanwhile.
        said = [one.feedback for one in ledger.feedback.of_answer(answer_id) if _may_be_repeated(one.feedback, ledger)]
        case = _case(answer, said, ledger) if answer is not None and said else None
        if case is not None:
            yield case


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield each row as a line of UTF-8 JSON."""
    for row in rows:
        yield (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def document_row(document: Document) -> dict[str, Any]:
    """Return a document as a row of the record that cases are asked of, under its own id."""
    header = document.header
    return {
        "doc_id": header.document_id,
        "text": document.text,
        "title": header.title,
        "published": None if header.published is None else header.published.isoformat(),
        "publisher": header.publisher,
        "place": header.place,
        "language": header.language,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    """What readers say of one answer, taken together.

    Attributes:
        supported: Sentences that are supported, and of which nobody says otherwise.
        unsupported: The reverse.
    """

    supported: tuple[int, ...]
    unsupported: tuple[int, ...]
    expected: tuple[str, ...]
    is_missing: bool

    @property
    def verdict(self) -> Verdict:
        """The one that asks for the most to change."""
        return "missing" if self.is_missing else "does_not_support" if self.unsupported else "supports"


def _may_be_repeated(said: Feedback, ledger: SqliteLedger) -> bool:
    """Tell whether the document that feedback points at is still there; its words may be in `expected`."""
    return said.place is None or not ledger.missing([said.place.document_id])


def _label(said: Sequence[Feedback]) -> _Label:
    yes, no = _judged(said, "supports"), _judged(said, "does_not_support")
    return _Label(
        supported=tuple(sorted(yes - no)),
        unsupported=tuple(sorted(no - yes)),
        expected=tuple(dict.fromkeys(one.expected for one in said if one.expected is not None)),
        is_missing=any(one.verdict == "missing" for one in said),
    )


def _judged(said: Sequence[Feedback], verdict: Verdict) -> frozenset[int]:
    return frozenset(one.sentence for one in said if one.verdict == verdict and one.sentence is not None)


def _case(answer: Mapping[str, Any], said: Sequence[Feedback], ledger: SqliteLedger) -> dict[str, Any] | None:
    label, sentences = _label(said), answer["sentences"]
    if not (label.supported or label.unsupported or label.is_missing):
        return None
    quoted = [_standing_quotes(sentences[number], ledger) for number in label.supported]
    if not all(quoted):
        return None
    places = [words for one in said if one.place is not None and (words := _words_at(one.place, ledger))]
    gold = _once([*chain(*quoted), *places])
    history, scope = max((one.history for one in said), key=len), answer["trace"]["time_scope"]
    return {
        "case_id": answer["id"],
        "kind": f"feedback_{label.verdict}",
        "question": answer["question"] if history else answer["trace"]["stand_alone_question"],
        "history": [{"role": turn.role, "text": turn.text} for turn in history],
        "answers": list(label.expected),
        # Of an answer without one sentence that holds, readers say, as far as they say anything, that there is none.
        "answerable": bool(gold or label.expected or label.is_missing or len(label.unsupported) < len(sentences)),
        "gold": gold,
        "forbidden": [sentences[number]["text"] for number in label.unsupported],
        "cluster": gold[0]["doc_id"] if gold else answer["id"],
        **{name: scope[name] for name in ("as_of", "from", "to", "publisher")},
    }


def _once(words: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return [one for number, one in enumerate(words) if one not in words[:number]]


def _standing_quotes(sentence: Mapping[str, Any], ledger: SqliteLedger) -> list[dict[str, str]]:
    """Return the quotes of a sentence that stand in the record as it now is; the cases are asked of that."""
    found = standings(cited_in(sentence), ledger)
    return [{"doc_id": one.cited.document_id, "text": one.cited.quote} for one in found if one.status in STANDS]


def _words_at(place: Place, ledger: SqliteLedger) -> dict[str, str] | None:
    try:
        said = place.span.of(ledger.document(place.document_id, place.version).text)
        stands = said in ledger.document(place.document_id).text
    except NotFoundError:
        return None
    return {"doc_id": place.document_id, "text": said} if stands else None


def _place_body(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "document_id": place.document_id,
        "version": place.version,
        "start": place.span.start,
        "end": place.span.end,
    }
