"""The loss of a batch: the network's scores of its questions, against what was chosen and what was opened."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.network.fusion_network import FusionNetwork
from models.network.inputs import Asked, Items
from models.network.item_tower import Phones
from models.training.losses import chosen_loss, opened_loss
from models.training.training_set import Batch


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
        asked: What `batch.reading.queries` and `batch.ever` are rows of.
    """
    phones = network.phones(items)
    wishes = network.wishes(batch.reading, asked, phones, batch.shelf)
    scores = network.scores(wishes, phones, batch.shelf).float()  # (n, c)
    possible = batch.shelf.possible(scores)
    chosen = chosen_loss(possible, batch.question, batch.answer, batch.weight, training.label_smoothing)
    if training.newcomer_weight:
        chosen = chosen + training.newcomer_weight * newcomers_loss(network, phones, asked, batch, training)
    return Losses(chosen, opened_loss(scores, batch.asked_of, batch.shown, batch.opened))


def newcomers_loss(
    network: FusionNetwork, phones: Phones, asked: Asked, batch: Batch, training: TrainingConfig
) -> Tensor:
    """The first loss over those who ever ask, as if some of that and who they are were all that is known of them.

    So words, pictures and voices learn from everybody who asks and from all that they choose, not from the few who did
    nothing else. It does not matter here whether a question was put before a choice or after it: both tell of one taste.
    """
    reading = batch.reading
    has_asked = torch.zeros_like(reading.end, dtype=torch.bool)
    for present in asked.present.values():
        has_asked |= present[batch.ever].any(1)
    rows = has_asked.nonzero().squeeze(1)
    if not len(rows):
        return phones.vectors.new_zeros(())
    shelf = batch.shelf.take(rows)
    newcomers = reading.of_newcomers(rows, batch.ever[rows], batch.ever_since[rows])
    wishes = network.wishes(newcomers, asked, phones, shelf)
    possible = shelf.possible(network.scores(wishes, phones, shelf).float())
    place = torch.full_like(reading.end, -1)
    place[rows] = torch.arange(len(rows), device=rows.device)
    question = place[batch.question]
    theirs = question >= 0
    return chosen_loss(
        possible, question[theirs], batch.answer[theirs], batch.weight[theirs], training.label_smoothing
    )
