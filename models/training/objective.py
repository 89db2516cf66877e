"""The loss of a batch: the network's scores of its questions, against what was chosen and what was opened."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.recommender.inputs import Asked, Items
from models.recommender.network import FusionNetwork
from models.training.lessons import Batch
from models.training.losses import chosen_loss, opened_loss


class Losses(NamedTuple):
    """Sums over a batch of both losses."""

    chosen: Tensor
    opened: Tensor


def losses(
    network: FusionNetwork, items: Items, asked: Asked, batch: Batch, training: TrainingConfig
) -> Losses:
    """Both losses, summed over the batch's answers.

    Args:
        items: Of the batch's columns.
        asked: What `batch.reading.queries` are rows of.
    """
    phones = network.phones(items)
    wishes = network.wishes(batch.reading, asked, phones)
    scores = network.scores(wishes, phones, batch.moments, batch.day).float()  # (n, c)
    possible = scores.masked_fill(batch.barred, -torch.inf)
    if batch.log_inclusion is not None:
        possible = possible - batch.log_inclusion
    return Losses(
        chosen_loss(possible, batch.question, batch.answer, batch.weight, training.label_smoothing),
        opened_loss(scores, batch.asked_of, batch.shown, batch.opened),
    )
