"""Runs of the evaluation as a server shows them: their list, a report, what changed, and to whom."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from domain.errors import ConfigurationError
from domain.ports import ListedRun
from service.api.app import create_app
from service.keys import KeyFile, Scope
from tests.support.example_record import ExampleRuns
from tests.support.serving import opened, serving_settings

BOTH = {"run": "sample.jsonl", "base": "earlier.jsonl"}


def client_over(folder: Path, runs: Any, **server: Any) -> Iterator[TestClient]:
    settings = serving_settings(folder, **server)
    with (
        opened(settings, []) as service,
        TestClient(create_app(settings, service=service, runs=runs), base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    yield from client_over(tmp_path, ExampleRuns())


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    yield from client_over(tmp_path, ExampleRuns(), keys="required")


def page(client: TestClient, **query: str) -> str:
    return client.get("/evaluation", params=query, headers={"Accept": "text/html"}).text


def test_runs_are_listed_with_the_address_of_their_report(client: TestClient) -> None:
    runs = client.get("/v1/runs").json()["runs"]

    assert [(one["name"], one["cases"]) for one in runs] == [("sample.jsonl", 280), ("earlier.jsonl", 280)]
    assert "Report on sample.jsonl" in client.get(runs[0]["url"]).text


def test_a_report_runs_nothing_and_loads_nothing(client: TestClient) -> None:
    """It holds the words of strangers, and may be framed by our page alone."""
    report = client.get("/v1/runs/report", params=BOTH)

    policy = report.headers["content-security-policy"]
    assert "From earlier.jsonl to sample.jsonl" in report.text
    assert {"default-src 'none'", "frame-ancestors 'self'", "sandbox"} <= set(policy.split("; "))


@pytest.mark.parametrize("query", [{"run": "../keys.json"}, {"run": "sample.jsonl", "base": "none.jsonl"}])
def test_a_run_that_there_is_not_is_not_found(client: TestClient, query: dict[str, str]) -> None:
    refused = client.get("/v1/runs/report", params=query)

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert f"There is no run {list(query.values())[-1]}" in page(client, **query)


def test_the_page_lists_runs_and_shows_a_report_and_a_comparison_in_place(client: TestClient) -> None:
    """Without scripts; nothing is framed before a run is chosen."""
    listed, report, compared = page(client), page(client, run="sample.jsonl"), page(client, **BOTH)

    assert "<iframe" not in listed
    assert "Holds the answer 74.6 %" in listed
    assert '<iframe src="/v1/runs/report?run=sample.jsonl" title="Report" sandbox>' in report
    assert (
        '<iframe src="/v1/runs/report?run=sample.jsonl&amp;base=earlier.jsonl" title="Comparison" sandbox>' in compared
    )


def test_a_server_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    for client in client_over(tmp_path, None):
        assert client.get("/v1/runs").json() == {"runs": []}
        assert '<p id="none" class="quiet">No runs here yet.' in page(client)


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_what_cannot_be_shown_says_why(tmp_path: Path, accept: str) -> None:
    """As JSON to programs, as a page in the frame."""

    class Apart(ExampleRuns):
        def comparison(self, base: str, new: str) -> str:
            raise ConfigurationError(f"{base} and {new} <have> nothing in common")

    for client in client_over(tmp_path, Apart()):
        refused = client.get("/v1/runs/report", params=BOTH, headers={"Accept": accept})
        assert (refused.status_code, refused.headers["content-type"].partition(";")[0]) == (422, accept)
        assert "earlier.jsonl and sample.jsonl" in refused.text
        assert ("<have>" in refused.text) == (accept == "application/json")


def test_a_folder_that_cannot_be_read_is_told_on_the_page(tmp_path: Path) -> None:
    class Closed(ExampleRuns):
        def listed(self) -> tuple[ListedRun, ...]:
            raise ConfigurationError("The folder '/srv/runs' cannot be read")

    for client in client_over(tmp_path, Closed()):
        shown = page(client)
        assert 'role="alert"' in shown
        assert "/srv/runs" not in shown


def test_names_and_faults_of_run_files_are_text(tmp_path: Path) -> None:
    """A file may be called anything."""

    class Hostile(ExampleRuns):
        def listed(self) -> tuple[ListedRun, ...]:
            sound, other = super().listed()
            return replace(sound, name='"><script>alert(1)</script>.jsonl'), replace(other, fault="<img src=x>")

    for client in client_over(tmp_path, Hostile()):
        shown = page(client, run='"><script>alert(1)</script>.jsonl')
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "&lt;img src=x&gt;" in shown


def test_without_a_key_nothing_of_a_run_is_told(guarded: TestClient) -> None:
    assert guarded.get("/v1/runs").status_code == 401
    assert guarded.get("/v1/runs/report", params=BOTH).status_code == 401
    assert "sample.jsonl" not in page(guarded, run="sample.jsonl")


def test_a_signed_address_opens_the_report_that_it_names_and_no_other(guarded: TestClient, tmp_path: Path) -> None:
    """A frame sends no key; each run that is shown has to be signed for."""
    key, _ = KeyFile(tmp_path).create(name="reader", scope=Scope.READ)
    first, second = guarded.get("/v1/runs", headers={"Authorization": f"Bearer {key}"}).json()["runs"]
    signature, other = (one["url"].partition("sig=")[2] for one in (first, second))

    def status(**query: str) -> int:
        return guarded.get("/v1/runs/report", params=query).status_code

    assert len(signature) == 32
    assert guarded.get(first["url"]).status_code == 200
    assert status(run="earlier.jsonl", sig=signature) == 401
    assert status(**BOTH, sig=signature) == 401
    assert status(**BOTH, sig=signature, base_sig=signature) == 401
    assert status(**BOTH, sig=signature, base_sig=other) == 200


def test_keys_of_another_collection_see_no_runs(guarded: TestClient, tmp_path: Path) -> None:
    """A run repeats questions and words of the record that it asked."""
    admin, _ = KeyFile(tmp_path).create(name="admin", scope=Scope.ADMIN)
    narrow, _ = KeyFile(tmp_path).create(name="reader", scope=Scope.READ, collections=("treaties",))
    guarded.post("/v1/collections", json={"name": "treaties"}, headers={"Authorization": f"Bearer {admin}"})
    headers = {"Authorization": f"Bearer {narrow}"}

    assert guarded.get("/v1/runs", headers=headers).status_code == 404
    assert guarded.get("/v1/collections/treaties/runs", headers=headers).json() == {"runs": []}
    report = guarded.get("/v1/collections/treaties/runs/report", params=BOTH, headers=headers)
    assert report.status_code == 404
