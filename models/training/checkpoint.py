"""Checkpoints: all state that a killed training needs to continue to the same bytes.

They are stored as safetensors and JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.training import distributed

CHECKPOINT_FILE = "checkpoint.safetensors"
"""Name of the checkpoint in its folder."""


def write_checkpoint(
    folder: Path,
    network: nn.Module,
    adam: torch.optim.Optimizer,
    kept: Mapping[int, Mapping[str, Tensor]],
    about: Mapping[str, Any],
) -> None:
    """Replace the checkpoint atomically: a kill leaves the old one or the new one.

    Every process must call it, at the same step; the first one writes, as all but the random states is the
    same in all of them.

    Args:
        folder: Folder of the checkpoint; made if missing.
        network: Network whose weights are written.
        adam: Optimizer whose moments are written.
        kept: Weights by epoch: those that may turn out to be the best.
        about: Counters, curves and the digest of what is trained, as JSON.
    """
    states = distributed.gather_random_states(torch.get_rng_state())
    cuda_states = (
        distributed.gather_random_states(torch.cuda.get_rng_state()) if torch.cuda.is_available() else []
    )
    if distributed.get_rank() != 0:
        return
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for epoch, weights in kept.items():
        tensors |= {f"kept.{epoch}.{name}": value for name, value in weights.items()}
    for number, state in adam.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors |= {f"random.{rank}": state for rank, state in enumerate(states)}
    tensors |= {f"random.cuda.{rank}": state for rank, state in enumerate(cuda_states)}
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{CHECKPOINT_FILE}"
    # cloned, because safetensors refuses tensors that share memory
    separate = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    text = json.dumps(about, sort_keys=True)
    save_file(separate, staged, {"about": text, "sha256": _digest(separate, text)})
    staged.replace(folder / CHECKPOINT_FILE)


def restore_checkpoint(
    folder: Path, network: nn.Module, adam: torch.optim.Optimizer, digest: str
) -> tuple[dict[str, Any], dict[int, dict[str, Tensor]]] | None:
    """Restore network, optimizer and random state from a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        network: Network, changed in place.
        adam: Optimizer, changed in place.
        digest: Digest of what is to be trained.

    Returns:
        `about` and `kept` as they were written. None where there is no readable checkpoint, a damaged one, or
        one of other data or settings, or of another number of processes; then nothing is changed and training
        starts from the beginning.
    """
    try:
        with safe_open(folder / CHECKPOINT_FILE, "pt") as file:
            stated = file.metadata()
            about: dict[str, Any] = json.loads(stated["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    if stated.get("sha256") != _digest(tensors, stated["about"]):
        return None
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    has_states = f"random.{processes - 1}" in tensors and f"random.{processes}" not in tensors
    if about.get("digest") != digest or not has_states:
        return None
    network.load_state_dict(_strip_prefix(tensors, "network."))
    state = _group_by_number(_strip_prefix(tensors, "adam."))
    # learning rates and decays come from the settings, which the digest covers
    adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})
    torch.set_rng_state(tensors[f"random.{rank}"])
    if f"random.cuda.{rank}" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[f"random.cuda.{rank}"])
    return about, _group_by_number(_strip_prefix(tensors, "kept."))


def _digest(tensors: Mapping[str, Tensor], about: str) -> str:
    """Return the SHA-256 of all that a checkpoint holds: a flipped bit in it would train another model."""
    found = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"\0{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _strip_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names have a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _group_by_number(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return tensors named like `3.weight` by number, then by the rest of their names."""
    found: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        found.setdefault(int(number), {})[key] = value
    return found
