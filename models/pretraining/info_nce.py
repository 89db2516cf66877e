"""Symmetric InfoNCE, the contrastive loss of CLIP: rows find their partners in the batch."""

from __future__ import annotations

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401


def compute_info_nce(left: Tensor, right: Tensor, temperature: float, same: Tensor | None = None) -> Tensor:
    """Return the mean of both directions' cross entropies.

    Radford et al., 2021, figure 3; van den Oord et al., 2018.

    Args:
        left: `(b, d)` of length 1.
        right: `(b, d)` of length 1; row i is the partner of row i of `left`.
        temperature: Divides the cosines.
        same: `(b,)` labels; rows with equal labels are partners too, instead of negatives of each other.

    Returns:
        A scalar.
    """
    cosines = left @ right.T / temperature  # (b, b)
    labels = torch.arange(len(left), device=left.device) if same is None else same
    partners = (labels[:, None] == labels[None, :]).to(cosines.dtype)
    targets = partners / partners.sum(1, keepdim=True)  # rows sum to 1, and so do columns
    rows = -(targets * cosines.log_softmax(1)).sum(1).mean()
    columns = -(targets * cosines.log_softmax(0)).sum(0).mean()
    return (rows + columns) / 2


def compute_recall(left: Tensor, right: Tensor, k: int, same: Tensor | None = None) -> float:
    """Return the share of rows of `left` with a partner among their k nearest rows of `right`.

    Args:
        left: `(b, d)` of length 1.
        right: `(b, d)` of length 1.
        k: Nearest rows that count.
        same: As for `compute_info_nce`.
    """
    labels = torch.arange(len(left)) if same is None else same
    nearest = (left @ right.T).topk(min(k, len(right)), dim=1).indices
    return float((labels[nearest] == labels[:, None]).any(1).float().mean())
