"""Concatenation of modality vectors, then one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fused, Fusion, shares


class Concat(Fusion):
    """`c = W [h_1; …; h_M; present]`, zeros in place of what is missing."""

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.mix = nn.Linear(modalities * (dim + 1), dim)

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """As `Fusion.forward`; a modality's weight is its share of the lengths of the parts of the sum."""
        shown = parts * present.unsqueeze(-1)  # (n, m, d)
        vector = self.mix(torch.cat([shown.flatten(1), present.to(parts.dtype)], 1))
        by_part = self.mix.weight[:, : self.modalities * self.dim].view(self.dim, self.modalities, self.dim)
        added = torch.einsum("nmd,omd->nmo", shown, by_part)
        return Fused(vector * present.any(1, keepdim=True), shares(added.norm(dim=-1), present))
