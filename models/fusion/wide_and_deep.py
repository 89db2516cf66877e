"""Feature-level fusion: a deep network and a parallel linear layer on all modalities concatenated."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fusion, FusionOutput, compute_shares


class WideAndDeep(Fusion):
    """`c = W x + MLP(x)`, `x = [h_1; …; h_M; present]`: modalities interact in the first layer already.

    Wide and deep (Cheng et al., "Wide & deep learning for recommender systems", DLRS 2016): the linear part
    lets a phone's identity stand in for a missing picture directly, without a path through the deep network.

    Args:
        modalities, dim: As for `Fusion`.
        hidden: Width of the hidden layer, in multiples of `dim`.
    """

    def __init__(self, modalities: int, dim: int, hidden: int = 4) -> None:
        super().__init__(modalities, dim)
        width = modalities * (dim + 1)
        self.straight = nn.Linear(width, dim)
        self.enter = nn.Linear(width, hidden * dim)
        self.leave = nn.Sequential(nn.GELU(), nn.Linear(hidden * dim, dim))

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse as `Fusion.forward`; a modality's weight is the length of its summand in both first layers.

        Those weights cost as much as the layers themselves. Training does not read them, so in training mode
        all present modalities get equal weights instead.
        """
        masked = parts * present.unsqueeze(-1)  # (n, m, d)
        x = torch.cat([masked.flatten(1), present.to(parts.dtype)], 1)  # (n, m * (d + 1))
        vector = self.straight(x) + self.leave(self.enter(x))  # (n, d)
        norms = present.to(parts.dtype) if self.training else self._summand_norms(masked)  # (n, m)
        return FusionOutput(vector * present.any(1, keepdim=True), compute_shares(norms, present))

    def _summand_norms(self, masked: Tensor) -> Tensor:
        """Return `(n, m)` the length of each modality's summand in the first layers' sums."""
        both = torch.cat([self.straight.weight, self.enter.weight])
        by_part = both[:, : self.modalities * self.dim].reshape(-1, self.modalities, self.dim)  # (h, m, d)
        norms: Tensor = torch.einsum("nmd,hmd->nmh", masked, by_part).norm(dim=-1)
        return norms
