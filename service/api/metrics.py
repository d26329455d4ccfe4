"""Figures for Prometheus: requests, answers and what they took, what was withheld, what waits."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.answers import Answer, CitedAnswer, Clarification, Refusal
from service.api.serving import Collections

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STAGE_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one application; each has a registry of its own, so that several may run in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "dateline_requests", "Requests by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self._request_s = Histogram(
            "dateline_request_seconds",
            "From the request to the end of its response.",
            ("route",),
            registry=self.registry,
        )
        self._answers = Counter(
            "dateline_answers",
            "Answers by kind; the reason of a refusal.",
            ("kind", "reason", "mode"),
            registry=self.registry,
        )
        self._stage_s = Histogram(
            "dateline_stage_seconds", "Stages of an answer.", ("stage",), buckets=_STAGE_S, registry=self.registry
        )
        self._withheld = Counter(
            "dateline_withheld_sentences", "Written sentences that were not shown.", ("reason",), registry=self.registry
        )
        self._tokens = Counter("dateline_tokens", "Tokens of chat models.", ("kind",), registry=self.registry)

    def requested(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(*kind_of(answer), _mode_of(answer)).inc()
        for stage, took_ms in answer.trace.timings_ms.items():
            self._stage_s.labels(stage).observe(took_ms / 1000)
        if isinstance(answer, CitedAnswer | Refusal):
            for sentence in answer.withheld:
                self._withheld.labels(sentence.reason).inc()
        self._tokens.labels("prompt").inc(answer.trace.prompt_tokens)
        self._tokens.labels("completion").inc(answer.trace.completion_tokens)

    def exposed(self, collections: Collections, names: Iterable[str]) -> bytes:
        """Return all figures in Prometheus' text format, with what the named collections hold at this moment."""
        registry = CollectorRegistry()
        registry.register(_Now(collections, tuple(names)))
        return generate_latest(self.registry) + generate_latest(registry)


class _Now(Collector):
    """What is read when it is asked for."""

    def __init__(self, collections: Collections, names: tuple[str, ...]) -> None:
        self._collections = collections
        self._names = names

    def collect(self) -> Iterable[Metric]:
        """Yield each figure."""
        running = GaugeMetricFamily("dateline_answers_running", "Answers under way, those that wait included.")
        running.add_metric((), len(self._collections.answers))
        yield running
        documents = GaugeMetricFamily("dateline_documents", "Current documents.", labels=("collection",))
        passages = GaugeMetricFamily("dateline_passages", "Their passages.", labels=("collection",))
        waiting = GaugeMetricFamily("dateline_uploads_waiting", "Uploads not read yet.", labels=("collection",))
        ready = GaugeMetricFamily("dateline_index_ready", "1 where the indexes serve.", labels=("collection",))
        for name in self._names:
            record = self._collections.serving(name).service.record
            counts = record.ledger.counts()
            documents.add_metric((name,), counts.documents)
            passages.add_metric((name,), counts.passages)
            waiting.add_metric((name,), record.ledger.uploads.waiting())
            ready.add_metric((name,), float(record.status().state == "ready"))
        yield from (documents, passages, waiting, ready)


def kind_of(answer: Answer) -> tuple[str, str]:
    """Return what kind of answer it is, and of a refusal the reason."""
    match answer:
        case CitedAnswer():
            return "answer", ""
        case Refusal():
            return "refusal", answer.reason.value
        case Clarification():
            return "clarification", ""


def _mode_of(answer: Answer) -> str:
    return answer.mode if isinstance(answer, CitedAnswer) else ""
