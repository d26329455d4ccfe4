"""What readers say of answers is kept once, listed, and becomes cases that `dateline eval` asks."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from domain.settings import IngestSettings
from eval.cases import Case
from eval.data_sets import open_data_sets
from eval.run_file import Run, RunWriter
from eval.runner import run
from eval.systems import open_systems
from ingest.intake import Intake
from retriever.ledger import SqliteLedger
from service.api.app import create_app
from service.feedback import document_row, evaluation_cases, json_lines
from tests.integration.test_uploads import finished, sent
from tests.support.data_sets import surroundings_in
from tests.support.records import prepared
from tests.support.serving import opened, serving_settings

BRIDGE = "The northern bridge of Torval opens in June."
FERRY = "The ferry of Torval sails at nine."
QUESTION = "When does the northern bridge of Torval open?"
_SAYS = "/v1/feedback"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, SqliteLedger]]:
    settings = serving_settings(tmp_path / "data")
    documents = [prepared("doc-bridge", BRIDGE), prepared("doc-ferry", FERRY, "It carries sheep.")]
    with (
        opened(settings, documents) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        yield client, service.record.ledger


@pytest.fixture
def client(served: tuple[TestClient, SqliteLedger]) -> TestClient:
    return served[0]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A record for tests that leave nothing in it."""
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with (
        opened(settings, [prepared("doc-bridge", BRIDGE), prepared("doc-ferry", FERRY)]) as service,
        TestClient(create_app(settings, service=service), base_url="http://localhost") as client,
    ):
        yield client


def asked(client: TestClient, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/ask", json={"question": question, **more}).json()
    return answer


def refused(client: TestClient) -> dict[str, Any]:
    answer = asked(client, to="1999-12-31")
    assert answer["kind"] == "refusal"
    return answer


def cases_of(client: TestClient) -> list[dict[str, Any]]:
    response = client.get(f"{_SAYS}/export")
    assert response.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in response.text.splitlines()]


def test_feedback_is_kept_with_what_it_is_about(client: TestClient) -> None:
    """The row names the question and the sentence, so that it can be read by itself."""
    answer = asked(client)

    response = client.post(
        _SAYS, json={"answer_id": answer["id"], "verdict": "supports", "sentence": 0, "comment": "Yes – exactly."}
    )

    row = response.json()
    assert response.status_code == 201
    assert (row["verdict"], row["sentence"], row["comment"]) == ("supports", 0, "Yes – exactly.")
    assert (row["question"], row["text"], row["withdrawn"]) == (QUESTION, answer["sentences"][0]["text"], False)
    assert client.get(_SAYS).json()["feedback"] == [row]


def test_the_same_said_again_is_kept_once(client: TestClient) -> None:
    """It is answered with 200 and the first row; another comment is another one."""
    said = {"answer_id": asked(client)["id"], "verdict": "supports", "sentence": 0, "comment": "Right."}

    first, second = client.post(_SAYS, json=said), client.post(_SAYS, json=said | {"expected": None})
    third = client.post(_SAYS, json=said | {"comment": "Really right."})

    assert [one.status_code for one in (first, second, third)] == [201, 200, 201]
    assert first.json() == second.json()
    assert client.get(_SAYS).json()["total"] == 2


def test_many_who_say_the_same_at_once_are_one(client: TestClient, served: tuple[TestClient, SqliteLedger]) -> None:
    """Twelve threads, one row, one of them told that it is new."""
    said = {"answer_id": asked(client)["id"], "verdict": "does_not_support", "sentence": 0}
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(client.post(_SAYS, json=said).status_code)) for _ in range(12)
    ]

    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(codes) == [200] * 11 + [201]
    assert served[1].feedback.count() == 1


def test_feedback_is_listed_newest_first_in_pages_by_verdict(client: TestClient) -> None:
    """Pages do not overlap, and the total counts the verdict asked for."""
    answer_id = asked(client)["id"]
    for number in range(3):
        client.post(_SAYS, json={"answer_id": answer_id, "verdict": "missing", "comment": f"number {number}"})
    client.post(_SAYS, json={"answer_id": answer_id, "verdict": "supports", "sentence": 0})

    pages = [client.get(_SAYS, params={"verdict": "missing", "limit": 2, "offset": at}).json() for at in (0, 2)]

    assert [[row["comment"] for row in page["feedback"]] for page in pages] == [["number 2", "number 1"], ["number 0"]]
    assert [page["total"] for page in pages] == [3, 3]
    assert client.get(_SAYS).json()["total"] == 4
    assert client.get(_SAYS, params={"verdict": "good"}).json()["error"]["param"] == "verdict"


@pytest.mark.parametrize(
    ("said", "status", "param"),
    [
        ({"answer_id": "ans_0"}, 404, None),
        ({"answer_id": ""}, 422, "answer_id"),
        ({"verdict": "good"}, 422, "verdict"),
        ({"sentence": None}, 422, "sentence"),
        ({"sentence": 9}, 422, "sentence"),
        ({"sentence": -1}, 422, "sentence"),
        ({"sentence": True}, 422, "sentence"),
        ({"sentence": 2**40}, 422, "sentence"),
        ({"verdict": "missing"}, 422, "sentence"),
        ({"expected": "In July."}, 422, "expected"),
        ({"place": {"document_id": "doc-ferry", "start": 0, "end": 3}}, 422, "place"),
        ({"comment": "c" * 2001}, 422, "comment"),
        ({"comment": " \n"}, 422, "comment"),
        ({"comment": "a\x00"}, 422, "comment"),
        ({"rating": 5}, 422, "rating"),
        (
            {"verdict": "missing", "sentence": None, "place": {"document_id": "d", "start": 0, "end": 3}},
            422,
            "place.document_id",
        ),
        (
            {"verdict": "missing", "sentence": None, "place": {"document_id": "doc-ferry", "start": 3, "end": 3}},
            422,
            "place.end",
        ),
        (
            {"verdict": "missing", "sentence": None, "place": {"document_id": "doc-ferry", "start": 0, "end": 999}},
            422,
            "place.end",
        ),
    ],
    ids=range(18),
)
def test_what_does_not_fit_the_answer_is_refused(
    untouched: TestClient, said: dict[str, Any], status: int, param: str | None
) -> None:
    """The field at fault is named, and nothing is kept."""
    given = {"answer_id": asked(untouched)["id"], "verdict": "supports", "sentence": 0, **said}

    response = untouched.post(_SAYS, json=given)

    assert (response.status_code, response.json()["error"]["param"]) == (status, param)
    assert untouched.get(_SAYS).json()["total"] == 0


def test_a_refusal_has_no_sentence_to_judge(untouched: TestClient) -> None:
    response = untouched.post(_SAYS, json={"answer_id": refused(untouched)["id"], "verdict": "supports", "sentence": 0})

    assert (response.status_code, response.json()["error"]["param"]) == (422, "sentence")


def test_a_supported_sentence_is_gold(client: TestClient) -> None:
    """The case is answerable, and its gold are the words that were quoted, under the document's id."""
    answer = asked(client, as_of=None, publisher=None)
    client.post(_SAYS, json={"answer_id": answer["id"], "verdict": "supports", "sentence": 0})

    (case,) = cases_of(client)

    assert (case["case_id"], case["question"], case["kind"]) == (answer["id"], QUESTION, "feedback_supports")
    assert case["answerable"] is True
    assert {"doc_id": "doc-bridge", "text": BRIDGE} in case["gold"]
    assert case["forbidden"] == []


def test_an_unsupported_sentence_may_not_be_given_again(client: TestClient) -> None:
    """With no sentence left, a refusal is right; with what was expected, that is."""
    answer = asked(client)
    for number in range(len(answer["sentences"])):
        client.post(_SAYS, json={"answer_id": answer["id"], "verdict": "does_not_support", "sentence": number})

    (rejected,) = cases_of(client)
    client.post(_SAYS, json={"answer_id": answer["id"], "verdict": "missing", "expected": "in July"})
    (corrected,) = cases_of(client)

    assert rejected["forbidden"] == [sentence["text"] for sentence in answer["sentences"]]
    assert (rejected["answerable"], rejected["kind"]) == (False, "feedback_does_not_support")
    assert (corrected["answerable"], corrected["answers"]) == (True, ["in July"])


def test_a_sentence_that_readers_contradict_each_other_on_is_no_label(client: TestClient) -> None:
    """Nobody is taken for right: it is neither gold nor forbidden, and alone makes no case."""
    answer_id = asked(client)["id"]
    for verdict in ("supports", "does_not_support"):
        client.post(_SAYS, json={"answer_id": answer_id, "verdict": verdict, "sentence": 0})

    assert cases_of(client) == []


def test_what_a_refusal_missed_is_an_answerable_case(client: TestClient) -> None:
    """The place becomes gold, cut from the record; the scope is the one of the question."""
    refusal = refused(client)
    place = {"document_id": "doc-ferry", "start": 0, "end": len(FERRY)}
    client.post(_SAYS, json={"answer_id": refusal["id"], "verdict": "missing", "expected": "at nine", "place": place})

    (case,) = cases_of(client)

    assert (case["answerable"], case["answers"], case["to"]) == (True, ["at nine"], "1999-12-31")
    assert case["gold"] == [{"doc_id": "doc-ferry", "text": FERRY}]


def test_a_follow_up_keeps_its_conversation_where_it_is_sent(client: TestClient) -> None:
    """Without it the case asks the question that was searched for."""
    history = [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": "In June."}]
    first, second = (asked(client, "And when does it close?", history=history) for _ in range(2))
    client.post(_SAYS, json={"answer_id": first["id"], "verdict": "missing", "history": history})
    client.post(_SAYS, json={"answer_id": second["id"], "verdict": "missing"})

    with_it, without = cases_of(client)

    assert (with_it["question"], with_it["history"]) == ("And when does it close?", history)
    assert (without["question"], without["history"]) == (second["trace"]["stand_alone_question"], [])
    assert "bridge" in without["question"]


def test_words_that_stand_no_more_make_no_case(client: TestClient) -> None:
    """The case would be asked of a record that says something else."""
    document = sent(client, uri="mill", text="The mill of Rusk grinds barley.")["documents"][0]["document_id"]
    answer = asked(client, "What does the mill of Rusk grind?")
    client.post(_SAYS, json={"answer_id": answer["id"], "verdict": "supports", "sentence": 0})
    assert {"doc_id": document, "text": "The mill of Rusk grinds barley."} in cases_of(client)[0]["gold"]

    sent(client, uri="mill", text="The mill of Rusk stands still.")

    assert cases_of(client) == []


def test_a_withdrawn_answer_is_told_as_such_and_its_words_are_not(client: TestClient) -> None:
    """New feedback on it is refused; the row that was there keeps its verdict."""
    answer = asked(client)
    said = {"answer_id": answer["id"], "verdict": "does_not_support", "sentence": 0, "expected": BRIDGE}
    client.post(_SAYS, json=said)

    client.delete("/v1/documents/doc-bridge")
    listed, again = client.get(_SAYS), client.post(_SAYS, json=said | {"comment": "Still."})

    (row,) = listed.json()["feedback"]
    assert (row["withdrawn"], row["verdict"], row["expected"], row["text"]) == (True, "does_not_support", None, None)
    assert "northern bridge" not in listed.text
    assert (again.status_code, again.json()["error"]["code"]) == (410, "answer_withdrawn")
    assert cases_of(client) == []


CANARY = "Quillfeather Brandywine"
SECRET = f"{CANARY} signed the ledger of the ferry."


@pytest.mark.parametrize(
    ("said", "is_kept"),
    [
        ({"comment": f"It should quote: {SECRET}"}, False),
        ({"expected": CANARY}, False),
        ({"place": {"start": 0, "end": len(SECRET)}}, False),
        ({"history": [{"role": "assistant", "text": f"{SECRET} [1]"}]}, False),
        ({"comment": "The ferry is not told.", "expected": "The boat sails at ten."}, True),
    ],
    ids=["comment", "expected", "place", "history", "other words"],
)
def test_a_purge_removes_feedback_that_repeats_what_was_deleted(
    tmp_path: Path,
    said: dict[str, Any],
    is_kept: bool,  # noqa: FBT001  - a case
) -> None:
    """Also where the answer itself has nothing to do with it; other feedback on that answer stays."""
    data = tmp_path / "data"
    settings = serving_settings(data)
    with (
        opened(settings, [prepared("doc-bridge", BRIDGE)]) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        answer_id = refused(client)["id"]
        document_id = sent(client, text=SECRET)["documents"][0]["document_id"]
        if "place" in said:
            said = {"place": {"document_id": document_id, **said["place"]}}
        client.post(_SAYS, json={"answer_id": answer_id, "verdict": "missing", "comment": "Stays."})
        assert client.post(_SAYS, json={"answer_id": answer_id, "verdict": "missing", **said}).status_code == 201

        client.delete(f"/v1/documents/{document_id}")
        assert finished(client, client.post("/v1/purge").json())["state"] == "done"

        assert client.get(_SAYS).json()["total"] == 1 + is_kept
        assert service.record.ledger.check_integrity() == ()
    held = [path for path in data.rglob("*") if path.is_file() and b"Quillfeather" in path.read_bytes()]
    assert held == []


def test_a_purge_takes_feedback_with_its_receipt(tmp_path: Path) -> None:
    """Of a purged answer nothing can be said any more, and nothing of what was said is left."""
    settings = serving_settings(tmp_path)
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        document_id = sent(client, text=SECRET)["documents"][0]["document_id"]
        answer = asked(client, "Who signed the ledger of the ferry?")
        said = {"answer_id": answer["id"], "verdict": "supports", "sentence": 0, "comment": "Quillfeather it was."}
        assert client.post(_SAYS, json=said).status_code == 201

        client.delete(f"/v1/documents/{document_id}")
        finished(client, client.post("/v1/purge").json())

        assert client.get(_SAYS).json()["total"] == 0
        assert client.post(_SAYS, json=said).status_code == 404
    held = [path for path in tmp_path.rglob("*") if path.is_file() and b"Quillfeather" in path.read_bytes()]
    assert held == []


def test_exported_cases_are_a_suite(
    client: TestClient, served: tuple[TestClient, SqliteLedger], tmp_path: Path
) -> None:
    """As docs/evaluation.md says: a folder with three files, run by the real harness, finds its own gold."""
    supported, rejected, refusal = asked(client), asked(client, "When does the ferry of Torval sail?"), refused(client)
    place = {"document_id": "doc-ferry", "start": 0, "end": len(FERRY)}
    for said in (
        {"answer_id": supported["id"], "verdict": "supports", "sentence": 0},
        {"answer_id": rejected["id"], "verdict": "does_not_support", "sentence": 0, "expected": "at nine"},
        {"answer_id": refusal["id"], "verdict": "missing", "place": place},
    ):
        assert client.post(_SAYS, json=said).status_code == 201
    suite, ledger = tmp_path / "readers", served[1]
    (suite / "cases").mkdir(parents=True)
    (suite / "suite.toml").write_text('record = "record.jsonl"\n')
    (suite / "cases" / "feedback.jsonl").write_bytes(client.get(f"{_SAYS}/export").content)
    documents = (document_row(ledger.document(header.document_id)) for header in ledger.headers())
    (suite / "record.jsonl").write_bytes(b"".join(json_lines(documents)))

    (data_set,) = open_data_sets(str(suite), below=None, settings=IngestSettings())
    surroundings = surroundings_in(tmp_path)
    summary = run(
        [data_set],
        open_systems(["dateline:extractive"], surroundings),
        RunWriter(tmp_path / "run.jsonl"),
        records=surroundings.records,
        settings=surroundings.settings,
    )

    lines = {line.case.case_id: line for line in Run.read(tmp_path / "run.jsonl").lines}
    first, second, third = (lines[answer["id"]] for answer in (supported, rejected, refusal))
    assert (data_set.name, len(data_set.cases), summary.unscored) == ("readers", 3, {})
    assert first.outcome.status == "answered"
    assert [(quote.doc_id, quote.verbatim) for quote in first.outcome.sentences[0].quotes] == [("doc-bridge", True)]
    assert [gold.doc_id for gold in first.case.gold] == ["doc-bridge"]
    assert second.case.forbidden == (rejected["sentences"][0]["text"],)
    assert (third.case.gold[0].text, third.outcome.status) == (FERRY, "refused")


def test_every_case_reads_back_as_it_was_written(client: TestClient, served: tuple[TestClient, SqliteLedger]) -> None:
    """The export has no field that a case does not have, and loses none."""
    client.post(_SAYS, json={"answer_id": asked(client)["id"], "verdict": "supports", "sentence": 0})

    (case,) = evaluation_cases(served[1])

    kept = Case.of_json(case).as_json()
    assert case.items() <= kept.items()
