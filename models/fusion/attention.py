"""Attention over modalities: the mean of the present modality vectors, weighted by learned scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.fusion.interface import Fusion, FusionOutput
from models.fusion.masked_softmax import compute_masked_softmax


class Attention(Fusion):
    """`c = Σ α_m h_m`, `α = softmax over present m of a_m · tanh(W h_m) + b_m`.

    The additive form of Bahdanau et al., "Neural machine translation by jointly learning to align and
    translate", ICLR 2015, over modalities instead of words. `b_m` is how much a modality is trusted in
    general.
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__(modalities, dim)
        self.hidden = nn.Linear(dim, dim)
        self.score = nn.Parameter(torch.randn(modalities, dim) * dim**-0.5)
        self.trust = nn.Parameter(torch.zeros(modalities))

    def forward(self, parts: Tensor, present: Tensor) -> FusionOutput:
        """Fuse as `Fusion.forward`; weights are those of the attention."""
        keys = torch.tanh(self.hidden(parts))  # (n, m, d)
        scores = (keys * self.score).sum(-1) + self.trust  # (n, m)
        weights = compute_masked_softmax(scores, present)  # (n, m)
        return FusionOutput((weights.unsqueeze(-1) * parts).sum(1), weights)
