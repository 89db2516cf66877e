"""Next-sentence prediction (Devlin et al., BERT, 2019, section 3.1).

The objective is to predict whether the second sentence follows the first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, which end with English or Chinese stops or with a line."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def pair_sentences(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return each sentence with the one after it; texts of one sentence have none."""
    return [
        (one, two)
        for text in texts
        for sentences in [split_sentences(text)]
        for one, two in itertools.pairwise(sentences)
    ]


def choose_second_sentences(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose the second sentence of each pair: its own for half of the pairs, another pair's for the others.

    Args:
        count: Number of pairs.
        generator: Draws the choice.

    Returns:
        `(count,) int64` the pair whose second sentence is shown, and `(count,) bool` whether it is the pair's
        own.
    """
    follows = torch.rand(count, generator=generator) < 0.5
    # A shift of at least one place, so that a pair is never given its own sentence as another's.
    shift = torch.randint(1, max(2, count), (count,), generator=generator)
    places = torch.arange(count)
    shown = torch.where(follows, places, (places + shift) % max(1, count))
    return shown, shown == places


class NextSentenceHead(nn.Module):
    """Maps the state of the first token to logits of "does not follow" and "follows".

    Args:
        dim: Width of the states.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dense, self.leave = nn.Linear(dim, dim), nn.Linear(dim, 2)

    def forward(self, first: Tensor) -> Tensor:
        """Return logits `(b, 2)` from states `(b, dim)`."""
        return self.leave(torch.tanh(self.dense(first)))


def compute_next_sentence_loss(head: NextSentenceHead, first: Tensor, follows: Tensor) -> Tensor:
    """Return the cross entropy of the next-sentence predictions.

    Args:
        head: Head of the model.
        first: `(b, dim)` states of the first token.
        follows: `(b,) bool`.
    """
    return nn.functional.cross_entropy(head(first), follows.long())
