"""Loss functions: the chosen phone among all on sale, and the opened phone among those shown."""

from __future__ import annotations

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401


def compute_choice_loss(
    scores: Tensor, example: Tensor, column: Tensor, weight: Tensor, smoothing: float
) -> Tensor:
    """Return the weighted sum over targets of `-log softmax(scores)[target]`.

    Args:
        scores: `(n, items)`, minus infinity where a phone could not be chosen.
        example: `(targets,)` row of each.
        column: `(targets,)` column of each.
        weight: `(targets,)`.
        smoothing: Share of the target that is spread evenly over what could be chosen (Szegedy et al., 2016).
    """
    normaliser = scores.logsumexp(1)  # (n,)
    losses = normaliser[example] - scores[example, column]  # (targets,)
    if smoothing:
        possible = torch.isfinite(scores)
        mean = scores.masked_fill(~possible, 0.0).sum(1) / possible.sum(1).clamp(min=1)  # (n,)
        losses = (1 - smoothing) * losses + smoothing * (normaliser - mean)[example]
    return (losses * weight).sum()


def compute_impression_loss(scores: Tensor, example: Tensor, column: Tensor, opened: Tensor) -> Tensor:
    """Return the sum over opened phones of `-log softmax` among what the same user was shown on that day.

    What was never shown takes no part, so that popularity with the shop's own ranking is not mistaken for
    popularity with users (a conditional logit; McFadden, 1974).

    Args:
        scores: `(n, items)`.
        example: `(impressions,)` row of each, ascending.
        column: `(impressions,)` column of each.
        opened: `(impressions,)` 1 where it was opened.
    """
    own = scores[example, column]  # (impressions,)
    # the common maximum keeps exp from overflowing and cancels out
    top = own.detach().max() if len(own) else 0.0
    sums = torch.zeros(len(scores), device=scores.device).index_add(0, example, (own - top).exp())  # (n,)
    # 1e-30 instead of 0, whose logarithm has no finite gradient
    losses = sums[example].clamp(min=1e-30).log() + top - own
    return (losses * opened).sum()
