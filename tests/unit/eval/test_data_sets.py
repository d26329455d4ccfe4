import json
from datetime import date
from pathlib import Path

import pytest

from domain.answers import TimeScope, Turn
from domain.errors import ConfigurationError
from domain.settings import IngestSettings
from eval.cases import Gold
from eval.data_sets import DataSet, open_data_sets, read_qrels, with_stand_alone
from ingest.parsed import RawSource
from tests.support.data_sets import DOCUMENTS, QUESTIONS, write_public_set, write_rows

SETTINGS = IngestSettings()


def opened(path: Path | str, *, below: Path | None = None) -> tuple[DataSet, ...]:
    return open_data_sets(str(path), below=below, settings=SETTINGS)


def doc_ids(data_set: DataSet) -> list[str]:
    assert data_set.corpus is not None
    sources = [source for source in data_set.corpus.sources(SETTINGS) if isinstance(source, RawSource)]
    return [data_set.corpus.doc_id(source, "") for source in sources]


def test_public_set_gives_documents_and_cases_under_its_own_ids(tmp_path: Path) -> None:
    (data_set,) = opened(write_public_set(tmp_path / "wire"))

    assert data_set.name == "wire"
    assert doc_ids(data_set) == ["port/1", "bridge"]
    assert [(case.case_id, case.kind, case.answerable) for case in data_set.cases] == [
        ("q1", "cause", True),
        ("q2", "who", True),
        ("q3", "none", False),
    ]
    assert data_set.cases[0].cluster == "port/1"


def test_what_gives_the_answer_away_is_in_no_case(tmp_path: Path) -> None:
    (data_set,) = opened(write_public_set(tmp_path / "wire"))

    assert "seven" not in json.dumps([case.as_json() for case in data_set.cases])


def test_digest_follows_content_and_not_place_or_compression(tmp_path: Path) -> None:
    (one,) = opened(write_public_set(tmp_path / "a" / "wire"))
    folder = tmp_path / "b" / "wire"
    write_rows(folder / "corpus.jsonl", DOCUMENTS)
    write_rows(folder / "questions.jsonl", QUESTIONS)
    (same,) = opened(folder)
    (other,) = opened(write_public_set(tmp_path / "c" / "wire", questions=QUESTIONS[:2]))

    assert one.digest == same.digest
    assert one.digest != other.digest


def test_sources_have_the_same_addresses_wherever_the_set_lies(tmp_path: Path) -> None:
    def addresses(folder: Path) -> list[str]:
        (data_set,) = opened(write_public_set(folder))
        assert data_set.corpus is not None
        return [source.uri for source in data_set.corpus.sources(SETTINGS)]

    assert addresses(tmp_path / "a" / "wire") == addresses(tmp_path / "b" / "wire")


def test_conversations_are_clustered_and_scored_by_what_is_expected(tmp_path: Path) -> None:
    history = [{"role": "user", "text": "What happened?"}, {"role": "assistant", "text": "It was closed."}]
    rows = [
        {**QUESTIONS[0], "qid": "talk<::>2", "expected": "answer", "rewrite": "Why was it closed?", "history": history},
        {**QUESTIONS[2], "qid": "talk<::>3", "expected": "clarify"},
        {**QUESTIONS[2], "qid": "talk<::>4", "expected": "partial", "rated_responses": [{"text": "yes"}]},
    ]

    (data_set,) = opened(write_public_set(tmp_path / "talks", questions=rows))

    assert [(case.cluster, case.answerable) for case in data_set.cases] == [
        ("talk", True),
        ("talk", False),
        ("talk", True),
    ]
    assert data_set.cases[0].stand_alone == "Why was it closed?"
    assert data_set.cases[0].history[0] == Turn(role="user", text="What happened?")


def test_questions_can_be_asked_as_of_their_day(tmp_path: Path) -> None:
    folder = write_public_set(tmp_path / "wire", questions=[{**QUESTIONS[0], "date": "2024-03-02"}, QUESTIONS[1]])

    (plain,) = opened(folder)
    (dated,) = open_data_sets(str(folder), below=None, settings=SETTINGS, as_of_asked=True)

    assert [case.scope for case in plain.cases] == [TimeScope(), TimeScope()]
    assert [case.scope for case in dated.cases] == [TimeScope(as_of=date(2024, 3, 2)), TimeScope()]
    assert plain.digest != dated.digest


def test_follow_ups_can_be_asked_a_second_time_on_their_own(tmp_path: Path) -> None:
    history = [{"role": "user", "text": "What happened?"}, {"role": "assistant", "text": "It was closed."}]
    rows = [{**QUESTIONS[0], "qid": "t<::>2", "question": "Why?", "rewrite": "Why was it closed?", "history": history}]
    (data_set,) = opened(write_public_set(tmp_path / "talks", questions=[*rows, QUESTIONS[1]]))

    cases = with_stand_alone(data_set).cases

    assert [(case.case_id, case.question, len(case.history)) for case in cases] == [
        ("t<::>2", "Why?", 2),
        ("q2", QUESTIONS[1]["question"], 0),
        ("t<::>2/stand-alone", "Why was it closed?", 0),
    ]
    assert cases[2].cluster == "t"


def test_documents_that_were_judged_whole_join_the_gold(tmp_path: Path) -> None:
    rows = [{**QUESTIONS[1], "relevant_doc_ids": ["bridge", "port/1"]}]

    (data_set,) = opened(write_public_set(tmp_path / "claims", questions=rows))

    assert [(gold.doc_id, bool(gold.text)) for gold in data_set.cases[0].gold] == [("bridge", True), ("port/1", False)]


def test_questions_over_their_own_context_are_a_set_without_the_other_documents(tmp_path: Path) -> None:
    closed = {**QUESTIONS[2], "closed_context": True, "context_doc_ids": ["bridge"], "fake_answer": "nine"}

    whole, part = opened(write_public_set(tmp_path / "noise", questions=[QUESTIONS[0], closed]))

    assert (whole.name, part.name) == ("noise", "noise-none")
    assert doc_ids(part) == ["bridge"]
    assert part.cases[0].forbidden == ("nine",)
    assert whole.corpus is not None
    assert part.corpus is not None
    assert whole.corpus.digest != part.corpus.digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"question": ""}, "'question' is missing"),
        ({"answers": "a storm"}, "'answers' must be a list of texts"),
        ({"answerable": "yes"}, "'answerable' must be true or false"),
        ({"gold": [{"doc_id": "harbor"}]}, "'gold' names the document 'harbor'"),
        ({"history": [{"role": "bot", "text": "Hi"}]}, "'history' turn 1"),
        ({"date": "last week"}, "'date' is 'last week'"),
        ({"qid": "q1"}, "'qid' 'q1' is already on line 1"),
    ],
)
def test_bad_question_is_told_with_file_line_and_field(tmp_path: Path, change: dict[str, object], named: str) -> None:
    folder = write_public_set(tmp_path / "wire", questions=[QUESTIONS[0], {**QUESTIONS[1], **change}])

    with pytest.raises(ConfigurationError) as raised:
        opened(folder)

    assert "questions.jsonl.gz', line 2: " in raised.value.message
    assert named in raised.value.message


def test_line_that_is_no_json_is_told_with_its_number(tmp_path: Path) -> None:
    folder = write_public_set(tmp_path / "wire")
    (folder / "questions.jsonl.gz").unlink()
    (folder / "questions.jsonl").write_text(f"{json.dumps(QUESTIONS[0])}\n{{cut", "utf-8")

    with pytest.raises(ConfigurationError, match=r"questions\.jsonl', line 2 is not JSON"):
        opened(folder)


def test_cut_archive_is_told(tmp_path: Path) -> None:
    folder = write_public_set(tmp_path / "wire")
    archive = folder / "corpus.jsonl.gz"
    archive.write_bytes(archive.read_bytes()[:-12])

    with pytest.raises(ConfigurationError, match=r"corpus\.jsonl\.gz' cannot be read"):
        opened(folder)


def test_beir_folder_gives_ranking_cases_of_its_test_split(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    write_rows(folder / "corpus.jsonl", [{"_id": "d1", "title": "T", "text": "One."}, {"_id": "d2", "text": "Two."}])
    write_rows(folder / "queries.jsonl", [{"_id": "1", "text": "first?"}, {"_id": "2", "text": "not judged"}])
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\td2\t2\n1\td1\t0\n", "utf-8")
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n2\td1\t1\n", "utf-8")

    (test,) = opened(folder)
    (train,) = opened(folder / "qrels" / "train.tsv")

    assert [(case.case_id, case.question, case.gold) for case in test.cases] == [("1", "first?", (Gold(doc_id="d2"),))]
    assert (test.name, train.name) == ("claims", "claims-train")
    assert doc_ids(test) == ["d1", "d2"]


def test_qrels_of_trec_have_four_columns_and_no_header(tmp_path: Path) -> None:
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("1 0 d1 1\n1 0 d2 0\n2 0 d3 1\n", "utf-8")

    assert read_qrels(qrels) == {"1": ("d1",), "2": ("d3",)}


def test_case_file_names_its_record_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "docs" / "wire").mkdir(parents=True)
    (tmp_path / "docs" / "wire" / "one.txt").write_text("The harbour was closed.", "utf-8")
    case = {
        "case_id": "c1",
        "question": "What was closed?",
        "gold": [{"doc_id": "wire/one.txt"}],
        "as_of": "2024-05-01",
    }
    file = write_rows(tmp_path / "mine.jsonl", [{"record": "docs"}, case])

    (data_set,) = opened(file)

    assert data_set.name == "mine"
    assert doc_ids(data_set) == ["wire/one.txt"]
    assert data_set.cases[0].scope == TimeScope(as_of=date(2024, 5, 1))


def test_misspelt_field_of_our_own_form_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.txt").write_text("The harbour was closed.", "utf-8")
    rows: list[dict[str, object]] = [{"record": "docs"}, {"case_id": "c1", "question": "What?", "anwsers": ["x"]}]

    with pytest.raises(ConfigurationError, match=r"line 2: 'anwsers' is not a field of a case"):
        opened(write_rows(tmp_path / "mine.jsonl", rows))


def test_suite_reads_cases_in_lines_and_tables_with_its_bounds(tmp_path: Path) -> None:
    suite = tmp_path / "mine"
    (suite / "docs").mkdir(parents=True)
    (suite / "docs" / "one.txt").write_text("The harbour was closed.", "utf-8")
    (suite / "suite.toml").write_text(
        'name = "harbour"\nrecord = "docs"\n[[bounds]]\nmetric = "hit@10"\nat_least = 0.9\n', "utf-8"
    )
    write_rows(suite / "cases" / "a.jsonl", [{"case_id": "c1", "question": "What?"}])
    (suite / "cases" / "b.toml").write_text(
        '[[case]]\ncase_id = "c2"\nquestion = "Why?"\nas_of = 2024-05-01\n', "utf-8"
    )

    (data_set,) = opened(suite)

    assert data_set.name == "harbour"
    assert [case.case_id for case in data_set.cases] == ["c1", "c2"]
    assert data_set.cases[1].scope.as_of == date(2024, 5, 1)
    assert data_set.bounds == ({"metric": "hit@10", "at_least": 0.9},)


def test_name_alone_is_looked_up_in_the_folder_of_data_sets(tmp_path: Path) -> None:
    write_public_set(tmp_path / "dev" / "wire")

    assert [data_set.name for data_set in opened("wire", below=tmp_path)] == ["wire"]
    with pytest.raises(ConfigurationError, match="no suite or data set 'wires'"):
        opened("wires", below=tmp_path)


def test_public_sets_at_hand_are_read_whole(shared: Path) -> None:
    """The floors' README counts 344, 277 and 300 questions in these sets."""
    below = shared / "datasets"

    counts = {
        name: [len(data_set.cases) for data_set in opened(name, below=below)] for name in ("mtrag", "rgb_en", "scifact")
    }

    assert counts == {"mtrag": [344], "rgb_en": [139, 138], "scifact": [300]}


def test_questions_can_be_asked_over_their_own_documents_alone(tmp_path: Path) -> None:
    """By rate of noise, beside false snippets, or over the one context; gold that is not among them is none."""
    first = QUESTIONS[0]["gold"][0]["doc_id"]
    second = next(one["doc_id"] for one in DOCUMENTS if one["doc_id"] != first)
    rows = [
        {**QUESTIONS[0], "qid": "a", "positive_ids": [first], "contexts_by_noise_rate": {"0.8": [second]}},
        {**QUESTIONS[0], "qid": "b", "positive_ids": [first], "wrong_ids": [second]},
        {**QUESTIONS[2], "qid": "c", "type": "rejection", "context_doc_ids": [second], "closed_context": True},
        {**QUESTIONS[1], "qid": "d"},
    ]
    folder = str(write_public_set(tmp_path / "wire", questions=rows))

    def sets(*closed: str) -> dict[str, list[tuple[str, tuple[str, ...], int]]]:
        found = open_data_sets(folder, below=None, settings=SETTINGS, closed=closed)
        return {one.name: [(case.case_id, case.documents, len(case.gold)) for case in one.cases] for one in found}

    assert sets("all") == {
        "wire-mixed": [("b", (first, second), 1)],
        "wire-noise-0": [("a", (first,), 1)],
        "wire-noise-0.8": [("a", (second,), 0)],
        "wire-rejection": [("c", (second,), 0)],
    }
    assert list(sets("mixed", "noise-0.8")) == ["wire-mixed", "wire-noise-0.8"]
    with pytest.raises(ConfigurationError, match=r"noise-0\.4"):
        sets("noise-0.4")


def test_documents_that_a_question_is_asked_of_have_to_be_there(tmp_path: Path) -> None:
    rows = [{**QUESTIONS[0], "positive_ids": [QUESTIONS[0]["gold"][0]["doc_id"]], "wrong_ids": ["d99"]}]
    folder = str(write_public_set(tmp_path / "wire", questions=rows))

    with pytest.raises(ConfigurationError, match="d99"):
        open_data_sets(folder, below=None, settings=SETTINGS, closed=["mixed"])


def test_a_suite_is_not_asked_over_single_documents() -> None:
    """Rather than run in the open form without a word."""
    with pytest.raises(ConfigurationError, match="no documents for single questions"):
        open_data_sets("sample", below=None, settings=SETTINGS, closed=["all"])
