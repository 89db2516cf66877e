"""Feature-level fusion: everything concatenated goes through one deep network, and through a straight line beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fused, Fusion, shares


class Features(Fusion):
    """`c = W x + MLP(x)`, `x = [h_1; …; h_M; present]`: modalities meet before anything is learned about one alone.

    Wide and deep (Cheng et al., "Wide & deep learning for recommender systems", DLRS 2016): what a phone's identity has
    learned in place of a missing picture goes straight into the sum, and does not have to find its way through the network.
    """

    def __init__(self, modalities: int, dim: int, hidden: int = 4) -> None:
        super().__init__(modalities, dim)
        width = modalities * (dim + 1)
        self.straight = nn.Linear(width, dim)
        self.enter = nn.Linear(width, hidden * dim)
        self.leave = nn.Sequential(nn.GELU(), nn.Linear(hidden * dim, dim))

    def forward(self, parts: Tensor, present: Tensor) -> Fused:
        """As `Fusion.forward`; a modality's weight is its share of the lengths of what it adds to both first layers.

        That costs as much as the layers, so in training, where nobody asks, all that is present weighs alike.
        """
        shown = parts * present.unsqueeze(-1)  # (n, m, d)
        told = torch.cat([shown.flatten(1), present.to(parts.dtype)], 1)
        vector = self.straight(told) + self.leave(self.enter(told))
        norms = present.to(parts.dtype) if self.training else self._added(shown)
        return Fused(vector * present.any(1, keepdim=True), shares(norms, present))

    def _added(self, shown: Tensor) -> Tensor:
        """`(n, m)`: how long each modality's part of the first layers' sums is."""
        both = torch.cat([self.straight.weight, self.enter.weight])
        by_part = both[:, : self.modalities * self.dim].reshape(-1, self.modalities, self.dim)  # (h, m, d)
        norms: Tensor = torch.einsum("nmd,hmd->nmh", shown, by_part).norm(dim=-1)
        return norms
