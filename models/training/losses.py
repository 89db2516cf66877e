"""What training minimises: the chosen phone among all on sale, and the opened one among those shown."""

from __future__ import annotations

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401


def chosen_loss(scores: Tensor, question: Tensor, answer: Tensor, weight: Tensor, smoothing: float) -> Tensor:
    """Weighted sum over answers of `-log softmax(scores)[answer]`.

    Args:
        scores: `(n, items)`, minus infinity where a phone could not be chosen.
        question, answer: `(answers,)` row and column of each.
        weight: `(answers,)`.
        smoothing: Share of the target that is spread evenly over what could be chosen (Szegedy et al., 2016).
    """
    normaliser = scores.logsumexp(1)  # (n,)
    losses = normaliser[question] - scores[question, answer]
    if smoothing:
        possible = torch.isfinite(scores)
        mean = scores.masked_fill(~possible, 0.0).sum(1) / possible.sum(1).clamp(min=1)
        losses = (1 - smoothing) * losses + smoothing * (normaliser - mean)[question]
    return (losses * weight).sum()


def opened_loss(scores: Tensor, question: Tensor, shown: Tensor, opened: Tensor) -> Tensor:
    """Sum over opened phones of `-log softmax` among what the same question's user was shown on that day.

    What was never shown takes no part, so that being popular with the shop's own ranking is not mistaken for being
    liked (a conditional logit; McFadden, 1974).

    Args:
        scores: `(n, items)`.
        question, shown: `(shown,)` row and column; sorted by question.
        opened: `(shown,)` 1 where it was opened.
    """
    own = scores[question, shown]
    top = own.detach().max() if len(own) else 0.0
    sums = torch.zeros(len(scores), device=scores.device).index_add(0, question, (own - top).exp())
    losses = sums[question].clamp(min=1e-30).log() + top - own
    return (losses * opened).sum()
