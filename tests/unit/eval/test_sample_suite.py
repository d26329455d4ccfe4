"""Our own suite says what the samples say: its gold is read from the files by the same readers as at ingest."""

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from domain.answers import RefusalReason
from domain.settings import IngestSettings
from eval.bounds import parse_bounds
from eval.case_rows import own_case
from eval.cases import Case
from eval.data_sets import SUITES, DataSet, open_data_sets
from eval.json_rows import read_rows
from eval.metrics.answers import says, short_answers
from ingest.parsed import ParsedDocument, RawSource
from ingest.reading import read_source

SETTINGS: Final = IngestSettings()
PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "evaluation.md"
KINDS: Final = frozenset(
    "fact who_said_what superseded correction two_sides follow_up wire_copy list comparison when "
    "negative_near_miss out_of_scope time_scope false_premise".split()
)
ONLY_UNANSWERABLE: Final = frozenset({"negative_near_miss", "out_of_scope", "time_scope", "false_premise"})
OTHER_WORDS: Final = {("list-chinese-leaders", "Xi Jinping, Li Qiang and Zhao Leji")}  # Right without the titles too.


@pytest.fixture(scope="module")
def suite() -> DataSet:
    (data_set,) = open_data_sets("sample", below=None, settings=SETTINGS)
    return data_set


@pytest.fixture(scope="module")
def documents(suite: DataSet) -> dict[str, ParsedDocument]:
    corpus = suite.corpus
    assert corpus is not None
    return {
        corpus.doc_id(source, document.key): document
        for source in corpus.sources(SETTINGS)
        if isinstance(source, RawSource)
        for document in read_source(source)
    }


def test_suite_has_enough_cases_of_every_kind(suite: DataSet) -> None:
    """At least 160 cases, ten of each kind, and a third of all without an answer."""
    kinds = Counter(case.kind for case in suite.cases)

    assert kinds.keys() == KINDS
    assert min(kinds.values()) >= 10
    assert len(suite.cases) >= 160
    assert 3 * sum(not case.answerable for case in suite.cases) >= len(suite.cases)


def test_each_case_stands_in_the_file_of_its_kind() -> None:
    """Ids are unique: opening the suite checks that, as it checks fields and days."""
    for path in (SUITES / "sample" / "cases").iterdir():
        for row in read_rows(path):
            assert row.values["kind"] == path.stem, row
            assert row.values["case_id"].startswith(path.stem.replace("_", "-")), row


def test_gold_is_verbatim_in_its_document(suite: DataSet, documents: dict[str, ParsedDocument]) -> None:
    """A gold text that changes with the samples or the readers is found here, not as a worse figure."""
    missing = [
        (case.case_id, gold.doc_id)
        for case in suite.cases
        for gold in case.gold
        if not gold.text or gold.text not in documents[gold.doc_id].text
    ]

    assert missing == []


def test_gold_is_in_scope_of_its_case(suite: DataSet, documents: dict[str, ParsedDocument]) -> None:
    """What a question is restricted to never hides its own evidence."""
    hidden = [
        (case.case_id, gold.doc_id)
        for case in suite.cases
        for gold in case.gold
        if not _in_scope(case, documents[gold.doc_id])
    ]

    assert hidden == []


def test_short_answers_are_words_of_the_gold(suite: DataSet) -> None:
    """A system that quotes can be right; `OTHER_WORDS` are right too, in words that the record does not use."""
    elsewhere = {
        (case.case_id, answer)
        for case in suite.cases
        for answer in short_answers(case)
        if not any(says(gold.text, answer) for gold in case.gold)
    }

    assert elsewhere == OTHER_WORDS


def test_right_and_forbidden_values_exclude_each_other(suite: DataSet) -> None:
    both = [
        (case.case_id, value)
        for case in suite.cases
        for value in case.forbidden
        if any(says(value, answer) or says(answer, value) for answer in case.answers)
    ]

    assert both == []


def test_answerable_cases_have_answers_and_gold_and_the_others_a_reason(suite: DataSet) -> None:
    reasons = {reason.value for reason in RefusalReason}
    for case in suite.cases:
        if case.answerable:
            assert case.answers, case.case_id
            assert case.gold, case.case_id
            assert case.refusal_reason is None, case.case_id
            assert case.kind not in ONLY_UNANSWERABLE, case.case_id
        else:
            assert case.answers == (), case.case_id
            assert case.refusal_reason in reasons, case.case_id


def test_nothing_in_time_scope_is_true_of_the_samples(suite: DataSet, documents: dict[str, ParsedDocument]) -> None:
    """The reason is right exactly where no document is in scope; one case says its day in words instead."""
    empty = {
        case.case_id for case in suite.cases if not any(_in_scope(case, document) for document in documents.values())
    }
    labelled = {case.case_id for case in suite.cases if case.refusal_reason == RefusalReason.NOTHING_IN_TIME_SCOPE}

    assert labelled - empty == {"time-scope-asked-in-words"}
    assert empty <= labelled
    assert min(document.metadata.published or date.min for document in documents.values()) > date(2024, 1, 1)


def test_superseded_questions_are_asked_three_times_in_the_same_words(suite: DataSet) -> None:
    """Now, before and after: the day alone decides which figure is right, and the other one is forbidden."""
    asked: dict[str, list[Case]] = {}
    for case in suite.cases:
        if case.kind == "superseded":
            asked.setdefault(case.question, []).append(case)

    for cases in asked.values():
        now, before, after = cases
        assert now.scope.as_of is None
        assert before.scope.as_of is not None
        assert after.scope.as_of is not None
        assert before.scope.as_of < after.scope.as_of
        assert (now.answers, now.forbidden) == (after.answers, after.forbidden) == (before.forbidden, before.answers)
        assert len({case.cluster for case in cases}) == 1


def test_follow_ups_have_a_conversation_and_a_form_without_it(suite: DataSet) -> None:
    for case in suite.cases:
        is_follow_up = case.kind == "follow_up"
        assert bool(case.history) == is_follow_up, case.case_id
        assert bool(case.stand_alone) == is_follow_up, case.case_id
        assert [turn.role for turn in case.history] == ["user", "assistant"] * (len(case.history) // 2), case.case_id


def test_who_said_what_names_the_speaker_and_two_sides_have_several_answers(suite: DataSet) -> None:
    for case in suite.cases:
        if case.kind == "who_said_what":
            assert case.speaker, case.case_id
        if case.kind == "two_sides":
            assert len(case.answers) > 1, case.case_id
            assert len(case.gold) > 1, case.case_id


def test_every_document_of_the_samples_is_gold_of_some_case(
    suite: DataSet, documents: dict[str, ParsedDocument]
) -> None:
    assert {gold.doc_id for case in suite.cases for gold in case.gold} == documents.keys()


def test_clusters_are_documents_with_their_year(suite: DataSet, documents: dict[str, ParsedDocument]) -> None:
    """A question about nothing in the record is a cluster of its own, and of no year."""
    for case in suite.cases:
        if case.kind == "out_of_scope":
            assert (case.cluster, case.year) == (case.case_id, None)
        else:
            published = documents[case.cluster].metadata.published
            assert published is not None
            assert case.year == published.year, case.case_id


def test_readme_counts_the_cases(suite: DataSet) -> None:
    text = (SUITES / "sample" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)\.jsonl` \| (\d+) \|", text, re.MULTILINE)
    silent = sum(not case.answerable for case in suite.cases)

    assert {kind: int(count) for kind, count in rows} == Counter(case.kind for case in suite.cases)
    assert f"{len(suite.cases)} questions" in text
    assert f"{silent} of them have no answer" in text


@pytest.mark.parametrize("page", [SUITES / "sample" / "README.md", PAGE], ids=["suite", "docs"])
def test_cases_in_the_documentation_can_be_used(page: Path, tmp_path: Path) -> None:
    """Every line with a `case_id` is a case as it stands."""
    file = tmp_path / "cases.jsonl"
    lines = [line for line in page.read_text("utf-8").splitlines() if line.startswith('{"case_id"')]
    file.write_text("\n".join(lines), "utf-8")

    cases = [own_case(row) for row in read_rows(file)]

    assert len(cases) == len(lines) > 0


def test_bounds_are_valid(suite: DataSet) -> None:
    assert len(parse_bounds(suite.bounds, source="sample")) == len(suite.bounds) > 0


def _in_scope(case: Case, document: ParsedDocument) -> bool:
    published, publisher = document.metadata.published, document.metadata.publisher
    scope = case.scope
    if published is None or (scope.publisher and scope.publisher.casefold() != (publisher or "").casefold()):
        return False
    is_late_enough = scope.published_from is None or published >= scope.published_from
    return is_late_enough and (scope.latest is None or published <= scope.latest)
