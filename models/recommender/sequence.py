"""The sequence encoder: what a user did, in order, read by a causal self-attentive network.

A pre-norm transformer in the line of Kang and McAuley, "Self-attentive sequential recommendation" (SASRec), 2018, whose
attention knows how long ago things were (a learned bias by the logarithm of the time between, as in Zhai et al.,
"Actions speak louder than words" (HSTU), 2024) instead of counting places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from models.recommender.stories import KINDS

GAPS = 16
"""Buckets of time between two tokens: powers of two from a quarter of an hour (0) to more than a year (15)."""


def gap_bucket(days: Tensor) -> Tensor:
    """The bucket of a time in days, which may be infinite."""
    return torch.log2(1 + days.clamp(min=0, max=1e4) * 96).floor().long().clamp(max=GAPS - 1)


class Block(nn.Module):
    """Attention, then a feed-forward network, each beside a short cut."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.leave = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.think = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`(b, l, d)` from `(b, l, d)` and attention biases `(b, heads, l, l)`, minus infinity where not to look."""
        b, length, d = x.shape
        q, k, v = self.qkv(self.first(x)).view(b, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(q, k, v, bias, self.dropout if self.training else 0.0)
        x = x + self.drop(self.leave(seen.transpose(1, 2).reshape(b, length, d)))
        thought: Tensor = x + self.drop(self.think(self.second(x)))
        return thought


class SequenceEncoder(nn.Module):
    """Tokens in, a state after each of them out; state 0 is that of somebody who has done nothing."""

    def __init__(self, dim: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.enter = nn.Linear(dim, dim)
        self.kind = nn.Embedding(KINDS, dim)
        self.gap_bias = nn.Embedding(GAPS, heads)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(layers))
        self.leave = nn.LayerNorm(dim)
        self.drop = nn.Dropout(dropout)
        nn.init.normal_(self.kind.weight, std=0.02)
        nn.init.zeros_(self.gap_bias.weight)

    def forward(self, vectors: Tensor, kinds: Tensor, days: Tensor) -> Tensor:
        """`(b, 1 + l, d)` states.

        Args:
            vectors: `(b, l, d)` of the phones, anything behind the end.
            kinds: `(b, l)` event types.
            days: `(b, l)` when, in days; what is behind the end comes after everything.
        """
        x = self.drop(self.enter(vectors) + self.kind(kinds))
        x = torch.cat([self.start.expand(len(x), 1, -1), x], 1)  # (b, 1 + l, d)
        bias = self._bias(torch.cat([days.new_full((len(days), 1), -torch.inf), days], 1))
        for block in self.blocks:
            x = block(x, bias)
        states: Tensor = self.leave(x)
        return states

    def _bias(self, days: Tensor) -> Tensor:
        """`(b, heads, l, l)`: by the time between two tokens; the later one may not be looked at."""
        length = days.shape[1]
        between = days[:, :, None] - days[:, None, :]  # (b, l, l)
        bias = self.gap_bias(gap_bucket(torch.nan_to_num(between, nan=0.0))).permute(0, 3, 1, 2)
        later = torch.ones(length, length, dtype=torch.bool, device=days.device).triu(1)
        return bias.masked_fill(later, -torch.inf)
