"""Choice of the device that an encoder runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """Return the device that a setting means on this machine.

    Args:
        name: `auto` (a GPU where there is one, else the CPU), `cpu`, `cuda`, or `cuda:1` and so on.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
