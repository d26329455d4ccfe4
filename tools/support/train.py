"""Train the support checker on rows of `tools.support.rows`; goes on where it stopped.

`python -m tools.support.train --rows ROWS --encoder FOLDER --work /somewhere --start WEIGHTS --learn made=1`: of
what, and how many times over. What people labelled and is not learned is judged at the end, and its log-odds go to
`judged.json`: leave out a set, or with `--without-part` a part of the claims, to see how the checker does where it was
not trained.
"""

import gzip
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor
from torch.nn import functional

from tools.reader.model import ReaderModel
from tools.training import batches_of, options_of, padded, started_from, train

MADE: Final = "made"
_RATE: Final = 2e-4
_HELD_OUT: Final = 300
_BATCH_TOKENS: Final = 12_288
_AT_ONCE: Final = 64  # Pairs that are judged.


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sentence and the words that it is held against, as token ids.

    Attributes:
        segments: 0 for the sentence, 1 for the words; as long as `ids`.
        source: Where it is from.
        part: Of a labelled set, 0 to 3; -1 for what is always learned from.
        claim: Names the sentence.
    """

    ids: list[int]
    segments: list[int]
    supported: bool
    source: str
    part: int
    claim: str

    @property
    def learned_as(self) -> str:
        """What `--learn` calls it."""
        return MADE if self.part < 0 else self.source


def main() -> None:
    """Train, resume, and save `model.pt` in the work folder."""
    options = options_of(__doc__, seed=5)
    options.add_argument("--rows", type=Path, required=True, help="What `tools.support.rows` made.")
    options.add_argument("--encoder", type=Path, required=True, help="Its folder; with --start config.json is enough.")
    options.add_argument("--learn", nargs="+", required=True, metavar="SET=EPOCHS")
    options.add_argument("--without-part", type=int, default=-1, help="Leave out this part of the labelled claims.")
    options.add_argument("--all-layers", action="store_true", help="Embeddings and the lowest layer learn as well.")
    options.add_argument("--rate", type=float, default=_RATE)
    asked = options.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    epochs = {name: float(times) for name, _, times in (one.partition("=") for one in asked.learn)}
    model = started_from(asked.encoder, asked)
    if asked.all_layers:
        model.requires_grad_(requires_grad=True)
    found = fit(model, read_rows(asked.rows), epochs=epochs, without_part=asked.without_part, rate=asked.rate,
                seed=asked.seed, work=asked.work)  # fmt: skip
    sys.stdout.write(json.dumps(found) + "\n")


def fit(
    model: ReaderModel,
    rows: Sequence[Row],
    *,
    epochs: dict[str, float],
    without_part: int,
    rate: float,
    seed: int,
    work: Path,
) -> dict[str, dict[str, float]]:
    """Train on what `epochs` names; return how the labelled sets do that were not learned."""
    mixed = sorted(rows, key=lambda row: row.learned_as)
    random.Random(seed).shuffle(mixed)
    held_out = [row for row in mixed if row.learned_as == MADE][:_HELD_OUT]
    unseen = {row.claim for row in held_out} | {row.claim for row in rows if row.part == without_part >= 0}
    learned = [row for name, times in epochs.items() for row in _drawn(mixed, name, times, unseen)]
    train(
        model,
        batches_of(learned, epochs=1, seed=seed, tokens=_BATCH_TOKENS),
        held_out,
        loss=_loss,
        rate=rate,
        work=work,
    )
    left = [row for row in rows if row.part >= 0 and (row.learned_as not in epochs or row.part == without_part)]
    left.sort(key=lambda row: row.source)
    figures, scores = {}, {}
    for name, group in groupby(left, key=lambda row: row.source):
        judged = list(group)
        found = scores_of(model, judged)
        figures[name] = judge([row.claim for row in judged], [row.supported for row in judged], found,
                              by_claim=name.startswith("wice"))  # fmt: skip
        scores[name] = [(row.claim, row.supported, round(score, 3)) for row, score in zip(judged, found, strict=True)]
    (work / "judged.json").write_text(json.dumps(scores), encoding="utf-8")
    return figures


def _drawn(rows: Sequence[Row], name: str, times: float, unseen: set[str]) -> list[Row]:
    able = [row for row in rows if row.learned_as == name and row.claim not in unseen]
    whole = int(times)
    return able * whole + able[: int(len(able) * (times - whole))]


def judge(
    claims: Sequence[str], labels: Sequence[bool], scores: Sequence[float], *, by_claim: bool
) -> dict[str, float]:
    """Return how log-odds above 0, and above the best threshold of the other half of the claims, agree with people.

    Args:
        claims: Of each pair of sentence and words; so are the rest.
        labels: Whether it is supported.
        scores: Its log-odds.
        by_claim: A claim held against several groups of words is supported when one of them supports it.
    """
    best: dict[str, tuple[float, bool]] = {}
    for place, (claim, label, score) in enumerate(zip(claims, labels, scores, strict=True)):
        key = claim if by_claim else f"{claim} {place}"
        before, supported = best.get(key, (-np.inf, False))
        best[key] = (max(before, score), supported or label)
    judged = np.array([score for score, _ in best.values()])
    people = np.array([supported for _, supported in best.values()])
    half = np.array([int(key[0], 16) % 2 == 0 for key in best])  # Claims are named by hexadecimal digests.
    crossed = np.zeros(len(best), dtype=bool)
    for own in (half, ~half):
        crossed[own] = judged[own] >= _best_threshold(people[~own], judged[~own])
    figures = {
        "n": len(people),
        "supported": people.mean(),
        "auroc": roc_auc_score(people, judged),
        "balanced_accuracy_at_0": balanced_accuracy_score(people, judged >= 0),
        "balanced_accuracy": balanced_accuracy_score(people, crossed),
        "threshold": _best_threshold(people, judged),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def _best_threshold(people: NDArray[Any], judged: NDArray[Any]) -> float:
    able = np.quantile(judged, np.linspace(0.02, 0.98, 97))
    return float(max(able, key=lambda value: balanced_accuracy_score(people, judged >= value)))


def scores_of(model: ReaderModel, rows: Sequence[Row]) -> Sequence[float]:
    """Return the log-odds of support, `(n,)`."""
    device = next(model.parameters()).device
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
    scores = np.zeros(len(rows))
    model.eval()
    with torch.inference_mode():
        for begin in range(0, len(order), _AT_ONCE):
            places = order[begin : begin + _AT_ONCE]
            pairs = [(rows[place].ids, rows[place].segments) for place in places]
            scores[places] = model(*padded(pairs, device))[1].float().cpu().numpy()
    return [float(score) for score in scores]


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a file."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [Row(**json.loads(line)) for line in lines]


def _loss(model: ReaderModel, rows: Sequence[Row], device: torch.device) -> Tensor:
    _, support = model(*padded([(row.ids, row.segments) for row in rows], device))
    supported = torch.tensor([float(row.supported) for row in rows], device=device)
    return functional.binary_cross_entropy_with_logits(support.float(), supported)


if __name__ == "__main__":
    main()
