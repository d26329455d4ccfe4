"""Train the support checker; goes on where it stopped.

`python -m tools.support.train --data DATASETS --work /somewhere --start READER`: first on made examples, then, with
`--labelled wice_oracle_chunks_dev climate_fever`, on what people labelled. Leave one out, or one `--without-part`, to
see how the checker does on claims that it was not trained on: what is left out is judged at the end and printed.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from domain.settings import load_settings
from eval.checker_error import WICE
from retriever.encoder_folder import find_encoder
from retriever.reader_input import pair_of
from tools.reader.model import ReaderModel
from tools.support.examples import SupportExample, labelled_examples, made_examples, part_of
from tools.training import batches_of, options_of, padded, started_from, train

_RATE: Final = 1e-4
_RATE_LABELLED: Final = 5e-5
_HELD_OUT: Final = 300
_MOST_SENTENCE: Final = 96  # Tokens of the sentence that is checked.


@dataclass(frozen=True, slots=True)
class Row:
    """An example as token ids."""

    ids: list[int]
    segments: list[int]
    supported: bool


def main() -> None:
    """Train, resume, and save `model.pt` in the work folder."""
    options = options_of(__doc__, seed=5)
    options.add_argument("--labelled", nargs="*", default=(), help="Learn from these sets instead of made examples.")
    options.add_argument("--without-part", type=int, default=-1, help="Leave out this part of their claims.")
    options.add_argument("--made", type=int, default=34_000, help="How many examples are made.")
    asked = options.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    folder = find_encoder(load_settings().models).path
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    examples = made_examples(asked.data, seed=asked.seed, most=asked.made)
    held_out, learned = examples[:_HELD_OUT], examples[_HELD_OUT:]
    labelled = labelled_examples(asked.data)
    if asked.labelled:
        again = learned[: len(labelled) // 2]  # So that it does not forget.
        own = [one for one in labelled if one.source in asked.labelled and one.part != asked.without_part]
        learned = [*own, *again]
    model = started_from(folder, asked)
    train(
        model,
        batches_of(_rows(learned, tokenizer), epochs=asked.epochs, seed=asked.seed),
        _rows(held_out, tokenizer),
        loss=_loss,
        rate=_RATE_LABELLED if asked.labelled else _RATE,
        work=asked.work,
    )
    left = [one for one in labelled if one.source not in asked.labelled or one.part == asked.without_part]
    for name in sorted({one.source for one in left}):
        judged = judge(model, [one for one in left if one.source == name], tokenizer)
        sys.stdout.write(json.dumps({"set": name, **judged}) + "\n")


def judge(model: ReaderModel, examples: Sequence[SupportExample], tokenizer: Tokenizer) -> dict[str, float]:
    """Return how well log-odds above 0, and above the best threshold of half of the claims, agree with people.

    A claim of several groups of words is supported when one of them supports it.
    """
    scores = scores_of(model, examples, tokenizer)
    best: dict[str, tuple[float, bool]] = {}
    for one, score in zip(examples, scores, strict=True):
        key = one.sentence if one.source == WICE else f"{one.sentence}\n{one.words}"
        before, supported = best.get(key, (-np.inf, False))
        best[key] = (max(before, score), supported or one.supported)
    judged = np.array([score for score, _ in best.values()])
    labels = np.array([supported for _, supported in best.values()])
    tuned = np.array([part_of(f"tuned {key}") < 2 for key in best])  # noqa: PLR2004  - half of the parts
    threshold = max(np.quantile(judged, np.linspace(0.02, 0.98, 97)),
                    key=lambda value: balanced_accuracy_score(labels[tuned], judged[tuned] >= value))  # fmt: skip
    figures = {
        "n": len(labels),
        "supported": labels.mean(),
        "auroc": roc_auc_score(labels, judged),
        "balanced_accuracy_at_0": balanced_accuracy_score(labels, judged >= 0),
        "balanced_accuracy_tuned_on_half": balanced_accuracy_score(labels[~tuned], judged[~tuned] >= threshold),
        "threshold": threshold,
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def scores_of(model: ReaderModel, examples: Sequence[SupportExample], tokenizer: Tokenizer) -> Sequence[float]:
    """Return the log-odds of support, `(n,)`."""
    rows = _rows(examples, tokenizer)
    device = next(model.parameters()).device
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
    scores = np.zeros(len(rows))
    model.eval()
    with torch.inference_mode():
        for begin in range(0, len(order), 32):
            places = order[begin : begin + 32]
            pairs = [(rows[place].ids, rows[place].segments) for place in places]
            scores[places] = model(*padded(pairs, device))[1].cpu().numpy()
    return [float(score) for score in scores]


def _rows(examples: Sequence[SupportExample], tokenizer: Tokenizer) -> list[Row]:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    sentences = tokenizer.encode_batch([one.sentence for one in examples], add_special_tokens=False)
    words = tokenizer.encode_batch([one.words for one in examples], add_special_tokens=False)
    rows = []
    for one, sentence, said in zip(examples, sentences, words, strict=True):
        pair = pair_of(sentence.ids, (), said.ids, most_question=_MOST_SENTENCE)
        rows.append(Row(ids=pair.ids, segments=pair.segments, supported=one.supported))
    return rows


def _loss(model: ReaderModel, rows: Sequence[Row], device: torch.device) -> Tensor:
    _, support = model(*padded([(row.ids, row.segments) for row in rows], device))
    supported = torch.tensor([float(row.supported) for row in rows], device=device)
    return functional.binary_cross_entropy_with_logits(support, supported)


if __name__ == "__main__":
    main()
