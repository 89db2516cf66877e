"""The sequence encoder: a user's events, in order, read by a causal self-attentive network.

A pre-norm transformer in the line of Kang and McAuley, "Self-attentive sequential recommendation" (SASRec),
2018, whose attention knows how long ago events were (a learned bias by the logarithm of the time between, as
in Zhai et al., "Actions speak louder than words" (HSTU), 2024) instead of counting positions. Optionally each
layer mixes the attention with a low-pass filter, as in Shin et al., "An attentive inductive bias" (BSARec),
2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import models.mkl_warm_up  # noqa: F401
from models.network.byte_dropout import ByteDropout
from models.network.low_pass_filter import LowPassFilter
from models.network.user_sequences import EVENT_TYPE_COUNT

SHORTEST_GROUP = 8
"""Windows up to this length are one group; the next groups hold up to twice, four times … as many tokens."""
TIME_BUCKETS = 16
"""Buckets of the time between tokens: powers of two, from 15 minutes (0) to more than a year (15)."""


def bucket_days(days: Tensor) -> Tensor:
    """Return the bucket of each time in days, which may be infinite; one day has 96 quarters of an hour."""
    return torch.log2(1 + days.clamp(min=0, max=1e4) * 96).floor().long().clamp(max=TIME_BUCKETS - 1)


def group_by_length(days: Tensor) -> list[tuple[Tensor, int]]:
    """Return groups of windows of similar length, with the longest length, so that padding is small.

    On a GPU, where padding costs less than many small steps, and while compiling, there is one group.

    Args:
        days: `(b, l)`, infinite behind the end of a window.
    """
    if days.device.type != "cpu" or torch.compiler.is_compiling():
        return [(torch.arange(len(days), device=days.device), days.shape[1])]
    lengths = days.isfinite().sum(1).clamp(min=1)
    # float64: the logarithm of a power of two must not round up into the next group
    group = torch.log2(lengths.clamp(min=SHORTEST_GROUP).double()).ceil()
    rows = (torch.nonzero(group == one).squeeze(1) for one in torch.unique(group))
    return [(some, int(lengths[some].max())) for some in rows]


class AttentionBlock(nn.Module):
    """A transformer layer: attention, then a feed-forward network, each with a residual connection.

    Args:
        dim, heads: Width and number of heads of the attention.
        dropout: Share of hidden numbers, and of attention weights, dropped in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.leave = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.think = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), ByteDropout(dropout), nn.Linear(2 * dim, dim)
        )
        self.drop = ByteDropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x: `(b, l, d)`.
            bias: `(b or 1, heads, l, l)` added to the attention's scores, minus infinity where it must not
                look.
        """
        x = x + self.drop(self.attend(self.first(x), bias))
        out: Tensor = x + self.drop(self.think(self.second(x)))
        return out

    def attend(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the attention's output alone, `(b, l, d)`."""
        b, length, d = x.shape
        # (b, l, 3 d) to three of (b, heads, l, d / heads)
        q, k, v = self.qkv(x).view(b, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(q, k, v, bias, self.dropout if self.training else 0.0)
        out: Tensor = self.leave(attended.transpose(1, 2).reshape(b, length, d))
        return out


class FilteredAttentionBlock(AttentionBlock):
    """Attention and a low-pass filter in parallel, then a feed-forward network (post-norm).

    Args:
        dim, heads: Width and number of heads of the attention.
        dropout: Share of hidden numbers dropped in training; attention weights are not dropped.
        share: Weight of the filter in the sum; the rest is the attention's.
    """

    def __init__(self, dim: int, heads: int, dropout: float, share: float) -> None:
        super().__init__(dim, heads, 0.0)
        self.share, self.drop = share, ByteDropout(dropout)
        self.smooth, self.third = LowPassFilter(dim), nn.LayerNorm(dim)
        self.think = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Apply the layer; arguments are those of `AttentionBlock.forward`."""
        attended = self.first(x + self.drop(self.attend(x, bias)))
        smoothed = self.third(x + self.drop(self.smooth(x)))
        x = torch.lerp(attended, smoothed, self.share)
        out: Tensor = self.second(x + self.drop(self.think(x)))
        return out


class SequenceEncoder(nn.Module):
    """Encodes tokens into one state after each of them; state 0 is that of a user without any event.

    Args:
        dim, layers, heads: Width, number of layers, attention heads per layer.
        dropout: Share of hidden numbers dropped in training.
        filtered: Share of the low-pass filter in each layer. If it is not 0, layers are
            `FilteredAttentionBlock`s, and no linear layer projects the tokens, as their averages
            must stay comparable with items.
    """

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, filtered: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.enter = nn.Identity() if filtered else nn.Linear(dim, dim)
        self.kind = nn.Embedding(EVENT_TYPE_COUNT, dim)
        self.gap_bias = nn.Embedding(TIME_BUCKETS, heads)
        self.blocks = nn.ModuleList(
            FilteredAttentionBlock(dim, heads, dropout, filtered)
            if filtered
            else AttentionBlock(dim, heads, dropout)
            for _ in range(layers)
        )
        self.meet = nn.LayerNorm(dim) if filtered else nn.Identity()
        self.leave = nn.Identity() if filtered else nn.LayerNorm(dim)
        self.drop = ByteDropout(dropout)
        nn.init.normal_(self.kind.weight, std=0.02)
        nn.init.zeros_(self.gap_bias.weight)
        if filtered:
            self.blocks.apply(_initialise_small)

    def forward(self, vectors: Tensor, kinds: Tensor, days: Tensor) -> Tensor:
        """Return `(b, 1 + l, d)` states.

        Args:
            vectors: `(b, l, d)` of the phones, anything behind the end.
            kinds: `(b, l)` event types, or `(1, l)` where they are the same for all.
            days: `(b, l)` or `(1, l)` times in days; what is behind the end comes after everything.
        """
        x = self.drop(self.meet(self.enter(vectors) + self.kind(kinds)))  # (b, l, d)
        x = torch.cat([self.start.expand(len(x), 1, -1), x], 1)  # (b, 1 + l, d)
        bias = self._build_bias(torch.cat([days.new_full((len(days), 1), -torch.inf), days], 1))
        for block in self.blocks:
            x = block(x, bias)
        states: Tensor = self.leave(x)
        return states

    def _build_bias(self, days: Tensor) -> Tensor:
        """Return `(b or 1, heads, l, l)` by the time between two tokens, with a causal mask."""
        length = days.shape[1]
        between = days[:, :, None] - days[:, None, :]  # (b, l, l)
        # The start is at minus infinity and padding at infinity: their difference from themselves is NaN.
        bias = self.gap_bias(bucket_days(torch.nan_to_num(between, nan=0.0))).permute(0, 3, 1, 2)
        later = torch.ones(length, length, dtype=torch.bool, device=days.device).triu(1)
        return bias.masked_fill(later, -torch.inf)


def _initialise_small(part: nn.Module) -> None:
    """Initialise linear layers so that post-norm layers start close to the identity."""
    if isinstance(part, nn.Linear):
        nn.init.normal_(part.weight, std=0.02)
        nn.init.zeros_(part.bias)
