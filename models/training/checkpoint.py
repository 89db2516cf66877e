"""Checkpoints: everything that a course needs to go on as if it had not been killed. safetensors and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401

FILE = "checkpoint.safetensors"


def write(
    folder: Path,
    network: nn.Module,
    adam: torch.optim.Optimizer,
    kept: Mapping[int, Mapping[str, Tensor]],
    about: Mapping[str, Any],
) -> None:
    """Replace the checkpoint in one move: a kill leaves the old one or the new one.

    Args:
        kept: Weights by epoch: those that may turn out to be the best.
        about: Counters, curves and the digest of what is trained, as JSON.
    """
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for epoch, weights in kept.items():
        tensors |= {f"kept.{epoch}.{name}": value for name, value in weights.items()}
    for number, state in adam.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors["random"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{FILE}"
    apart = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    save_file(apart, staged, {"about": json.dumps(about, sort_keys=True)})
    staged.replace(folder / FILE)


def read(
    folder: Path, network: nn.Module, adam: torch.optim.Optimizer, digest: str
) -> tuple[dict[str, Any], dict[int, dict[str, Tensor]]] | None:
    """Put a checkpoint into network, optimizer and random state; what `about` and `kept` it was written with.

    None where there is no checkpoint, or one of other data or settings: then training begins anew.
    """
    try:
        with safe_open(folder / FILE, "pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    if about.get("digest") != digest:
        return None
    network.load_state_dict(_below(tensors, "network."))
    state = _by_number(_below(tensors, "adam."))
    adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return about, _by_number(_below(tensors, "kept."))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _by_number(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The tensors named `3.weight` and the like by number, then the rest of their name."""
    found: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        found.setdefault(int(number), {})[key] = value
    return found
