"""Feature-level fusion: everything concatenated goes through one deep network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fused, Fusion, shares


class Features(Fusion):
    """`c = MLP([h_1; …; h_M; present])`: modalities meet before anything is learned about one alone."""

    def __init__(self, modalities: int, dim: int, hidden: int = 4) -> None:
        super().__init__(modalities, dim)
        self.network = nn.Sequential(
            nn.Linear(modalities * (dim + 1), hidden * dim), nn.GELU(), nn.Linear(hidden * dim, dim)
        )

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """As `Fusion.forward`; a modality's weight is its share of what the first layer is given."""
        shown = parts * present.unsqueeze(-1)
        vector = self.network(torch.cat([shown.flatten(1), present.to(parts.dtype)], 1))
        return Fused(vector * present.any(1, keepdim=True), shares(shown.norm(dim=-1), present))
