"""What an operator sees: lines of the log, figures for Prometheus, traces."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from service.api.app import create_app
from service.keys import KeyFile, Scope
from service.logs import JsonLines
from service.wiring import OpenService
from tests.support.assistants import assistant_over
from tests.support.chat_models import PlayedModel
from tests.support.records import prepared
from tests.support.serving import client_of, opened, serving_settings

BRIDGE = "The governor said that the northern bridge would open in June."
QUESTION = "When will the northern bridge open?"

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[OpenService]:
    bridge = prepared("bridge", BRIDGE, published=date(2024, 3, 1), publisher="Harbour Gazette")
    with opened(serving_settings(tmp_path), [bridge]) as service:
        yield service


def figures_of(client: TestClient, **headers: str) -> Figures:
    response = client.get("/metrics", headers=headers)
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Lines of our own loggers, as the server writes them."""
    lines = (json.loads(JsonLines().format(one)) for one in caplog.records if one.name.startswith("service."))
    return [line for line in lines if "event" in line]


def test_a_request_and_its_answer_are_a_line_each(
    service: OpenService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under one id; of the question nothing, unless it is asked for."""
    for log_questions, known in ((False, None), (True, QUESTION)):
        caplog.clear()
        settings = serving_settings(tmp_path, log_questions=log_questions)
        with caplog.at_level(logging.INFO, "service"), client_of(settings, service) as client:
            answer = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "mine"}).json()

        answered, requested = events(caplog)
        assert (answered["event"], answered["answer_id"], answered["kind"]) == ("answer", answer["id"], "answer")
        assert answered.get("question") == known
        assert (requested["event"], requested["route"], requested["status"]) == ("request", "/v1/ask", 200)
        assert {answered["request_id"], requested["request_id"]} == {"mine"}


def test_a_path_that_leads_nowhere_is_not_logged(
    service: OpenService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It could be anything, and without number."""
    with caplog.at_level(logging.INFO, "service"), client_of(serving_settings(tmp_path), service) as client:
        client.get("/secret/path")
        figures = figures_of(client)

    assert [(one["route"], one["status"]) for one in events(caplog)][:1] == [("none", 404)]
    assert not any("secret" in str(name) for name in figures)


def test_figures_count_what_was_asked_and_what_became_of_it(service: OpenService, tmp_path: Path) -> None:
    """Answers by kind, stages, requests by route and status, and what the record holds."""
    with client_of(serving_settings(tmp_path), service) as client:
        client.post("/v1/ask", json={"question": QUESTION})
        client.post("/v1/ask", json={"question": QUESTION, "to": "2001-01-01"})
        client.post("/v1/ask", json={"question": ""})
        figures = figures_of(client)

    ask = ("method", "POST"), ("route", "/v1/ask")
    assert figures["dateline_requests_total", (*ask, ("status", "200"))] == 2
    assert figures["dateline_requests_total", (*ask, ("status", "422"))] == 1
    answers = {name[1]: value for name, value in figures.items() if name[0] == "dateline_answers_total"}
    assert answers == {
        (("kind", "answer"), ("mode", "extractive"), ("reason", "")): 1,
        (("kind", "refusal"), ("mode", ""), ("reason", "nothing_in_time_scope")): 1,
    }
    assert figures["dateline_stage_seconds_count", (("stage", "retrieve"),)] == 1
    assert figures["dateline_documents", (("collection", "default"),)] == 1
    assert figures["dateline_answers_running", ()] == 0


def test_figures_count_what_was_withheld_and_what_a_model_took(tmp_path: Path) -> None:
    """A sentence with a wrong figure is written."""
    settings = serving_settings(tmp_path)
    loan = prepared("loan", "Tarrow will lend the valley 87 million crowns.", published=date(2024, 3, 1))
    with opened(settings, [loan]) as service:
        wrong = PlayedModel(sentences=[("Tarrow will lend the valley 85 million crowns.", ("E1",))])
        writing = assistant_over(service.record, chat=wrong)
        with client_of(settings, replace(service, assistant=writing)) as client:
            client.post("/v1/ask", json={"question": "How much will Tarrow lend the valley?"})
            figures = figures_of(client)

    withheld = {name[1]: value for name, value in figures.items() if name[0] == "dateline_withheld_sentences_total"}
    assert withheld == {(("reason", "number_not_in_source"),): 1}
    assert figures["dateline_tokens_total", (("kind", "completion"),)] > 0


def test_figures_of_a_collection_are_for_its_keys(service: OpenService, tmp_path: Path) -> None:
    settings = serving_settings(tmp_path, keys="required")
    keys = KeyFile(tmp_path)
    admin, bound = (
        f"Bearer {keys.create(name='x', scope=Scope.ADMIN, collections=which)[0]}" for which in (None, ["wires"])
    )
    with client_of(settings, service) as client:
        client.post("/v1/collections", json={"name": "wires"}, headers={"Authorization": admin})
        every = figures_of(client, Authorization=admin)
        own = figures_of(client, **{"Authorization": bound, "X-Dateline-Collection": "wires"})

    def collections(figures: Figures) -> set[str]:
        return {dict(labels)["collection"] for name, labels in figures if name == "dateline_documents"}

    assert (collections(every), collections(own)) == ({"default", "wires"}, {"wires"})


def test_traces_name_routes_and_not_questions_or_signatures(
    service: OpenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are FastAPI's own, and go where the process has a provider."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with client_of(serving_settings(tmp_path), service) as client:
        client.post("/v1/ask", json={"question": QUESTION})
        client.get("/sources/bridge?version=1&sig=0123456789abcdef")

    told = " ".join(str(span.to_json()) for span in spans.get_finished_spans())
    assert "POST /v1/ask" in told
    assert "northern" not in told
    assert "0123456789abcdef" not in told


def test_two_applications_in_one_process_count_for_themselves(service: OpenService, tmp_path: Path) -> None:
    first, second = (create_app(serving_settings(tmp_path), service=service) for _ in range(2))
    with TestClient(first, base_url="http://localhost") as client:
        client.get("/healthz")
    with TestClient(second, base_url="http://localhost") as client:
        assert ("dateline_requests_total", (("method", "GET"), ("route", "/healthz"), ("status", "200"))) not in (
            figures_of(client)
        )
