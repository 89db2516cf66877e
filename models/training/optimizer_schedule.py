"""The optimizer and its schedule: parameter groups, steps of an epoch, and the learning rate of each step."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from models.config import TrainingConfig
from models.lean_torch import AdamW
from models.network.fusion_network import FusionNetwork

SMALLEST_BATCH = 8
"""Sequence windows of a step at least."""
ADAM_BETAS = (0.9, 0.98)
"""The second moment averages over about 50 steps, as small shops train for too few for the usual 0.999."""


def build_optimizer(network: FusionNetwork, training: TrainingConfig) -> AdamW:
    """Return AdamW with separate learning rates for identities and for trainable encoders.

    Weight decay applies to matrices only.

    An identity gets gradients from examples with its own phone only, and has to become a whole vector in as
    many steps as the rest needs for small improvements; so its rate is `identity_pace` times as high, and its
    decay per step the same.
    """
    own, encoder_parameters = split_parameters(network)
    identity = network.items.identity.weight
    encoder_rate = network.config.end_to_end.learning_rate
    pace = training.identity_pace
    parts = (
        ([weight for weight in own if weight is not identity], training.learning_rate, training.weight_decay),
        ([identity], training.learning_rate * pace, training.weight_decay / pace),
        (encoder_parameters, encoder_rate, training.weight_decay),
    )
    groups: list[dict[str, Any]] = []
    for weights, highest, matrix_decay in parts:
        for is_matrix, decay in ((True, matrix_decay), (False, 0.0)):
            some = [weight for weight in weights if (weight.ndim > 1) == is_matrix]
            if some:
                # "highest" is no option of AdamW: the trainer sets "lr" to a share of it at every step.
                groups.append({"params": some, "weight_decay": decay, "lr": highest, "highest": highest})
    return AdamW(groups, lr=training.learning_rate, betas=ADAM_BETAS, fused=True)


def split_parameters(network: FusionNetwork) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the trainable parameters of the recommender, and those of the encoders trained with it."""
    encoder_parameters = list(network.encoders.parameters()) if network.encoders is not None else []
    encoder_ids = {id(weight) for weight in encoder_parameters}
    own = [
        weight for weight in network.parameters() if weight.requires_grad and id(weight) not in encoder_ids
    ]
    return own, [weight for weight in encoder_parameters if weight.requires_grad]


def count_steps(windows: int, training: TrainingConfig) -> int:
    """Return the steps of an epoch: those of the configured batch size, but not too few in a small shop.

    Args:
        windows: Sequence windows of the training set.
        training: Batch size and minimum number of steps.
    """
    return max(-(-windows // training.batch), min(training.min_epoch_steps, windows // SMALLEST_BATCH))


def compute_rate_factor(step: int, steps: int, warm_up: float) -> float:
    """Return a step's learning rate as a share of the highest: linear rise, then cosine down to 1/20.

    Args:
        step: Number of the step in the whole training, from 0.
        steps: Number of steps of the whole training.
        warm_up: Share of the steps over which the rate rises.
    """
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
