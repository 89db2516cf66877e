"""Inference on the user's vector: a few steps after which it explains what the user did.

The user tower guesses. Then the guess is held against what is known: if a person's choices are draws from
`p = softmax(u · V + rest)`, the gradient of their log-likelihood is `Σ v(chosen) - n · E_p[v]`, what was chosen less
what this vector would have chosen. Each step goes along it, turned by a learned matrix and trusted as `n / (n + h)`
with a learned `h`, so that two choices move a guess a little and fifty nearly settle it. All of it is learned through,
as in Marino, Yue and Mandt, "Iterative amortized inference", ICML 2018.

A network that reads a story has to learn from the shop's data alone what such stories say of tastes. These steps know
it beforehand, which is worth most where data are few.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

import models.mkl_warm_up  # noqa: F401

CHOSEN, SHOWN, OWNED = "chosen", "shown", "owned"
KINDS = (CHOSEN, SHOWN, OWNED)
FIRST_TILT = 0.5
FIRST_TURN = 0.5
FIRST_HALF = 2.0


class Trace(NamedTuple):
    """Phones of one kind, by asker: those of asker `i` are `items[start[i] : start[i + 1]]`; the last go to the end.

    Args:
        items: `(e,) int64`.
        start: `(n,) int64`.
    """

    items: Tensor
    start: Tensor

    def counts(self) -> Tensor:
        """`(n,)` how many phones each asker has."""
        return torch.diff(self.start, append=self.start.new_tensor([len(self.items)]))

    def take(self, rows: Tensor) -> Trace:
        """Those of some askers."""
        counts = self.counts()[rows]
        end = counts.cumsum(0)
        start = end - counts
        offsets = torch.repeat_interleave(self.start[rows] - start, counts)
        return Trace(self.items[offsets + torch.arange(len(offsets), device=offsets.device)], start)

    def none(self, askers: int) -> Trace:
        """Nothing, for so many askers."""
        return Trace(self.items[:0], self.start.new_zeros(askers))


class Evidence(NamedTuple):
    """What is known of each asker: phones they chose, were shown, and came with."""

    chosen: Trace
    shown: Trace
    owned: Trace

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return type(self)(*(Trace(part.items.to(device), part.start.to(device)) for part in self))

    def on(self, columns: Tensor) -> Self:
        """The same with phones as places in `columns`, which are ascending and hold them all."""
        return type(self)(*(Trace(torch.searchsorted(columns, part.items), part.start) for part in self))

    def of_newcomers(self, rows: Tensor) -> Evidence:
        """That of some askers as if they had done nothing here yet."""
        nothing = self.chosen.none(len(rows))
        return Evidence(nothing, nothing, self.owned.take(rows))


class Inference(nn.Module):
    """The steps.

    What the shop shows leans towards what a person likes, but less than what they choose: it is taken for draws from a
    flatter softmax, whose tilt is learned.

    Args:
        dim: Width of the vectors.
        steps: How many; 0 leaves the guess as it is.
        kinds: Those of `KINDS` that may be looked at.
    """

    def __init__(self, dim: int, steps: int, kinds: tuple[str, ...] = KINDS) -> None:
        super().__init__()
        self.steps, self.kinds = steps if kinds else 0, kinds
        self.turn = nn.ModuleDict({kind: nn.Linear(dim, dim, bias=False) for kind in kinds})
        self.log_half = nn.Parameter(torch.full((steps, len(kinds)), FIRST_HALF))
        self.tilt = nn.Parameter(torch.tensor(FIRST_TILT))
        for turn in self.turn.values():
            assert isinstance(turn, nn.Linear)
            nn.init.eye_(turn.weight)
            with torch.no_grad():
                turn.weight.mul_(FIRST_TURN)

    def forward(
        self, guess: Tensor, evidence: Evidence, phones: Tensor, among: Tensor, rest: Tensor, scale: Tensor
    ) -> Tensor:
        """`(n, d)` vectors that explain more of the evidence.

        Args:
            guess: `(n, d)`.
            phones: `(items, d)` that the evidence is of.
            among: `(c, d)` of the phones that expectations are over: all, or a sample of a large catalogue.
            rest: `(n, c)` what else decides about those, finite; very low where a phone could not be chosen.
            scale: Of the inner product.
        """
        if not self.steps:
            return guess
        known = {kind: _summed(getattr(evidence, kind), phones) for kind in self.kinds}
        vectors = guess
        for halves in self.log_half.exp():
            scores = (vectors * scale) @ among.T + rest
            likely = scores.softmax(1) @ among
            likely_shown = (scores * self.tilt).softmax(1) @ among
            for (kind, (total, count)), half in zip(known.items(), halves, strict=True):
                surprise = total - count * (likely_shown if kind == SHOWN else likely)
                vectors = vectors + self.turn[kind](surprise / (count + half))
        return vectors


def _summed(trace: Trace, phones: Tensor) -> tuple[Tensor, Tensor]:
    """`(n, d)` the sum of each asker's phones, and `(n, 1)` how many they are."""
    count = trace.counts().unsqueeze(1).to(phones.dtype)
    if not len(trace.items):
        return phones.new_zeros(len(count), phones.shape[1]), count
    return embedding_bag(trace.items, phones, trace.start, mode="sum"), count
