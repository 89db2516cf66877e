"""The symmetric contrast of CLIP: each thing finds its own partner among the batch, in both directions."""

from __future__ import annotations

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401


def info_nce(left: Tensor, right: Tensor, temperature: float, same: Tensor | None = None) -> Tensor:
    """The mean of both directions' cross entropies (Radford et al., 2021, figure 3; van den Oord et al., 2018).

    Args:
        left, right: `(b, d)` of length 1; row i of one belongs to row i of the other.
        temperature: Divides the cosines.
        same: `(b,)` labels; pairs with equal labels are partners too and are no negatives for each other.

    Returns:
        A scalar.
    """
    cosines = left @ right.T / temperature  # (b, b)
    labels = torch.arange(len(left), device=left.device) if same is None else same
    partners = (labels[:, None] == labels[None, :]).to(cosines.dtype)
    wanted = partners / partners.sum(1, keepdim=True)  # rows sum to 1, and so do columns
    rows = -(wanted * cosines.log_softmax(1)).sum(1).mean()
    columns = -(wanted * cosines.log_softmax(0)).sum(0).mean()
    return (rows + columns) / 2


def recall_at(left: Tensor, right: Tensor, k: int, same: Tensor | None = None) -> float:
    """The share of rows of `left` whose partner in `right` is among the k nearest; for measuring, not training."""
    labels = torch.arange(len(left)) if same is None else same
    nearest = (left @ right.T).topk(min(k, len(right)), dim=1).indices
    return float((labels[nearest] == labels[:, None]).any(1).float().mean())
