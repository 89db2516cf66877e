"""Device, precision and determinism of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

import models.mkl_warm_up  # noqa: F401
from models.config import TrainingConfig
from models.lean_torch import set_deterministic
from models.training.errors import TrainingError


def resolve_device(name: str) -> torch.device:
    """Return the device that `auto`, `cpu`, `cuda` or `cuda:1` means on this machine.

    Raises:
        TrainingError: If there is no such device.
    """
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"[training] device = {name!r} is no device; use auto, cpu or cuda") from None
    if device.type == "cuda" and not has_gpu:
        raise TrainingError(
            f"[training] device = {name!r}, but torch sees no GPU here; use auto or cpu, or install a CUDA "
            "build of torch"
        )
    return device


def autocast_products(training: TrainingConfig, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which matrix products use bfloat16 where chosen, else a null context."""
    precision = training.precision
    if precision == "auto":
        precision = "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


@contextmanager
def run_deterministically(seed: int, threads: int) -> Iterator[None]:
    """Seed random numbers and fix the order of sums within the context.

    The process's settings are restored afterwards.

    Args:
        seed: Seed of torch's random numbers.
        threads: CPU threads. They decide in which order sums are added, and so the last bits of every result.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(), _without_memory_filling():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        # It warns only: some CUDA kernels have no deterministic form.
        set_deterministic(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            set_deterministic(before[1])


@contextmanager
def _without_memory_filling() -> Iterator[None]:
    """Switch off the filling of fresh memory in deterministic mode.

    It is for debugging, and takes a tenth of a step.
    """
    switches = torch.utils.deterministic
    before = switches.fill_uninitialized_memory  # type: ignore[attr-defined]
    switches.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        switches.fill_uninitialized_memory = before  # type: ignore[attr-defined]
