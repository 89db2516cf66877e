"""Data-parallel training in several processes, each with a share of every batch.

Started by `torchrun` (or Spark's TorchDistributor), which sets WORLD_SIZE, RANK and the like; without them
there is one process. Not DistributedDataParallel: that averages gradients, while losses here are sums divided
by the whole batch's weights, so that any number of processes gives the same model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

import models.mkl_warm_up  # noqa: F401
from models.dataset import IntArray


def get_rank() -> int:
    """Return this process's number, 0 where there is only one."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def get_world_size() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def join_process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes where a launcher started several: NCCL between GPUs, gloo between CPUs."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized()
    if several:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if several:
            distributed.destroy_process_group()


def take_own_share(windows: IntArray) -> IntArray:
    """Return this process's share of a batch."""
    return windows[get_rank() :: get_world_size()]


def sum_gradients(network: nn.Module) -> None:
    """Sum the gradients of all processes in place; losses were divided by the whole batch's totals before."""
    if get_world_size() == 1:
        return
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        # A process whose share did not use a weight has no gradient for it, but must take part in the sum.
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    # One message for all weights: hundreds of small ones would wait for each other.
    flat = torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])
    distributed.all_reduce(flat)
    at = 0
    for weight in weights:
        assert weight.grad is not None
        weight.grad.copy_(flat[at : at + weight.numel()].view_as(weight))
        at += weight.numel()


def gather_random_states(state: torch.Tensor) -> list[torch.Tensor]:
    """Return the random state of every process, by rank; each process draws for its own share of a batch."""
    if get_world_size() == 1:
        return [state]
    states: list[torch.Tensor] = [state] * get_world_size()
    # As objects, because NCCL sends no tensors that are on the CPU.
    distributed.all_gather_object(states, state)
    return states


def sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over all processes, in place, and return it."""
    if get_world_size() > 1:
        distributed.all_reduce(values)
    return values
