"""A checkpoint that is not what was written is not continued from: it would train another model."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from torch import nn

from models.training.checkpoint import CHECKPOINT_FILE, restore_checkpoint, write_checkpoint


def _train() -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return a small network after one step, and its optimizer."""
    torch.manual_seed(3)
    network = nn.Linear(4, 3)
    adam = torch.optim.AdamW(network.parameters())
    network(torch.ones(2, 4)).sum().backward()
    adam.step()
    return network, adam


def test_no_flipped_bit_of_a_checkpoint_is_trained_on(tmp_path: Path) -> None:
    network, adam = _train()
    about = {"digest": "of the data", "epoch": 1, "step": 3}
    write_checkpoint(tmp_path, network, adam, {0: network.state_dict()}, about)
    file = tmp_path / CHECKPOINT_FILE
    sound, draw = file.read_bytes(), random.Random(1)
    found = restore_checkpoint(tmp_path, *_train(), "of the data")
    assert found is not None and found[0] == about
    continued = 0
    for _ in range(300):
        changed = bytearray(sound)
        changed[draw.randrange(len(sound))] ^= 1 << draw.randrange(8)
        file.write_bytes(changed)
        other, other_adam = _train()
        found = restore_checkpoint(tmp_path, other, other_adam, "of the data")
        continued += found is not None
        if found is not None:  # a bit of the padding, or of a name's case, that changes nothing
            assert found[0] == about
            for name, value in network.state_dict().items():
                assert torch.equal(other.state_dict()[name], value)
                assert torch.equal(found[1][0][name], value)
    assert continued < 30
