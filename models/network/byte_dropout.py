"""Dropout from random bytes: on a CPU several times as fast as drawing a float for each number."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401


class ByteDropout(nn.Module):
    """Dropout whose probability is rounded to a multiple of 1/256; what is kept is scaled up.

    Args:
        share: Probability that a number is dropped, in `[0, 1)`.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.threshold = round(256 * share)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with some numbers set to zero in training mode, and `x` itself in evaluation mode."""
        if not (self.training and self.threshold):
            return x
        # one 64-bit draw yields eight bytes; (-2^63, None) is torch's way to ask for all 64 bits
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.threshold
        return x * kept.to(x.dtype).mul_(256 / (256 - self.threshold))
