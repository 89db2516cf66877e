"""Adam, AdamW and deterministic algorithms without loading torch's compiler.

torch's optimizers and `torch.use_deterministic_algorithms` import TorchDynamo or TorchInductor even where
nothing is compiled. These are 800 modules (sympy among them) and 1.3 s of processor time on an idle machine,
several on a busy one, in each process that trains.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

import models.mkl_warm_up  # noqa: F401

OPTIMIZER_METHODS = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
"""Methods that torch excludes from compilation at their first call, for which it imports the compiler."""

# The step without the decorator that asks the compiler to break its graph there.
_take_step: Callable[..., Any] = inspect.unwrap(torch.optim.Adam.step)


class Adam(torch.optim.Adam):
    """torch's Adam; the same numbers."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the parameters by their gradients."""
        return _take_step(self, closure)


class AdamW(torch.optim.AdamW):
    """torch's AdamW; the same numbers."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the parameters by their gradients."""
        return _take_step(self, closure)


def set_deterministic(is_deterministic: bool) -> None:
    """Let torch use deterministic algorithms where there are any, and warn where there are none.

    Args:
        is_deterministic: False restores torch's default.
    """
    # The same switch as `use_deterministic_algorithms(…, warn_only=True)`, which also sets one of Inductor.
    torch.set_deterministic_debug_mode("warn" if is_deterministic else "default")


def _exclude_from_compilation() -> None:
    """Mark the optimizers' methods as excluded already, so that their first call imports nothing.

    Where a later torch excludes them in another way, the marks have no effect.
    """
    for name in OPTIMIZER_METHODS:
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None:
            method.__dynamo_disable = method


_exclude_from_compilation()
