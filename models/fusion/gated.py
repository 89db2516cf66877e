"""Gated fusion: every number of every modality has a gate that looks at all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fused, Fusion, shares


class Gated(Fusion):
    """`c = Σ_m g_m ⊙ tanh(h_m)`, `g = softmax over present m of (W [h_1; …; h_M])_m`, number by number.

    Arevalo et al., "Gated multimodal units for information fusion", 2017, with a softmax for more than two.
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.gates = nn.Linear(modalities * dim, modalities * dim)

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """As `Fusion.forward`; a modality's weight is the mean of its gates."""
        shown = parts * present.unsqueeze(-1)  # (n, m, d)
        scores = self.gates(shown.flatten(1)).view_as(parts)
        scores = scores.masked_fill(~present.unsqueeze(-1), -1e9)
        gates = scores.softmax(1) * present.unsqueeze(-1)
        vector = (gates * torch.tanh(shown)).sum(1)
        return Fused(vector, shares(gates.mean(-1), present))
