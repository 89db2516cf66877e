"""Masked-language modelling (Devlin et al., BERT, 2019, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

IGNORED_LABEL = -100
"""The label of tokens without a loss, as `cross_entropy` has it by default."""


def mask_tokens(
    ids: Tensor, is_special: Tensor, share: float, mask_id: int, vocabulary: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return token ids with some tokens masked, and the labels to predict.

    Of the chosen tokens 80 % become `[MASK]`, 10 % a random token and 10 % stay, so that the model cannot
    rely on a token that is in no text outside of pretraining.

    Args:
        ids: `(b, tokens) int64`.
        is_special: `(b, tokens) bool`; padding and separators are never chosen.
        share: Share of the tokens that are chosen.
        mask_id: The id of `[MASK]`.
        vocabulary: Size of the vocabulary.
        generator: Draws the tokens.

    Returns:
        Both `(b, tokens) int64`; labels are -100 where nothing is to be predicted.
    """
    chosen = (torch.rand(ids.shape, generator=generator) < share) & ~is_special
    replacement = torch.rand(ids.shape, generator=generator)
    noise = torch.randint(vocabulary, ids.shape, generator=generator)
    hidden = torch.where(chosen & (replacement < 0.8), mask_id, ids)
    hidden = torch.where(chosen & (replacement >= 0.9), noise, hidden)
    return hidden, torch.where(chosen, ids, IGNORED_LABEL)


class MaskedLanguageHead(nn.Module):
    """Maps states to logits over the vocabulary; the output weights are the input embeddings.

    Args:
        dim: Width of the states.
        vocabulary: Size of the vocabulary.
    """

    def __init__(self, dim: int, vocabulary: int) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(dim, dim), nn.LayerNorm(dim)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Return logits `(…, vocabulary)` from states `(…, dim)` and embeddings `(vocabulary, dim)`."""
        return self.norm(nn.functional.gelu(self.dense(states))) @ embeddings.T + self.bias


def compute_masked_language_loss(
    head: MaskedLanguageHead, states: Tensor, embeddings: Tensor, labels: Tensor
) -> Tensor:
    """Return the cross entropy over the chosen tokens, 0 where there are none.

    Args:
        head: Head of the model.
        states: `(b, tokens, dim)`.
        embeddings: `(vocabulary, dim)`.
        labels: `(b, tokens) int64`, -100 where nothing is to be predicted.
    """
    is_chosen = labels != IGNORED_LABEL
    if not is_chosen.any():
        return states.sum() * 0  # 0 with a gradient, which the mean of no tokens (NaN) would not have
    # Only the chosen tokens go through the head, as logits over the whole vocabulary are expensive.
    return nn.functional.cross_entropy(head(states[is_chosen], embeddings), labels[is_chosen])
