"""A causal low-pass filter over positions: a running mean, plus a share of the latest input.

Attention alone must learn from data that neighbours in time are alike. Shin et al., "An attentive inductive
bias for sequential recommendation beyond the self-attention" (BSARec), AAAI 2024, give it to the network as a
filter over frequencies. Their filter looks at the whole window; this one looks back only, so that one pass
serves every position.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

SPEEDS = 8
"""Groups of channels, each of which forgets at its own, learned speed."""


class LowPassFilter(nn.Module):
    """`y_t = m_t + β² (x_t - m_t)`, where `m_t` is the mean of `x_0 … x_t` with weights `exp(-λ (t - s))`.

    Args:
        dim: Channels; a multiple of `SPEEDS`.

    Raises:
        ValueError: If `dim` is no multiple of `SPEEDS`.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % SPEEDS:
            raise ValueError(f"A filter of {dim} channels cannot have {SPEEDS} speeds")
        # half-lives from about 14 positions down to half a position
        self.log_speed = nn.Parameter(torch.linspace(math.log(0.05), math.log(1.5), SPEEDS))
        self.detail = nn.Parameter(torch.randn(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Filter `(b, l, d)` along `l`."""
        b, length, d = x.shape
        grouped = x.view(b, length, SPEEDS, d // SPEEDS).transpose(1, 2)  # (b, speeds, l, d / speeds)
        mean = (self._compute_weights(length) @ grouped).transpose(1, 2).reshape(b, length, d)
        return torch.lerp(mean, x, self.detail.square())

    def _compute_weights(self, length: int) -> Tensor:
        """Return `(speeds, l, l)` how much each position counts for each later one; rows sum to one."""
        place = torch.arange(length, device=self.detail.device)
        since = (place[:, None] - place).clamp(min=0)  # (l, l)
        weights = torch.exp(-self.log_speed.exp()[:, None, None] * since).tril()
        normal: Tensor = weights / weights.sum(-1, keepdim=True)
        return normal
