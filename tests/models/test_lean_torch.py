"""Trainings load no compiler, and their optimizers give torch's own numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from models import lean_torch

TRAININGS = """
import sys
import torch
from models.config import FamilyConfig, FusionConfig, TrainingConfig
from models.member_registry import make_member
from models.pretraining.training_loop import minimize_loss
from models.recommender import FusionRecommender
from tests.models.collaborative.shop import shop

data = shop(users=40, items=20, events=8)
make_member("mult_vae", FamilyConfig()).fit(data, 1)
FusionRecommender(FusionConfig(dim=16), TrainingConfig(epochs=1, threads=1)).fit(data, 1)
module = torch.nn.Linear(2, 2)
minimize_loss([module], lambda step: module(torch.ones(1, 2)).sum(), 2, 0.1, "a line")
print(*(name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules))
"""


def test_no_training_loads_a_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", TRAININGS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_the_optimizers_take_the_steps_of_torch(name: str) -> None:
    weights = {}
    for module in (torch.optim, lean_torch):
        weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
        adam = getattr(module, name)([weight], lr=0.1, weight_decay=0.1)
        for step in range(3):
            adam.zero_grad()
            torch.autograd.backward((weight * (step + 1)).square().sum())
            adam.step()
            adam.load_state_dict(adam.state_dict())
        weights[module.__name__] = weight.detach()
    assert torch.equal(weights["torch.optim"], weights["models.lean_torch"])
    assert weights["torch.optim"].abs().max() < 1
    assert not weights["torch.optim"].requires_grad


def test_determinism_is_switched_on_with_warnings_and_off_again() -> None:
    lean_torch.set_deterministic(True)
    assert (
        torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
    )
    lean_torch.set_deterministic(False)
    assert not torch.are_deterministic_algorithms_enabled()
