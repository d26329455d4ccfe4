"""Train the reader; goes on where it stopped: `python -m tools.reader.train --data DATASETS --work /somewhere`.

One pass over about 40 000 examples takes an hour on two cores, some minutes on a GPU.
"""

import hashlib
import pickle
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from domain.settings import load_settings
from retriever.encoder import SentenceTransformerEncoder
from retriever.encoder_folder import find_encoder
from retriever.pair_layout import pair_of
from tools.reader.examples import Example, examples_of
from tools.reader.model import ReaderModel
from tools.training import batches_of, options_of, padded, started_from, train

_RATE: Final = 1e-4
_TITLES_KEPT: Final = 0.6  # So that it reads passages of untitled documents as well.
_HELD_OUT: Final = 4  # Of 256 questions.
_UNKNOWN: Final = -1.0


@dataclass(frozen=True, slots=True)
class Row:
    """An example as token ids; positions count tokens of the pair."""

    ids: list[int]
    segments: list[int]
    window: tuple[int, int]
    starts: list[int]
    ends: list[int]
    has_span: bool
    evidence: list[float]
    answered: bool


def main() -> None:
    """Train, resume, and save `model.pt` in the work folder."""
    options = options_of(__doc__, seed=13)
    options.add_argument("--data", type=Path, required=True, help="Folder of the data sets.")
    options.add_argument("--share", type=float, default=1.0, help="Of the examples, for a learning curve.")
    asked = options.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    models = load_settings().models
    folder = find_encoder(models).path
    kept = asked.work / f"examples-{asked.seed}.pickle"
    if not kept.exists():
        encoder = SentenceTransformerEncoder.load(models)
        kept.write_bytes(pickle.dumps(examples_of(asked.data, encoder, seed=asked.seed)))
    examples: list[Example] = pickle.loads(kept.read_bytes())  # noqa: S301  - written by the line above
    rows = rows_of_examples(examples, Tokenizer.from_file(str(folder / "tokenizer.json")), seed=asked.seed)
    kept_out = [is_held_out(one.question) for one in examples]
    held_out = [row for row, out in zip(rows, kept_out, strict=True) if out]
    learned = [row for row, out in zip(rows, kept_out, strict=True) if not out]
    learned = learned[: int(asked.share * len(learned))]
    model = started_from(folder, asked)
    train(
        model,
        batches_of(learned, epochs=asked.epochs, seed=asked.seed),
        held_out,
        loss=_loss,
        rate=_RATE,
        work=asked.work,
    )


def is_held_out(question: str) -> bool:
    """Say whether no pair of this question is learned from: the same questions whatever the seed."""
    return hashlib.sha256(question.encode()).digest()[0] < _HELD_OUT


def rows_of_examples(examples: Sequence[Example], tokenizer: Tokenizer, *, seed: int) -> list[Row]:
    """Return the examples as token ids, in order; titles are left out of some."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    draw = random.Random(seed)
    return [_row(one, tokenizer, title=one.title if draw.random() < _TITLES_KEPT else "") for one in examples]


def _row(one: Example, tokenizer: Tokenizer, *, title: str) -> Row:
    question, above, window = (
        tokenizer.encode(text, add_special_tokens=False) for text in (one.question, title, one.window)
    )
    pair = pair_of(question.ids, above.ids, window.ids)
    offsets = window.offsets[: pair.window_tokens]
    first = pair.window_start
    starts, ends = [], []
    for begin, stop in one.answers:
        inside = [place for place, (low, high) in enumerate(offsets) if low < stop and begin < high]
        if inside and offsets[inside[-1]][1] >= stop:
            starts.append(first + inside[0])
            ends.append(first + inside[-1])
    marked = [one.sentences[number] for number in one.evidence]
    evidence = [float(any(low < stop and begin < high for begin, stop in marked)) for low, high in offsets]
    return Row(
        ids=pair.ids,
        segments=pair.segments,
        window=(first, first + len(offsets)),
        starts=starts or [0],
        ends=ends or [0],
        has_span=bool(starts) or not one.answered,
        evidence=evidence,
        answered=one.answered,
    )


def _loss(model: ReaderModel, rows: Sequence[Row], device: torch.device) -> Tensor:
    ids, mask, segments = padded([(row.ids, row.segments) for row in rows], device)
    tokens, window = model(ids, mask, segments)
    allowed, starts, ends = (torch.zeros_like(ids, dtype=torch.bool) for _ in range(3))
    evidence = torch.full(ids.shape, _UNKNOWN, device=device)
    for place, row in enumerate(rows):
        allowed[place, 0] = True
        allowed[place, row.window[0] : row.window[1]] = True
        starts[place, row.starts] = True
        ends[place, row.ends] = True
        evidence[place, row.window[0] : row.window[1]] = torch.tensor(row.evidence, device=device)
    has_span = torch.tensor([row.has_span for row in rows], device=device)
    answered = torch.tensor([float(row.answered) for row in rows], device=device)
    spans = (_marginal(tokens[..., 0], allowed, starts) + _marginal(tokens[..., 1], allowed, ends)) / 2
    marked = evidence != _UNKNOWN
    sentences = functional.binary_cross_entropy_with_logits(tokens[..., 2][marked], evidence[marked])
    return (
        (spans * has_span).sum() / has_span.sum().clamp(min=1)
        + functional.binary_cross_entropy_with_logits(window, answered)
        + sentences
    )


def _marginal(scores: Tensor, allowed: Tensor, right: Tensor) -> Tensor:
    """Return minus the log of the probability that falls on any right position, `(n,)`."""
    scores = scores.masked_fill(~allowed, -1e4)
    return torch.logsumexp(scores, dim=1) - torch.logsumexp(scores.masked_fill(~right, -1e4), dim=1)


if __name__ == "__main__":
    main()
