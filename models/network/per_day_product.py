"""Each question's wishes times what is true of the phones on its day, without a copy of the day for each question."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def by_day(wishes: Tensor, moments: Tensor, day: Tensor) -> Tensor:
    """`(n, items)`: `wishes[n] · moments[day[n], item]`; gradients go to the wishes alone.

    Args:
        wishes: `(n, k)`.
        moments: `(days, items, k)`.
        day: `(n,)`, ascending.
    """
    if wishes.device.type != "cpu" or torch.compiler.is_compiling():
        return torch.einsum("nk,nik->ni", wishes, moments[day])
    counts = torch.bincount(day, minlength=len(moments)).tolist()
    product: Tensor = _ByDay.apply(wishes, moments, counts)  # type: ignore[no-untyped-call]
    return product


class _ByDay(torch.autograd.Function):
    """A product of small matrices for each day."""

    @staticmethod
    def forward(ctx: Any, wishes: Tensor, moments: Tensor, counts: list[int]) -> Tensor:
        ctx.save_for_backward(moments)
        ctx.counts = counts
        out = wishes.new_empty(len(wishes), moments.shape[1])
        parts = (torch.split_with_sizes(wishes, counts), moments, torch.split_with_sizes(out, counts))
        for mine, true, to in zip(*parts, strict=True):
            torch.mm(mine, true.T, out=to)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (moments,), (gradient,) = ctx.saved_tensors, gradients
        parts = (torch.split_with_sizes(gradient, ctx.counts), moments)
        return torch.cat([mine @ true for mine, true in zip(*parts, strict=True)]), None, None
