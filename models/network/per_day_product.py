"""The product of each example's weights with the temporal features of its day.

It makes no copy of a day's features for each example.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401


def multiply_per_day(weights: Tensor, temporal: Tensor, day: Tensor) -> Tensor:
    """Return `(n, items)`: `weights[n] · temporal[day[n], item]`; gradients flow to the weights only.

    Args:
        weights: `(n, k)`.
        temporal: `(days, items, k)`.
        day: `(n,)` rows of `temporal`, ascending.
    """
    # The graph compiler cannot trace the splits, and a GPU prefers one large product.
    if weights.device.type != "cpu" or torch.compiler.is_compiling():
        return torch.einsum("nk,nik->ni", weights, temporal[day])
    counts = torch.bincount(day, minlength=len(temporal)).tolist()
    product: Tensor = _PerDayProduct.apply(weights, temporal, counts)  # type: ignore[no-untyped-call]
    return product


class _PerDayProduct(torch.autograd.Function):
    """One small matrix product per day.

    A function of its own, because `temporal[day]` would copy `(items, k)` for every example, and its gradient
    again.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, temporal: Tensor, counts: list[int]) -> Tensor:
        ctx.save_for_backward(temporal)
        ctx.counts = counts
        out = weights.new_empty(len(weights), temporal.shape[1])
        parts = (torch.split_with_sizes(weights, counts), temporal, torch.split_with_sizes(out, counts))
        for examples, features, to in zip(*parts, strict=True):
            torch.mm(examples, features.T, out=to)  # (examples of the day, items)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (temporal,), (gradient,) = ctx.saved_tensors, gradients
        parts = (torch.split_with_sizes(gradient, ctx.counts), temporal)
        return torch.cat([examples @ features for examples, features in zip(*parts, strict=True)]), None, None
