"""Masked-language modelling: guess the hidden tokens from both sides (Devlin et al., BERT, 2019, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

IGNORED = -100


def hide(
    ids: Tensor, is_special: Tensor, share: float, mask_id: int, vocabulary: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The input with some tokens hidden, and what they were.

    Of the chosen tokens 80 % become `[MASK]`, 10 % a random token and 10 % stay, so that the model cannot rely on
    a mark that texts never carry.

    Args:
        ids: `(b, tokens) int64`.
        is_special: `(b, tokens) bool`; padding and separators are never chosen.

    Returns:
        Both `(b, tokens)`; the second is -100 where nothing is to be guessed.
    """
    chosen = (torch.rand(ids.shape, generator=generator) < share) & ~is_special
    fate = torch.rand(ids.shape, generator=generator)
    noise = torch.randint(vocabulary, ids.shape, generator=generator)
    hidden = torch.where(chosen & (fate < 0.8), mask_id, ids)
    hidden = torch.where(chosen & (fate >= 0.9), noise, hidden)
    return hidden, torch.where(chosen, ids, IGNORED)


class MaskedLanguageHead(nn.Module):
    """States to logits over the vocabulary; the output weights are the input embeddings."""

    def __init__(self, dim: int, vocabulary: int) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(dim, dim), nn.LayerNorm(dim)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """`(…, vocabulary)` from `(…, dim)` and `(vocabulary, dim)`."""
        return self.norm(nn.functional.gelu(self.dense(states))) @ embeddings.T + self.bias


def masked_language_loss(
    head: MaskedLanguageHead, states: Tensor, embeddings: Tensor, answers: Tensor
) -> Tensor:
    """Cross entropy over the hidden tokens only, 0 where none was hidden."""
    asked = answers != IGNORED
    if not asked.any():
        return states.sum() * 0
    return nn.functional.cross_entropy(head(states[asked], embeddings), answers[asked])
