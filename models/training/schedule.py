"""How steps are taken: the optimizer, how many steps an epoch has, and how long each is."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from models.config import TrainingConfig
from models.network.fusion_network import FusionNetwork

LEAST_BATCH = 8


def optimizer(network: FusionNetwork, training: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; only matrices decay, and identities and encoders that learn have rates of their own.

    An identity gets a gradient of its own phone alone and has to become a whole vector in as many steps as the rest needs
    to become a little better than it was; so its steps are longer, and what it loses to decay in each stays the same.
    """
    own, encoders = parts_of(network)
    identity = network.items.identity.weight
    theirs = network.config.end_to_end.learning_rate
    pace = training.identity_pace
    parts = (
        ([weight for weight in own if weight is not identity], training.learning_rate, training.weight_decay),
        ([identity], training.learning_rate * pace, training.weight_decay / pace),
        (encoders, theirs, training.weight_decay),
    )
    groups: list[dict[str, Any]] = []
    for weights, highest, matrix_decay in parts:
        for is_matrix, decay in ((True, matrix_decay), (False, 0.0)):
            some = [weight for weight in weights if (weight.ndim > 1) == is_matrix]
            if some:
                groups.append({"params": some, "weight_decay": decay, "lr": highest, "highest": highest})
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.98), fused=True)


def parts_of(network: FusionNetwork) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights of the recommender, and those of the encoders that learn with it."""
    encoders = list(network.live.parameters()) if network.live is not None else []
    theirs = {id(weight) for weight in encoders}
    own = [weight for weight in network.parameters() if weight.requires_grad and id(weight) not in theirs]
    return own, [weight for weight in encoders if weight.requires_grad]


def steps_of(passages: int, training: TrainingConfig) -> int:
    """Steps of an epoch: as many as the batch's size asks for, but not too few in a small shop."""
    return max(-(-passages // training.batch), min(training.least_steps, passages // LEAST_BATCH))


def rate(step: int, steps: int, warm_up: float) -> float:
    """The share of the highest learning rate: up in a line, then down along half a cosine to a twentieth."""
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
