"""Iterative inference of the user's vector: a few steps that make it explain what the user did.

The user tower makes a first guess, which is then compared with what is known: if a user's choices are draws
from `p = softmax(u · V + rest)`, the gradient of their log-likelihood is `Σ v(chosen) - n · E_p[v]`: the
vectors chosen, less those that this user vector would have chosen on average. Each step follows that
gradient, turned by a learned matrix and divided by `n + h` with a learned `h`, so that two choices move a
guess a little and fifty nearly determine it. Training differentiates through all steps, as in Marino, Yue and
Mandt, "Iterative amortized inference", ICML 2018.

The sequence encoder has to learn from the shop's data alone what a history reveals about taste. These steps
have that knowledge built in, which helps most where data are few.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

import models.mkl_warm_up  # noqa: F401

CHOSEN, SHOWN, OWNED = "chosen", "shown", "owned"
EVIDENCE_KINDS = (CHOSEN, SHOWN, OWNED)
INITIAL_TILT = 0.5
"""Initial factor of the scores that explain impressions: half as steep as for choices."""
INITIAL_TURN = 0.5
"""Initial step matrix, as a multiple of the identity: steps start along the gradient, at half its length."""
INITIAL_LOG_HALF = 2.0
"""Initial `log h`: about seven events count as much as the guess."""


class ItemBags(NamedTuple):
    """Phones by user, in the layout of `embedding_bag`: user `i` has `items[start[i] : start[i + 1]]`.

    Args:
        items: `(e,) int64` phones of all users.
        start: `(n,) int64` where each user's begin; the last user's go to the end.
    """

    items: Tensor
    start: Tensor

    def counts(self) -> Tensor:
        """Return `(n,)` how many phones each user has."""
        return torch.diff(self.start, append=self.start.new_tensor([len(self.items)]))

    def take(self, rows: Tensor) -> ItemBags:
        """Return the bags of some users, in the order of `rows`."""
        counts = self.counts()[rows]
        end = counts.cumsum(0)
        start = end - counts
        # where each new entry lies in the old list, less where it lies in the new one
        offsets = torch.repeat_interleave(self.start[rows] - start, counts)
        return ItemBags(self.items[offsets + torch.arange(len(offsets), device=offsets.device)], start)

    def empty(self, users: int) -> ItemBags:
        """Return empty bags for so many users."""
        return ItemBags(self.items[:0], self.start.new_zeros(users))


class Evidence(NamedTuple):
    """What is known of each of `n` users: phones that they chose, were shown, and own."""

    chosen: ItemBags
    shown: ItemBags
    owned: ItemBags

    def to(self, device: torch.device) -> Self:
        """Return a copy on another device."""
        return type(self)(*(ItemBags(part.items.to(device), part.start.to(device)) for part in self))

    def reindex(self, columns: Tensor) -> Self:
        """Return the same with phones as places in `columns`, which are ascending and contain them all."""
        return type(self)(*(ItemBags(torch.searchsorted(columns, part.items), part.start) for part in self))

    def as_newcomers(self, rows: Tensor) -> Evidence:
        """Return some users' evidence as if they had done nothing yet; what they own stays."""
        nothing = self.chosen.empty(len(rows))
        return Evidence(nothing, nothing, self.owned.take(rows))


class IterativeInference(nn.Module):
    """The inference steps.

    What the shop shows correlates with what a person likes, but less than what they choose: impressions are
    modelled as draws from a flatter softmax, whose factor (`tilt`) is learned.

    Args:
        dim: Width of the vectors.
        steps: How many; 0 returns the guess as it is.
        kinds: Those of `EVIDENCE_KINDS` that may be used.
    """

    def __init__(self, dim: int, steps: int, kinds: tuple[str, ...] = EVIDENCE_KINDS) -> None:
        super().__init__()
        self.steps, self.kinds = steps if kinds else 0, kinds
        self.turn = nn.ModuleDict({kind: nn.Linear(dim, dim, bias=False) for kind in kinds})
        self.log_half = nn.Parameter(torch.full((steps, len(kinds)), INITIAL_LOG_HALF))
        self.tilt = nn.Parameter(torch.tensor(INITIAL_TILT))
        for turn in self.turn.values():
            assert isinstance(turn, nn.Linear)
            nn.init.eye_(turn.weight)
            with torch.no_grad():
                turn.weight.mul_(INITIAL_TURN)

    def forward(
        self,
        guess: Tensor,
        evidence: Evidence,
        items: Tensor,
        candidates: Tensor,
        rest: Tensor,
        scale: Tensor,
    ) -> Tensor:
        """Return `(n, d)` user vectors that explain more of the evidence than the guess does.

        Args:
            guess: `(n, d)` user vectors.
            evidence: Evidence of the `n` users, as rows of `items`.
            items: `(items, d)` vectors of all phones.
            candidates: `(c, d)` vectors that expectations are over: all phones, or a sample of a large
                catalogue.
            rest: `(n, c)` the other terms of the candidates' scores, finite; very low where a phone could not
                be chosen.
            scale: `()` factor of the inner product.
        """
        if not self.steps:
            return guess
        known = {kind: _sum_vectors(getattr(evidence, kind), items) for kind in self.kinds}
        vectors = guess
        for halves in self.log_half.exp():  # (kinds,) of each step
            scores = (vectors * scale) @ candidates.T + rest  # (n, c)
            # what this vector would have chosen, or been shown, on average
            expected = scores.softmax(1) @ candidates  # (n, d)
            expected_shown = (scores * self.tilt).softmax(1) @ candidates  # (n, d)
            for (kind, (total, count)), half in zip(known.items(), halves, strict=True):
                # The gradient of the log-likelihood; within a step kinds update the vector in turn.
                gradient = total - count * (expected_shown if kind == SHOWN else expected)  # (n, d)
                vectors = vectors + self.turn[kind](gradient / (count + half))
        return vectors


def _sum_vectors(bags: ItemBags, items: Tensor) -> tuple[Tensor, Tensor]:
    """Return `(n, d)` the sum of each user's phone vectors, and `(n, 1)` how many they are."""
    count = bags.counts().unsqueeze(1).to(items.dtype)
    # newcomers have no events at all
    if not len(bags.items):
        return items.new_zeros(len(count), items.shape[1]), count
    return embedding_bag(bags.items, items, bags.start, mode="sum"), count
