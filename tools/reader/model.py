"""The reader while it is trained: a small encoder that reads question and passage together, with three heads."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel


class ReaderModel(nn.Module):
    """all-MiniLM-L6-v2 with a head on each token and one on the first.

    The forward pass takes token ids, mask and segment, each `(n, tokens)`, and gives `(n, tokens, 3)` scores of being
    the answer's start, its end, and part of an answering sentence, and `(n,)` log-odds that the window answers.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        width = int(encoder.config.hidden_size)  # type: ignore[union-attr,arg-type]
        self.tokens = nn.Linear(width, 3)
        self.window = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1))

    @classmethod
    def from_encoder(cls, folder: Path) -> Self:
        """Start from a sentence-transformers folder; its embeddings and lowest layer stay as they are."""
        return cls(_frozen(AutoModel.from_pretrained(folder, local_files_only=True, add_pooling_layer=False)))

    @classmethod
    def from_weights(cls, folder: Path, file: Path) -> Self:
        """Start from the state that training saved, with the configuration in the encoder's folder."""
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        encoder = AutoModel.from_config(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
        model = cls(_frozen(encoder))
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        return model

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Score one batch."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=segments).last_hidden_state
        return self.tokens(hidden), self.window(hidden[:, 0]).squeeze(-1)


def _frozen(encoder: nn.Module) -> nn.Module:
    for frozen in (encoder.embeddings, *encoder.encoder.layer[:1]):  # type: ignore[union-attr,index]
        frozen.requires_grad_(requires_grad=False)
    return encoder
