"""The training loop of all objectives: AdamW, warm-up, cosine decay, clipped gradients, own seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.lean_torch import AdamW

StepProgress: TypeAlias = Callable[[Iterable[int], str], Iterable[int]]
"""Yields the steps and shows the progress under a name, like `handpick.runtime.log.track_progress`."""

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


class NonFiniteLoss(ArithmeticError):
    """A loss became NaN or infinite; the weights of that training must not be used."""


def hide_progress(steps: Iterable[int], what: str) -> Iterable[int]:  # noqa: ARG001
    """Yield the steps without showing anything."""
    return steps


@contextmanager
def seed_generator(seed: int) -> Iterator[torch.Generator]:
    """Yield a seeded generator, with torch's global generator seeded alike inside the block.

    The global random state is restored afterwards.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def minimize_loss(
    modules: Iterable[nn.Module],
    loss_of: Callable[[int], Tensor],
    steps: int,
    learning_rate: float,
    what: str,
    progress: StepProgress = hide_progress,
) -> list[float]:
    """Minimize `loss_of(step)` over the modules' weights; return the losses, one per step.

    Args:
        modules: Modules whose weights are trained.
        loss_of: Returns the loss of a step, a scalar.
        steps: Number of steps.
        learning_rate: Peak learning rate.
        what: Names the training in progress and errors.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If a loss is NaN or infinite.
    """
    weights = [weight for module in modules for weight in module.parameters() if weight.requires_grad]
    # `fused` is one kernel for all weights: for small models the overhead of many would dominate a step.
    adam = AdamW(weights, lr=learning_rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: _learning_rate_factor(step, steps))
    losses = []
    for step in progress(range(steps), what):
        loss = loss_of(step)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise NonFiniteLoss(
                f"{what}: the loss is {losses[-1]} at step {step}; a lower learning rate may help"
            )
        adam.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()
        schedule.step()
    return losses


def _learning_rate_factor(step: int, steps: int) -> float:
    """Return the factor of the highest learning rate: a linear rise, then half a cosine down to 0."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
