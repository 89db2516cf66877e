"""Next-sentence prediction: does the second sentence follow the first? (Devlin et al., BERT, 2019, section 3.1)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> list[str]:
    """The sentences of a text, English and Chinese stops alike."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def pairs_of(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Each sentence with the one after it; texts of one sentence give none."""
    return [
        (one, two) for text in texts for said in [sentences(text)] for one, two in itertools.pairwise(said)
    ]


def with_strangers(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each of `count` pairs, whose second sentence to show, and whether it is its own.

    Half of the pairs keep theirs, the others get that of a pair one or more places further on.
    """
    follows = torch.rand(count, generator=generator) < 0.5
    shift = torch.randint(1, max(2, count), (count,), generator=generator)
    places = torch.arange(count)
    shown = torch.where(follows, places, (places + shift) % max(1, count))
    return shown, shown == places


class NextSentenceHead(nn.Module):
    """The first token's state to "follows" or "does not"."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dense, self.leave = nn.Linear(dim, dim), nn.Linear(dim, 2)

    def forward(self, first: Tensor) -> Tensor:
        """`(b, 2)` from `(b, dim)`."""
        return self.leave(torch.tanh(self.dense(first)))


def next_sentence_loss(head: NextSentenceHead, first: Tensor, follows: Tensor) -> Tensor:
    """Cross entropy of "follows", `(b,) bool`."""
    return nn.functional.cross_entropy(head(first), follows.long())
