"""The training objective: a batch's scores against what was chosen and what was opened."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.network.fusion_network import FusionNetwork
from models.network.inputs import ItemInputs, QueryInputs
from models.network.item_tower import ItemOutput
from models.training.losses import compute_choice_loss, compute_impression_loss
from models.training.training_set import TrainingBatch


class BatchLosses(NamedTuple):
    """Sums of both losses over a batch.

    Args:
        choice: `()` choice loss of the targets, with the newcomers' loss.
        impression: `()` impression loss.
    """

    choice: Tensor
    impression: Tensor


def compute_losses(
    network: FusionNetwork,
    items: ItemInputs,
    queries: QueryInputs,
    batch: TrainingBatch,
    training: TrainingConfig,
) -> BatchLosses:
    """Return both losses, summed over the batch's targets and impressions.

    Args:
        network: Network in training mode.
        items: Inputs of the batch's columns.
        queries: Queries whose row numbers `batch.users.queries` and `batch.sampled_queries` hold.
        batch: On the network's device.
        training: Weights of the losses.
    """
    item_output = network.encode_items(items)
    user_output = network.encode_users(batch.users, queries, item_output, batch.candidates)
    # Float32 even under bfloat16 autocast: a softmax over thousands of phones needs the digits.
    scores = network.score(user_output, item_output, batch.candidates).float()  # (n, c)
    masked = batch.candidates.mask_scores(scores)
    choice = compute_choice_loss(
        masked, batch.target_example, batch.target_column, batch.target_weight, training.label_smoothing
    )
    if training.newcomer_weight:
        newcomers = _compute_newcomer_loss(network, item_output, queries, batch, training)
        choice = choice + training.newcomer_weight * newcomers
    impression = compute_impression_loss(
        scores, batch.impression_example, batch.impression_column, batch.impression_opened
    )
    return BatchLosses(choice, impression)


def _compute_newcomer_loss(
    network: FusionNetwork,
    item_output: ItemOutput,
    queries: QueryInputs,
    batch: TrainingBatch,
    training: TrainingConfig,
) -> Tensor:
    """Return the choice loss of users with queries, predicted from their queries alone, as for newcomers.

    So the query modalities learn from all users with queries, and not only from the few who have queries and
    nothing else. Queries made after a choice are used too: both result from the same taste.
    """
    users = batch.users
    has_query = torch.zeros_like(users.end, dtype=torch.bool)  # (n,)
    for present in queries.present.values():
        has_query |= present[batch.sampled_queries].any(1)
    rows = has_query.nonzero().squeeze(1)  # (m,)
    if not len(rows):
        return item_output.vectors.new_zeros(())
    candidates = batch.candidates.take(rows)
    newcomers = users.as_newcomers(rows, batch.sampled_queries[rows], batch.days_to_sampled_query[rows])
    user_output = network.encode_users(newcomers, queries, item_output, candidates)
    masked = candidates.mask_scores(network.score(user_output, item_output, candidates).float())  # (m, c)
    place = torch.full_like(users.end, -1)  # (n,) row among the newcomers
    place[rows] = torch.arange(len(rows), device=rows.device)
    example = place[batch.target_example]
    kept = example >= 0
    return compute_choice_loss(
        masked,
        example[kept],
        batch.target_column[kept],
        batch.target_weight[kept],
        training.label_smoothing,
    )
