"""Several processes that train one network: each takes its part of every batch, and gradients are summed.

Started by `torchrun` (or Spark's TorchDistributor), which sets the usual variables; without them there is one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

import models.mkl_warm_up  # noqa: F401
from models.data import IntArray


def rank() -> int:
    """This process's number, 0 where there is one only."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Join the other processes where a launcher started several: NCCL between GPUs, gloo between CPUs."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized()
    if several:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if several:
            distributed.destroy_process_group()


def own_part(passages: IntArray) -> IntArray:
    """This process's part of a batch."""
    return passages[rank() :: world()]


def sum_gradients(network: nn.Module) -> None:
    """Add up the gradients of all processes; losses are divided by the whole batch's totals beforehand."""
    if world() == 1:
        return
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    flat = torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])
    distributed.all_reduce(flat)
    at = 0
    for weight in weights:
        assert weight.grad is not None
        weight.grad.copy_(flat[at : at + weight.numel()].view_as(weight))
        at += weight.numel()


def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum of all processes' values, for the curves."""
    if world() > 1:
        distributed.all_reduce(values)
    return values
