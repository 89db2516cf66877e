"""What every fusion is: modality vectors and a mask in, one vector and the weights that it rests on out."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401


class Fused(NamedTuple):
    """One vector a row, and how much of it each modality is.

    Args:
        vector: `(n, d)`.
        weights: `(n, modalities)`, not negative, 0 where missing, summing to 1 where anything is present.
    """

    vector: Tensor
    weights: Tensor


class Fusion(nn.Module):
    """A fusion of `modalities` vectors of width `dim`."""

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__()
        self.modalities, self.dim = modalities, dim

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """Fuse `(n, modalities, d)` with the mask `(n, modalities) bool`; a row without any gives zeros."""
        raise NotImplementedError

    def __call__(self, parts: Tensor, present: Tensor) -> Fused:
        """As `forward`."""
        fused: Fused = super().__call__(parts, present)
        return fused


def masked_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Softmax over the last dimension's present entries; zeros where there is none.

    Args:
        scores: `(..., m)`.
        present: `(..., m) bool`.
    """
    lowest = scores.masked_fill(~present, -1e9)
    return lowest.softmax(-1) * present


def shares(norms: Tensor, present: Tensor) -> Tensor:
    """`(n, m)` not negative numbers as shares of their sum over what is present."""
    kept = norms * present
    return kept / kept.sum(-1, keepdim=True).clamp(min=1e-12)
