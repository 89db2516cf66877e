"""Cross-attention: modalities attend to each other, then a learned query pools them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fusion, FusionOutput
from models.fusion.masked_softmax import compute_masked_softmax

HEADS = 4
"""Attention heads."""


class CrossAttention(Fusion):
    """One pre-norm transformer layer over the modalities as tokens, then pooling by attention.

    Vaswani et al., "Attention is all you need", 2017; the pooling of Lee et al., "Set transformer", 2019.
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.kind = nn.Parameter(torch.randn(modalities, dim) * 0.02)
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.look = nn.MultiheadAttention(dim, HEADS, batch_first=True)
        self.think = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.question = nn.Linear(dim, 1, bias=False)

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse as `Fusion.forward`; weights are those of the pooling."""
        # Softmax of nothing is NaN: a row without any modality attends to all, and becomes zero at the end.
        hidden = ~present & present.any(1, keepdim=True)
        x = (parts + self.kind) * present.unsqueeze(-1)  # (n, m, d)
        y = self.first(x)
        x = x + self.look(y, y, y, key_padding_mask=hidden, need_weights=False)[0]  # (n, m, d)
        x = x + self.think(self.second(x))
        weights = compute_masked_softmax(self.question(x).squeeze(-1), present)  # (n, m)
        return FusionOutput((weights.unsqueeze(-1) * x).sum(1), weights)
