"""Fit how the reader's scores are put together: the order of passages, and which sentences answer. Prints JSON.

`python -m tools.reader.fit --data DATASETS`: the weights go into `retriever/reading_order.py` and
`service/answering/decide.py`. How they travel is shown by leaving each set out in turn; nothing is chosen by those
figures. Questions that the reader was trained on are left out. The sentences are measured in passages that stand in the
order of the weights now in the code: put new ones for the order in first, then run it again for the sentences.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from domain.ports import Reader
from domain.settings import Settings, load_settings
from eval.cases import Case
from eval.data_sets import open_data_sets
from eval.metrics.matching import holds_gold
from eval.records import RecordCache
from retriever.reader import OnnxReader
from retriever.reading_order import FEATURES, features, in_reading_order
from retriever.reading_order import WEIGHTS as SHIPPED
from retriever.wiring import Record, open_record
from service.answering.decide import WEIGHTS
from service.answering.evidence import measure
from service.answering.relevance import Asking
from service.answering.understand import understand
from tools.reader.examples import article_of, learned_articles

SETS: Final = ("realtimeqa_briefs", "squad2_dev", "clapnq_dev", "evotemp", "rgb_en", "mtrag", "scifact")
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One question.

    Attributes:
        passages: `(n, 3)`, features of the passages that were read, in fused order.
        right: `(n,)`, which of them hold gold.
        sentences: `(m, 5)`, features of their sentences.
        answering: `(m,)`, which of these answer.
    """

    passages: Matrix
    right: NDArray[np.bool_]
    sentences: Matrix
    answering: NDArray[np.bool_]


def main() -> None:
    """Print the weights and how well they do, per set."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    options.add_argument("--sets", nargs="*", default=SETS)
    options.add_argument("--limit", type=int, default=200, help="Most questions of each set.")
    options.add_argument("--seed", type=int, default=1, help="Of that draw.")
    options.add_argument("--reader", type=Path, help="Folder of another reader.")
    options.add_argument("--cache", type=Path, default=user_cache_path("dateline") / "eval")
    asked = options.parse_args()
    settings = load_settings(data_dir=asked.cache / "untouched")
    records = RecordCache(asked.cache, settings=settings)
    reader = OnnxReader.load(asked.reader)
    sets: dict[str, list[Seen]] = {}
    for name in asked.sets:
        sets[name] = list(_seen(name, asked.data, records, reader, limit=asked.limit, seed=asked.seed))
        sys.stderr.write(f"{name}: {len(sets[name])} questions\n")
    every = list(sets.values())
    order, sentence = _order(every), _sentences(every)
    result = {
        "order": dict(zip(FEATURES, np.round(order, 3).tolist(), strict=True)),
        "sentence": {
            "bias": round(float(sentence.intercept_[0]), 3),
            **dict(zip(WEIGHTS, np.round(sentence.coef_[0], 3).tolist(), strict=True)),
        },
        "by_set": {name: _figures(name, sets, order, sentence) for name in sets},
        "first_without": {feature: _first_without(place, sets) for place, feature in enumerate(FEATURES)},
        "sentence_first_without": {
            feature: _sentence_first_without(place, sets) for place, feature in enumerate(WEIGHTS)
        },
    }
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _seen(name: str, below: Path, records: RecordCache, reader: Reader, *, limit: int, seed: int) -> Iterator[Seen]:
    settings = load_settings()
    data_set = next(one for one in open_data_sets(name, below=below, settings=settings.ingest) if one.name == name)
    if data_set.corpus is None:
        raise SystemExit(f"{name} has no documents")
    learned = learned_articles(below) if name == "squad2_dev" else frozenset()
    cases = [case for case in data_set.cases if case.gold and article_of(case.gold[0].doc_id) not in learned]
    drawn = np.random.default_rng(seed).permutation(len(cases))[:limit]
    kept = records.get(data_set.corpus)
    unread = kept.settings.model_copy(update={"retrieval": kept.settings.retrieval.model_copy(update={"read": 0})})
    with open_record(unread, access="read", encoder=records.encoder) as record:
        for place in drawn:
            one = _question(cases[place], record, reader, settings)
            if one.right.any() and not one.right.all():
                yield one


def _question(case: Case, record: Record, reader: Reader, settings: Settings) -> Seen:
    asked = understand(case.to_question())
    fused = record.retriever.retrieve(asked.text, scope=asked.scope, limit=settings.retrieval.read)
    readings = reader.read(asked.text, fused)
    passages = np.array(features(asked.text, fused, readings))
    right = np.array([any(holds_gold(ranked.passage.text, gold.text) for gold in case.gold) for ranked in fused])
    read = in_reading_order(asked.text, fused, readings)
    fits = measure(Asking.of(asked.text, read), read)
    held = {ranked.passage.passage_id for ranked, is_right in zip(fused, right, strict=True) if is_right}
    answering = [
        fit.ranked.passage.passage_id in held
        and (
            any(answer.casefold() in fit.text.casefold() for answer in case.answers)
            or any(holds_gold(fit.text, gold.text) for gold in case.gold if len(gold.text) < 2 * len(fit.text))
        )
        for fit in fits
    ]
    return Seen(
        passages=passages,
        right=right,
        sentences=np.array([[float(getattr(fit, name)) for name in WEIGHTS] for fit in fits]).reshape(-1, len(WEIGHTS)),
        answering=np.array(answering, dtype=bool),
    )


def _order(sets: Sequence[Sequence[Seen]]) -> Matrix:
    """Fit weights by which a right passage comes before a wrong one of its question; each set counts the same."""
    rows, weights = [], []
    for seen in sets:
        for one in seen:
            pairs = (one.passages[one.right][:, None] - one.passages[~one.right][None]).reshape(
                -1, one.passages.shape[1]
            )
            rows.append(pairs)
            weights.append(np.full(len(pairs), 1 / (len(pairs) * len(seen))))
    every, weight = np.concatenate(rows), np.concatenate(weights)
    both, labels = np.concatenate([every, -every]), np.repeat([1, 0], len(every))
    scale = every.std(axis=0)
    fitted = LogisticRegression(fit_intercept=False, max_iter=2000)
    fitted.fit(both / scale, labels, sample_weight=np.tile(weight / weight.mean(), 2))
    return np.asarray(fitted.coef_[0] / scale)


def _sentences(sets: Sequence[Sequence[Seen]]) -> Any:
    rows = np.concatenate([one.sentences for seen in sets for one in seen])
    labels = np.concatenate([one.answering for seen in sets for one in seen])
    weights = np.concatenate(
        [np.full(len(one.answering), 1 / (max(1, len(one.answering)) * len(seen))) for seen in sets for one in seen]
    )
    return LogisticRegression(C=10.0, max_iter=2000).fit(rows, labels, sample_weight=weights / weights.mean())


def _figures(name: str, sets: dict[str, list[Seen]], order: Matrix, sentence: Any) -> dict[str, float]:
    others = [seen for other, seen in sets.items() if other != name]
    figures = {"questions": float(len(sets[name]))}
    figures["fused_first"] = _first(sets[name], np.eye(len(FEATURES))[0])
    figures["first"] = _first(sets[name], order)
    figures["shipped_first"] = _first(sets[name], np.array(SHIPPED))
    figures["sentence_first"] = _sentence_first(sets[name], sentence)
    figures["sentence_auroc"] = _auroc(sets[name], sentence)
    if others:
        figures["first_without_it"] = _first(sets[name], _order(others))
        figures["sentence_first_without_it"] = _sentence_first(sets[name], _sentences(others))
    return {key: round(float(value), 3) for key, value in figures.items()}


def _first_without(place: int, sets: dict[str, list[Seen]]) -> dict[str, float]:
    """Return how often a right passage is first, per set, when weights are fitted without one feature."""
    left = {
        name: [replace(one, passages=np.delete(one.passages, place, 1)) for one in seen] for name, seen in sets.items()
    }
    order = _order(list(left.values()))
    return {name: round(_first(seen, order), 3) for name, seen in left.items()}


def _sentence_first_without(place: int, sets: dict[str, list[Seen]]) -> dict[str, float]:
    left = {
        name: [replace(one, sentences=np.delete(one.sentences, place, 1)) for one in seen]
        for name, seen in sets.items()
    }
    fitted = _sentences(list(left.values()))
    return {name: round(_sentence_first(seen, fitted), 3) for name, seen in left.items()}


def _first(seen: Sequence[Seen], weights: Matrix) -> float:
    return float(np.mean([one.right[int((one.passages @ weights).argmax())] for one in seen]))


def _sentence_first(seen: Sequence[Seen], fitted: Any) -> float:
    judged = [one for one in seen if one.answering.any()]
    return float(np.mean([one.answering[int(fitted.decision_function(one.sentences).argmax())] for one in judged]))


def _auroc(seen: Sequence[Seen], fitted: Any) -> float:
    rows = np.concatenate([one.sentences for one in seen])
    return float(roc_auc_score(np.concatenate([one.answering for one in seen]), fitted.decision_function(rows)))


if __name__ == "__main__":
    main()
