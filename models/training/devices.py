"""Where training runs and how: device, precision, threads, and repeatability."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

import models.mkl_warm_up  # noqa: F401
from models.config import TrainingConfig
from models.training.errors import TrainingError


def device_of(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `cuda:1` means here.

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
            f"[training] device = {name!r}, but torch sees no GPU here; use auto or cpu, or install a CUDA build of torch"
        )
    return device


def precision_of(training: TrainingConfig, device: torch.device) -> AbstractContextManager[object]:
    """Matrix products in bfloat16 where that is faster and chosen; everything else stays in float32."""
    wanted = training.precision
    if wanted == "auto":
        wanted = "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return torch.autocast(device.type, torch.bfloat16) if wanted == "bfloat16" else nullcontext()


@contextmanager
def repeatable(seed: int, threads: int) -> Iterator[None]:
    """Random numbers from the seed and sums in a fixed order inside; the process is as before afterwards.

    The number of threads decides in which order a CPU adds, and so the last bits of every result.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(), _memory_as_it_is():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


@contextmanager
def _memory_as_it_is() -> Iterator[None]:
    """Torch fills fresh memory where sums are in a fixed order; that would find bugs, and takes a tenth of a step."""
    switches = torch.utils.deterministic
    before = switches.fill_uninitialized_memory  # type: ignore[attr-defined]
    switches.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        switches.fill_uninitialized_memory = before  # type: ignore[attr-defined]
