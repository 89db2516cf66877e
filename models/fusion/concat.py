"""Concatenation of modality vectors, then one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fusion, FusionOutput, compute_shares


class Concat(Fusion):
    """`c = W [h_1; …; h_M; present]`, with zeros for missing modalities."""

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.mix = nn.Linear(modalities * (dim + 1), dim)

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse as `Fusion.forward`; a modality's weight is its summand's share of all lengths."""
        masked = parts * present.unsqueeze(-1)  # (n, m, d)
        vector = self.mix(torch.cat([masked.flatten(1), present.to(parts.dtype)], 1))  # (n, d)
        # The layer is linear, so its output is a sum of one summand per modality.
        by_part = self.mix.weight[:, : self.modalities * self.dim].view(self.dim, self.modalities, self.dim)
        summands = torch.einsum("nmd,omd->nmo", masked, by_part)  # (n, m, d)
        return FusionOutput(
            vector * present.any(1, keepdim=True), compute_shares(summands.norm(dim=-1), present)
        )
