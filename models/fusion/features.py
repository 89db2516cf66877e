"""Feature-level fusion: everything concatenated goes through one deep network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fused, Fusion, shares


class Features(Fusion):
    """`c = MLP([h_1; …; h_M; present])`: modalities meet before anything is learned about one alone."""

    def __init__(self, modalities: int, dim: int, hidden: int = 4) -> None:
        super().__init__(modalities, dim)
        self.enter = nn.Linear(modalities * (dim + 1), hidden * dim)
        self.leave = nn.Sequential(nn.GELU(), nn.Linear(hidden * dim, dim))

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """As `Fusion.forward`; a modality's weight is its share of the lengths of what it adds to the first layer.

        That costs as much as the layer, so in training, where nobody asks, all that is present weighs alike.
        """
        shown = parts * present.unsqueeze(-1)  # (n, m, d)
        vector = self.leave(self.enter(torch.cat([shown.flatten(1), present.to(parts.dtype)], 1)))
        norms = present.to(parts.dtype) if self.training else self._added(shown)
        return Fused(vector * present.any(1, keepdim=True), shares(norms, present))

    def _added(self, shown: Tensor) -> Tensor:
        """`(n, m)`: how long each modality's part of the first layer's sum is."""
        width = self.modalities * self.dim
        by_part = self.enter.weight[:, :width].reshape(-1, self.modalities, self.dim)  # (h, m, d)
        norms: Tensor = torch.einsum("nmd,hmd->nmh", shown, by_part).norm(dim=-1)
        return norms
