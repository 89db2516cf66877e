"""The one training loop: AdamW, warm-up and cosine decay, clipped gradients, a seed of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

Progress: TypeAlias = Callable[[Iterable[int], str], Iterable[int]]
"""Passes steps on and shows how far they are, like `handpick.runtime.log.track`."""

WARM_UP = 0.1


class NotFinite(ArithmeticError):
    """A loss became NaN or infinite; nothing that was trained may be used."""


def silent(steps: Iterable[int], what: str) -> Iterable[int]:  # noqa: ARG001
    """Progress that nobody sees."""
    return steps


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Weights drawn inside come from this seed; the process's own random state is as before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def train(
    modules: Iterable[nn.Module],
    loss_of: Callable[[int], Tensor],
    steps: int,
    learning_rate: float,
    what: str,
    progress: Progress = silent,
) -> list[float]:
    """Minimise `loss_of(step)` over the modules' weights; the losses, one a step.

    Raises:
        NotFinite: If a loss is NaN or infinite.
    """
    weights = [weight for module in modules for weight in module.parameters() if weight.requires_grad]
    adam = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: _share(step, steps))
    losses = []
    for step in progress(range(steps), what):
        loss = loss_of(step)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise NotFinite(
                f"{what}: the loss is {losses[-1]} at step {step}; a lower learning rate may help"
            )
        adam.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        schedule.step()
    return losses


def _share(step: int, steps: int) -> float:
    """The share of the highest learning rate: up in a line, then down along half a cosine."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
