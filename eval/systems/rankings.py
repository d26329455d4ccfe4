"""Retrieval alone: words, vectors, both fused, and read; each over the same record as Dateline.

`bm25` is our own word index: tantivy's BM25 (k1 1.2, b 0.75) with English stemming, folded accents, stop words left
out of the question, and the title as a second field at half weight. Floors made without a stemmer differ from it.
`dense` compares with every vector of the ledger, so no approximation of an index is in it. `rrf` fuses the two by
reciprocal rank (Cormack, Clarke & Büttcher, SIGIR 2009; k 60), as most chains do. `fusion` is how Dateline finds
candidates: both fused by score, copies folded. `reader` is all of its finding: the candidates in the order in which its
reader puts them.

Questions are searched as they were asked, without earlier turns; `reader` completes them from these, as Dateline does.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from domain.answers import TimeScope
from domain.corpus import RankedPassage
from domain.errors import ConfigurationError
from domain.settings import Settings
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Found, Outcome
from eval.records import KeptRecord, RecordCache
from eval.systems.dateline import found_of
from retriever.data_folder import DataFolder
from retriever.generations import Generations, Manifest
from retriever.reader_words import ReaderWords
from retriever.wiring import Access, Record, open_record
from service.answering.understand import understand

DEPTH: Final = 10  # Passages, and distinct documents, that ranking metrics look at.
_RRF_DAMPING: Final = 60  # The paper's value.
_SEARCHED: Final = (100, 400, 1600)  # A long document fills a hundred passages; then look further.

Rank = Callable[[str, TimeScope, int], Sequence[RankedPassage]]
"""Question, scope, limit → passages, best first."""


class RankingSystem:
    """One way of ranking passages.

    Args:
        kind: `bm25`, `dense`, `rrf`, `fusion` or `reader`.
    """

    def __init__(
        self, *, name: str, kind: str, records: RecordCache, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._name = name
        self._kind = kind
        self._records = records
        self._clock = clock
        self._opened = ExitStack()
        self._rank: Rank | None = None
        self._kept: KeptRecord | None = None

    @property
    def name(self) -> str:
        """What its lines in the run file are called."""
        return self._name

    @property
    def details(self) -> Mapping[str, Any]:
        """Kind, and the encoder where one is used."""
        encoder = {} if self._kind == "bm25" else {"encoder": self._records.encoder.encoder_id}
        return {"kind": self._kind, "depth": DEPTH, **encoder}

    def prepare(self, data_set: DataSet) -> None:
        """Open the record and search once, so that no case pays for loading."""
        if data_set.corpus is None:
            raise ConfigurationError(f"The data set {data_set.name!r} has no documents", hint="Judge a ranking only.")
        kept = self._records.get(data_set.corpus)
        # What Dateline does itself is measured with the dense index that a server has.
        access: Access = "write" if self._kind in {"fusion", "reader"} else "read"
        settings = kept.settings if self._kind == "reader" else _unread(kept.settings)
        record = self._opened.enter_context(open_record(settings, access=access, encoder=self._records.encoder))
        record.wait_until_indexed()
        self._kept, self._rank = kept, _ranker(self._kind, record, kept.settings)
        self._rank(data_set.cases[0].question, data_set.cases[0].scope, 1)

    def run(self, case: Case) -> Outcome:
        """Rank passages for one case."""
        if self._rank is None or self._kept is None:
            raise AssertionError("prepare comes before run")
        started = self._clock()
        asked = understand(case.to_question()).text if self._kind == "reader" else case.question
        found: tuple[Found, ...] = ()
        for limit in _SEARCHED:
            ranked = self._rank(asked, case.scope, limit)
            found = tuple(found_of(passage, self._kept.doc_ids) for passage in ranked)
            if len(ranked) < limit or len({one.doc_id for one in found}) >= DEPTH:
                break
        passed = round((self._clock() - started) * 1000, 3)
        return Outcome(
            status="retrieved",
            found=deep_enough(found),
            stand_alone=asked,
            timings_ms={"retrieve": passed, "total": passed},
        )

    def close(self) -> None:
        """Close the record."""
        self._rank = self._kept = None
        self._opened.close()


def deep_enough(ranking: Iterable[Found], *, depth: int = DEPTH) -> tuple[Found, ...]:
    """Return the first `depth` different passages, and further documents' best ones up to `depth` documents.

    Metrics at `depth` per passage and per document come out as over the whole ranking, and the run file stays small.
    """
    kept: list[Found] = []
    texts: set[str] = set()
    documents: set[str] = set()
    for one in ranking:
        text = " ".join(one.text.split()).casefold()
        is_new_passage = len(texts) < depth and text not in texts
        is_new_document = len(documents) < depth and one.doc_id not in documents
        if is_new_passage or is_new_document:
            kept.append(one)
            texts.add(text)
            documents.add(one.doc_id)
    return tuple(kept)


def _ranker(kind: str, record: Record, settings: Settings) -> Rank:
    if kind in {"fusion", "reader"}:
        return lambda question, scope, limit: record.retriever.retrieve(question, scope=scope, limit=limit)

    def by_meaning(question: str, scope: TimeScope, limit: int) -> Sequence[RankedPassage]:
        return record.retriever.nearest(record.encoder.encode_query(question), scope=scope, limit=limit)

    if kind == "dense":
        return by_meaning
    encoder = record.encoder
    words = ReaderWords(
        record.ledger,
        Generations(DataFolder(settings.data_dir).index_root),
        Manifest.wanted(encoder_id=encoder.encoder_id, dimensions=encoder.dimensions),
    )

    def by_words(question: str, scope: TimeScope, limit: int) -> Sequence[RankedPassage]:
        hits = words.search(question, scope=scope, limit=limit)
        citables = record.ledger.citables(hit.passage_id for hit in hits)
        shown = [hit for hit in hits if hit.passage_id in citables]
        return [
            RankedPassage(citable=citables[hit.passage_id], rank=rank, score=hit.score)
            for rank, hit in enumerate(shown, start=1)
        ]

    if kind == "bm25":
        return by_words
    return lambda question, scope, limit: _by_reciprocal_rank(
        [rank(question, scope, limit) for rank in (by_meaning, by_words)]
    )


def _by_reciprocal_rank(rankings: Iterable[Sequence[RankedPassage]]) -> list[RankedPassage]:
    scores: dict[str, float] = {}
    found: dict[str, RankedPassage] = {}
    for ranking in rankings:
        for ranked in ranking:
            key = ranked.passage.passage_id
            scores[key] = scores.get(key, 0.0) + 1 / (_RRF_DAMPING + ranked.rank)
            found[key] = ranked
    best = sorted(scores, key=lambda key: (-scores[key], key))
    return [replace(found[key], rank=rank, score=scores[key]) for rank, key in enumerate(best, start=1)]


def _unread(settings: Settings) -> Settings:
    return settings.model_copy(update={"retrieval": settings.retrieval.model_copy(update={"read": 0})})
