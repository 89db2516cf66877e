"""The interface of fusions: modality vectors and a mask in, one vector and the modalities' weights out."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401


class FusionOutput(NamedTuple):
    """One vector per row, and how much each modality contributes to it.

    Args:
        vector: `(n, d)`.
        weights: `(n, modalities)`, not negative, 0 where missing, summing to 1 where anything is present.
    """

    vector: Tensor
    weights: Tensor


class Fusion(nn.Module):
    """A fusion of `modalities` vectors of width `dim`.

    Args:
        modalities: Number of modality vectors per row.
        dim: Width of each of them, and of the result.
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__()
        self.modalities, self.dim = modalities, dim

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse the modality vectors of each row.

        Args:
            parts: `(n, modalities, d)`; values of missing modalities are ignored.
            present: `(n, modalities) bool`; a row without any modality gives zeros.
        """
        raise NotImplementedError

    def __call__(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Call `forward`; overridden for its return type only."""
        fused: FusionOutput = super().__call__(parts, present)
        return fused


def compute_shares(norms: Tensor, present: Tensor) -> Tensor:
    """Return non-negative numbers as shares of their sum over the present modalities.

    Args:
        norms: `(n, m)`, not negative.
        present: `(n, m) bool`.
    """
    kept = norms * present
    return kept / kept.sum(-1, keepdim=True).clamp(min=1e-12)
