"""Rows of question files become cases: our own form, and the common form that public sets are normalised to."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from domain.answers import MAX_QUESTION_CHARS, TimeScope, Turn
from domain.errors import QuestionError
from eval.cases import Case, Gold
from eval.json_rows import Row

FIELDS: Final = frozenset(
    "case_id question answers answerable kind gold history as_of from to publisher stand_alone refusal_reason "
    "forbidden speaker cluster year documents".split()
)
_CONVERSATION_MARK: Final = "<::>"  # Sets of conversations name a turn `conversation<::>turn`.


def own_case(row: Row) -> Case:
    """Read a case in the form of `Case.as_json`; a field that is not known is an error, since it may be misspelt.

    Raises:
        ConfigurationError: If a field is missing, unknown or has the wrong form; the message names it.
    """
    unknown = sorted(row.values.keys() - FIELDS)
    if unknown:
        raise row.fault(unknown[0], f"is not a field of a case; known are {', '.join(sorted(FIELDS))}")
    return _case(row, kind=row.text("kind"), stand_alone=row.text("stand_alone"), cluster=row.text("cluster"))


def public_case(row: Row) -> Case:
    """Read a question of a public set: `qid, question, answers, answerable, type, gold, history` and extras.

    Of the extras only these are taken: `expected` (what the right reaction is, which is more than `answerable`),
    `rewrite` (the question without its conversation), `fake_answer` (what altered sources say), `date` (when it was
    asked) and `relevant_doc_ids` (documents that were judged as a whole). All others stay behind: some, such as
    `would_be_answers` or `rated_responses`, give the answer away.

    Raises:
        ConfigurationError: If a field is missing or has the wrong form; the message names it.
    """
    expected = row.text("expected")
    fake = row.text("fake_answer")
    asked = row.day("date")
    case_id = row.demanded_text("qid")
    conversation, mark, _ = case_id.partition(_CONVERSATION_MARK)
    contexts = row.texts("context_doc_ids")
    golden = tuple(str(gold.get("doc_id")) for gold in row.objects("gold"))
    case = _case(
        row,
        kind=row.text("type"),
        stand_alone=row.text("rewrite"),
        cluster=conversation if mark else next(iter(contexts or golden), None),
    )
    whole = [doc_id for doc_id in row.texts("relevant_doc_ids") if doc_id not in golden]
    return replace(
        case,
        # To ask back, as `clarify` wants, is no answer: the nearest right reaction here is to refuse.
        answerable=case.answerable if expected is None else expected in {"answer", "partial"},
        gold=case.gold + tuple(Gold(doc_id=doc_id) for doc_id in whole),
        forbidden=() if fake is None else (fake,),
        year=case.year or (asked.year if asked else None),
    )


def contexts_of(row: Row) -> dict[str, tuple[str, ...]]:
    """Return the documents that a question of a public set is to be asked over alone, by the name of each choice.

    RGB gives them by rate of noise (`noise-0` are the passages with the answer alone), beside false snippets the true
    ones (`mixed`), or one context.

    Raises:
        ConfigurationError: If a list is none.
    """
    true, false = row.texts("positive_ids"), row.texts("wrong_ids")
    if false:
        return {"mixed": true + false}
    rates = row.values.get("contexts_by_noise_rate")
    if rates:
        read = {f"noise-{rate}": replace(row, values=rates).texts(rate) for rate in rates}
        return {"noise-0": true, **read}
    context = row.texts("context_doc_ids")
    return {row.text("type") or "closed": context} if context else {}


def distinct(rows: Iterable[Row], read: Callable[[Row], Case]) -> Iterable[tuple[Row, Case]]:
    """Read rows in order.

    Raises:
        ConfigurationError: If two have one id.
    """
    seen: dict[str, Row] = {}
    for row in rows:
        case = read(row)
        first = seen.setdefault(case.case_id, row)
        if first is not row:
            place = f"line {first.line}" if first.file == row.file else f"line {first.line} of {str(first.file)!r}"
            raise row.fault("case_id" if "case_id" in row.values else "qid", f"{case.case_id!r} is already on {place}")
        yield row, case


def check_gold(row: Row, case: Case, known: Collection[str] | Callable[[str], bool]) -> None:
    """Check that the documents of the gold, and those that it is asked of, are in the record.

    Raises:
        ConfigurationError: If one is not.
    """
    has = known if callable(known) else known.__contains__
    for doc_id in case.documents:
        if not has(doc_id):
            raise row.fault("documents", f"names the document {doc_id!r}, which the record does not have")
    for gold in case.gold:
        if not has(gold.doc_id):
            raise row.fault("gold", f"names the document {gold.doc_id!r}, which the record does not have")


def _case(row: Row, *, kind: str | None, stand_alone: str | None, cluster: str | None) -> Case:
    case_id = row.demanded_text("case_id", "qid")
    question = row.demanded_text("question")
    if len(question) > MAX_QUESTION_CHARS:
        raise row.fault("question", f"has more than {MAX_QUESTION_CHARS} characters")
    try:
        scope = TimeScope(
            as_of=row.day("as_of"),
            published_from=row.day("from"),
            published_to=row.day("to"),
            publisher=row.text("publisher"),
        )
    except QuestionError as error:
        raise row.fault(error.param, f"cannot be: {error.message}") from error
    return Case(
        case_id=case_id,
        question=question,
        answers=row.texts("answers"),
        answerable=row.flag("answerable", default=True),
        kind=kind or "any",
        gold=tuple(_gold(row, number) for number in range(len(row.objects("gold")))),
        history=_history(row),
        scope=scope,
        stand_alone=stand_alone,
        refusal_reason=row.text("refusal_reason"),
        forbidden=row.texts("forbidden"),
        speaker=row.text("speaker"),
        cluster=cluster or case_id,
        year=_year(row),
        documents=row.texts("documents"),
    )


def _gold(row: Row, number: int) -> Gold:
    value = row.objects("gold")[number]
    doc_id, text = value.get("doc_id"), value.get("text") or ""
    if not isinstance(doc_id, str) or not doc_id:
        raise row.fault("gold", f"number {number + 1} has no 'doc_id' text")
    if not isinstance(text, str):
        raise row.fault("gold", f"number {number + 1} has a 'text' that is no text")
    return Gold(doc_id=doc_id, text=text)


def _history(row: Row) -> tuple[Turn, ...]:
    turns = []
    for number, turn in enumerate(row.objects("history"), start=1):
        role, text = turn.get("role"), turn.get("text")
        if role not in {"user", "assistant"} or not isinstance(text, str):
            raise row.fault("history", f"turn {number} needs a 'role' (user or assistant) and a 'text'")
        turns.append(Turn(role=role, text=text))
    return tuple(turns)


def _year(row: Row) -> int | None:
    value = row.values.get("year")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise row.fault("year", "must be a number such as 2024")
    return value
