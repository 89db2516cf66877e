"""Gated fusion: each component of each modality has a gate that depends on all modalities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fusion, FusionOutput, compute_shares
from models.fusion.masked_softmax import MASKED_SCORE


class Gated(Fusion):
    """`c = Σ_m g_m ⊙ tanh(h_m)`, `g = softmax over present m of (W [h_1; …; h_M])_m`, component by component.

    Arevalo et al., "Gated multimodal units for information fusion", 2017, with a softmax for more than two.
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.gates = nn.Linear(modalities * dim, modalities * dim)

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse as `Fusion.forward`; a modality's weight is the mean of its gates."""
        masked = parts * present.unsqueeze(-1)  # (n, m, d)
        scores = self.gates(masked.flatten(1)).view_as(parts)  # (n, m, d)
        scores = scores.masked_fill(~present.unsqueeze(-1), MASKED_SCORE)
        gates = scores.softmax(1) * present.unsqueeze(-1)  # (n, m, d)
        vector = (gates * torch.tanh(masked)).sum(1)  # (n, d)
        return FusionOutput(vector, compute_shares(gates.mean(-1), present))
