"""What the training of small models shares: batches of like length, a loop that goes on where it stopped, padding."""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import torch
from torch import Tensor, nn

from tools.reader.model import ReaderModel

_BATCH_TOKENS: Final = 4096
_WARM_UP: Final = 0.06
_LOGGED: Final = 25  # Steps.
_SAVED: Final = 100


class Tokens(Protocol):
    """A pair of texts as token ids, and which of the two each belongs to."""

    @property
    def ids(self) -> list[int]:
        """Of all tokens."""
        ...

    @property
    def segments(self) -> list[int]:
        """0 or 1, as long as `ids`."""
        ...


def options_of(description: str, *, seed: int) -> argparse.ArgumentParser:
    """Return the options of every training script, with its own default seed."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--work", type=Path, required=True, help="What is made, checkpoints and the log.")
    options.add_argument("--start", type=Path, help="Weights to go on from, see `tools.reader.restore`.")
    options.add_argument("--epochs", type=float, default=1.0)
    options.add_argument("--seed", type=int, default=seed)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return options


def started_from(encoder: Path, asked: argparse.Namespace) -> ReaderModel:
    """Return the model that the options ask for, on their device: over this encoder's folder, or from kept weights.

    With kept weights the folder's `config.json` is enough.
    """
    torch.manual_seed(asked.seed)
    model = ReaderModel.from_weights(encoder, asked.start) if asked.start else ReaderModel.from_encoder(encoder)
    return model.to(asked.device)


Row = TypeVar("Row", bound=Tokens)


def batches_of(rows: Sequence[Row], *, epochs: float, seed: int, tokens: int = _BATCH_TOKENS) -> list[list[Row]]:
    """Return all batches of the training, each of rows of about the same length and of so many tokens at most."""
    draw = random.Random(seed)
    batches: list[list[Row]] = []
    order: list[Row] = []
    for epoch in range(int(-(-epochs // 1))):
        mixed = list(rows)
        draw.shuffle(mixed)
        order += mixed[: int(len(mixed) * min(1.0, epochs - epoch))]
    for begin in range(0, len(order), 3000):
        chunk = sorted(order[begin : begin + 3000], key=lambda row: len(row.ids))
        made: list[list[Row]] = [[]]
        for row in chunk:
            if made[-1] and (len(made[-1]) + 1) * len(row.ids) > tokens:
                made.append([])
            made[-1].append(row)
        draw.shuffle(made)
        batches += made
    return batches


def train(
    model: nn.Module,
    batches: Sequence[Sequence[Row]],
    held_out: Sequence[Row],
    *,
    loss: Callable[[Any, Sequence[Row], torch.device], Tensor],
    rate: float,
    work: Path,
) -> None:
    """Run all batches once, with checkpoints; what is learned is `model.pt` in the work folder."""
    device = next(model.parameters()).device
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=0.01)
    warm = max(1, int(_WARM_UP * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
    )
    checkpoint = work / "checkpoint.pt"
    done = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        done = saved["done"]
    started, losses = time.perf_counter(), []
    model.train()
    for number in range(done, len(batches)):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            found = loss(model, batches[number], device)
        optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]  # torch annotates this not
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(found))
        if (number + 1) % _LOGGED == 0:
            _log(work, step=number + 1, of=len(batches), loss=sum(losses) / len(losses),
                 seconds=time.perf_counter() - started)  # fmt: skip
            losses.clear()
        if (number + 1) % _SAVED == 0 or number + 1 == len(batches):
            state: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule}
            saved = {name: part.state_dict() for name, part in state.items()}
            torch.save({**saved, "done": number + 1}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    torch.save(model.state_dict(), work / "model.pt")
    _log(work, step=len(batches), of=len(batches), held_out=_held_out_loss(model, held_out, loss, device))


def _held_out_loss(
    model: nn.Module,
    rows: Sequence[Row],
    loss: Callable[[Any, Sequence[Row], torch.device], Tensor],
    device: torch.device,
) -> float:
    model.eval()
    with torch.inference_mode():
        losses = [float(loss(model, rows[begin : begin + 32], device)) for begin in range(0, len(rows), 32)]
    return sum(losses) / max(1, len(losses))


def padded(pairs: Sequence[tuple[list[int], list[int]]], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and segments, each `(n, longest)`."""
    longest = max(len(ids) for ids, _ in pairs)
    ids, mask, segments = (torch.zeros(len(pairs), longest, dtype=torch.long) for _ in range(3))
    for row, (tokens, parts) in enumerate(pairs):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        segments[row, : len(parts)] = torch.tensor(parts)
    return ids.to(device), mask.to(device), segments.to(device)


def _log(work: Path, **values: float) -> None:
    with (work / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({name: round(value, 4) for name, value in values.items()}) + "\n")
