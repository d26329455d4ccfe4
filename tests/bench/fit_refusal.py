"""Fit the weights of `service.answering.decide.answerability` on public sets; prints JSON.

A logistic regression over the signals, each set and each kind of question counting the same. How it travels is shown by
leaving each set out of the fit in turn; nothing is chosen by those figures.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from domain.corpus import DocumentHeader
from domain.settings import Settings, load_settings
from eval.cases import Case
from eval.data_sets import open_data_sets
from eval.records import RecordCache
from retriever.wiring import Record, open_record
from service.answering.decide import Signals, answerability, score, signals
from service.answering.evidence import measure
from service.answering.meaning import Meanings
from service.answering.relevance import Asking
from service.answering.understand import understand

SETS = ("realtimeqa_briefs", "squad2_dev", "mtrag")
Examples = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]
"""Signals `(n, 4)`, whether the record answers `(n,)`, and the probability as it is shipped `(n,)`."""


def main() -> None:
    """Print the weights and how well they tell, per set."""
    options = _options()
    settings = load_settings(data_dir=options.cache / "untouched")
    records = RecordCache(options.cache, settings=settings)
    sets: dict[str, Examples] = {}
    for name in options.sets or SETS:
        sets[name] = _examples(name, options.datasets, records, settings, limit=options.limit, seed=options.seed)
        sys.stderr.write(f"{name}: {len(sets[name][1])} questions\n")
    fitted = _fit(list(sets.values()))
    names = [field.name for field in fields(Signals)]
    result = {
        "weights": {
            "bias": round(float(fitted.intercept_[0]), 3),
            **{name: round(float(weight), 3) for name, weight in zip(names, fitted.coef_[0], strict=True)},
        },
        "auroc": {name: _aurocs(name, sets, fitted) for name in sets},
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="folder that holds the sets")
    parser.add_argument("--sets", nargs="*", help=f"{', '.join(SETS)} by default")
    parser.add_argument("--limit", type=int, default=150, help="most questions of each kind per set")
    parser.add_argument("--seed", type=int, default=1, help="of that draw")
    parser.add_argument("--cache", type=Path, default=user_cache_path("dateline") / "eval")
    return parser.parse_args()


def _examples(name: str, below: Path, records: RecordCache, settings: Settings, *, limit: int, seed: int) -> Examples:
    data_set = next(one for one in open_data_sets(name, below=below, settings=settings.ingest) if one.name == name)
    if data_set.corpus is None:
        raise SystemExit(f"{name} has no documents")
    kept = records.get(data_set.corpus)
    with open_record(kept.settings, access="read", encoder=records.encoder) as record:
        meanings = Meanings(records.encoder)
        found = [
            (one, case.answerable)
            for case in _drawn(data_set.cases, limit, seed)
            if (one := _signals(case, record, meanings, settings)) is not None
        ]
    rows = np.array([astuple(one) for one, _ in found], dtype=np.float64)
    shipped = np.array([answerability(one) for one, _ in found], dtype=np.float64)
    return rows, np.array([answerable for _, answerable in found], dtype=np.int64), shipped


def _drawn(cases: Sequence[Case], limit: int, seed: int) -> Iterator[Case]:
    order = np.random.default_rng(seed).permutation(len(cases))
    for answerable in (True, False):
        yield from [cases[place] for place in order if cases[place].answerable is answerable][:limit]


def _signals(case: Case, record: Record, meanings: Meanings, settings: Settings) -> Signals | None:
    asked = understand(case.to_question())
    passages = record.retriever.retrieve(asked.text, scope=asked.scope, limit=settings.retrieval.passages)
    asking = Asking.of(asked.text, passages)

    def text_of(header: DocumentHeader) -> str:
        return record.ledger.document(header.document_id, header.version).text

    return signals(asking, score(measure(asking, passages, meanings)), text_of)


def _fit(sets: Sequence[Examples]) -> Any:
    rows = np.concatenate([one[0] for one in sets])
    answerable = np.concatenate([one[1] for one in sets])
    weights = np.concatenate([_balanced(one[1]) for one in sets])
    return LogisticRegression(C=3.0, max_iter=2000).fit(rows, answerable, sample_weight=weights / weights.mean())


def _balanced(answerable: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights by which each kind of question counts half, and the whole set one."""
    share = answerable.mean()
    each = np.where(answerable == 1, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))
    return np.asarray(each / len(answerable), dtype=np.float64)


def _aurocs(name: str, sets: dict[str, Examples], fitted: Any) -> dict[str, float]:
    rows, answerable, shipped = sets[name]
    others = [one for other, one in sets.items() if other != name]
    scores = {"fitted": fitted.decision_function(rows), "shipped": shipped, "nearest_alone": rows[:, 0]}
    if others:
        scores["without_it"] = _fit(others).decision_function(rows)
    return {kind: round(float(roc_auc_score(answerable, one)), 3) for kind, one in scores.items()}


if __name__ == "__main__":
    main()
