"""An answer, then its source changed, then deleted: the receipt and the verdict say so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest.intake import Intake
from service.api.app import create_app
from tests.integration.test_uploads import sent
from tests.support.serving import opened, serving_settings

_ANSWERS = 100
_NAMES = [
    f"{first}{last}" for first in ("Bel", "Dor", "Fen", "Gal", "Hol") for last in ("ander", "evik", "imar", "otho")
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = serving_settings(tmp_path_factory.mktemp("record"))
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, intake=Intake), base_url="http://localhost") as client,
    ):
        yield client


def _verified(client: TestClient, answer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/v1/verify", json={"answer_id": answer_id}).json()
    return found


def test_a_changed_and_then_a_deleted_source_are_told_for_every_answer(client: TestClient, tmp_path: Path) -> None:
    """100 answers of 100: unchanged, changed, deleted; and the pasted answer gets the same verdicts."""
    del tmp_path
    told: list[tuple[str, ...]] = []
    for number in range(_ANSWERS):
        name = f"{_NAMES[number % 20]}{number // 20}"
        document = {"uri": f"mill/{name}", "text": f"The mill of {name} grinds {number + 3} sacks of barley a day."}
        document_id = sent(client, **document)["documents"][0]["document_id"]
        answer = client.post("/v1/ask", json={"question": f"How many sacks does the mill of {name} grind?"}).json()
        assert {one["document_id"] for one in answer["sentences"][0]["citations"]} == {document_id}
        statuses = [_verified(client, answer["id"])["citations"][0]["status"]]
        sent(client, **document | {"text": f"The mill of {name} grinds no barley any more."})
        statuses.append(client.post("/v1/verify", json={"answer": answer}).json()["citations"][0]["status"])
        client.delete(f"/v1/documents/{document_id}")
        statuses.append(_verified(client, answer["id"])["citations"][0]["status"])
        told.append(tuple(statuses))

    assert told == [("unchanged", "changed", "deleted")] * _ANSWERS


@pytest.mark.parametrize(
    ("name", "now", "links", "told"),
    [
        ("Mabrin", "{before}", 0, ["Its quote stands in the record as it is now."]),
        (
            "Tolvek",
            "Long before, {name} had none.\n\n{before}",
            1,
            ["Its quote stands in the record as it is now.", "Source 1 still stands, in another place."],
        ),
        (
            "Ushant",
            "The kiln of {name} is cold.",
            0,
            [
                "The record has changed: 1 of 1 quote no longer stands.",
                "Source 1 no longer stands in the current version.",
            ],
        ),
    ],
)
def test_the_address_of_an_answer_says_whether_its_quotes_still_stand(
    client: TestClient, name: str, now: str, links: int, told: list[str]
) -> None:
    """With a link to where they stand now."""
    before = f"The kiln of {name} fires 40 pots a day."
    document = {"uri": f"kiln/{name}", "text": before}
    sent(client, **document)
    answer = client.post("/v1/ask", json={"question": f"How many pots does the kiln of {name} fire?"}).json()

    sent(client, **document | {"text": now.format(before=before, name=name)})
    page = client.get(f"/answers/{answer['id']}", headers={"Accept": "text/html"}).text

    below = page[page.index('class="permalink"') : page.index("<aside")]
    said = [re.sub("<[^>]*>", "", line) for line in below.splitlines()[1:]]
    assert [line for line in said if line] == told
    found = re.findall(r'<li><a href="([^"]+)"', below)
    pages = [client.get(link.replace("&amp;", "&")).text for link in found]
    assert [f'<mark id="quote">{before}</mark>' in page for page in pages] == [True] * links


def test_a_receipt_is_the_answer_until_its_source_is_deleted(client: TestClient) -> None:
    """Byte for byte; then it is withdrawn, and no word of it is sent."""
    sent(client, text="The clock of Rusk tower strikes at noon.", uri="clock")
    asked = client.post("/v1/ask", json={"question": "When does the clock of Rusk tower strike?"})
    answer = asked.json()
    receipt = client.get(f"/v1/answers/{answer['id']}")

    client.delete(f"/v1/documents/{answer['sentences'][0]['citations'][0]['document_id']}")
    withdrawn = client.get(f"/v1/answers/{answer['id']}")

    assert receipt.content == asked.content
    assert (withdrawn.status_code, withdrawn.json()["error"]["code"]) == (410, "answer_withdrawn")
    assert "noon" not in withdrawn.text
    assert client.get("/v1/answers/ans_0").status_code == 404


def test_an_answer_that_only_lists_a_deleted_passage_stays_without_it(client: TestClient) -> None:
    """Its own citations stand."""
    sent(client, text="The ferry of Lomm carries sheep to the island.", uri="lomm-1")
    other = sent(client, text="The ferry of Lomm was painted by the harbour master's nephew.", uri="lomm-2")
    answer = client.post("/v1/ask", json={"question": "What does the ferry of Lomm carry to the island?"}).json()
    listed = {one["document_id"] for one in answer["trace"]["passages"]}
    gone = other["documents"][0]["document_id"]
    assert gone in listed
    if gone in re.findall(r"doc_\w+", str(answer["sentences"])):
        pytest.fail("the other document is cited as well")

    client.delete(f"/v1/documents/{gone}")
    receipt = client.get(f"/v1/answers/{answer['id']}").json()

    assert receipt["sentences"] == answer["sentences"]
    assert {one["document_id"] for one in receipt["trace"]["passages"]} == listed - {gone}
    assert _verified(client, answer["id"])["stands"] is True


def test_a_forged_citation_was_never_there(client: TestClient) -> None:
    """Words that nobody wrote, in a document that there is."""
    sent(client, text="Eels are smoked at Tarn.", uri="eels")
    answer = client.post("/v1/ask", json={"question": "What is smoked at Tarn?"}).json()
    answer["sentences"][0]["citations"][0]["quote"] = "Eels are banned at Tarn."

    verdict = client.post("/v1/verify", json={"answer": answer}).json()

    assert (verdict["stands"], verdict["citations"][0]["status"]) == (False, "never_there")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"answer_id": "ans_1", "answer": {"sentences": []}},
        {"answer": {}},
        {"answer": {"sentences": [{"citations": [{"mark": 1}]}]}},
        {
            "answer": {
                "sentences": [
                    {"citations": [{"mark": 1, "document_id": "d", "version": 1, "start": 5, "end": 5, "quote": "a"}]}
                ]
            }
        },
    ],
)
def test_what_is_no_answer_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    """With the status of a bad request, whatever is wrong with it."""
    assert client.post("/v1/verify", json=body).status_code == 422
