"""The fusion network: `score(u, i, t) = user · item + w(user) · φ(item, t) + bias(item)`.

On any one night that is one inner product.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.network.data_signature import DataSignature
from models.network.inputs import ItemInputs, QueryInputs
from models.network.item_tower import ItemOutput, ItemTower
from models.network.iterative_inference import CHOSEN, OWNED, SHOWN, IterativeInference
from models.network.per_day_product import multiply_per_day
from models.network.trainable_encoders import TrainableEncoders
from models.network.user_tower import BEHAVIOUR, PROFILE, UserInputs, UserOutput, UserTower

LOWEST_SCORE = -1e4
"""A score that is never chosen, yet finite: a probability of 0 times a score of infinity has no gradient."""


class CandidateSet(NamedTuple):
    """The phones among which `n` examples choose, and when.

    Args:
        temporal: `(days, items, TEMPORAL_WIDTH)`, `φ` of each day.
        day: `(n,)` each example's row of `temporal`, ascending.
        excluded: `(n, items) bool` phones that could not be chosen.
        log_inclusion: `(items,)` logarithm of the probability that each phone is in the set, or None where
            all are.
    """

    temporal: Tensor
    day: Tensor
    excluded: Tensor
    log_inclusion: Tensor | None = None

    def to(self, device: torch.device) -> CandidateSet:
        """Return a copy on another device."""
        inclusion = self.log_inclusion
        return CandidateSet(
            self.temporal.to(device, non_blocking=True),
            self.day.to(device, non_blocking=True),
            self.excluded.to(device, non_blocking=True),
            None if inclusion is None else inclusion.to(device, non_blocking=True),
        )

    def take(self, rows: Tensor) -> CandidateSet:
        """Return the set of some examples, in their order."""
        return CandidateSet(self.temporal, self.day[rows], self.excluded[rows], self.log_inclusion)

    def mask_scores(self, scores: Tensor) -> Tensor:
        """Return `(n, items)` scores for a softmax: excluded ones minus infinity, sampled ones corrected."""
        masked = scores.masked_fill(self.excluded, -torch.inf)
        return masked if self.log_inclusion is None else masked - self.log_inclusion


class FusionNetwork(nn.Module):
    """Both towers, and the inference steps that refine the user tower's output.

    The refined vector explains the user's choices better than the user tower's first guess.

    Args:
        signature: Signature of the data that it is trained on.
        config: Its shape.
        encoders: Encoders that are trained together with it.
    """

    def __init__(
        self, signature: DataSignature, config: FusionConfig, encoders: TrainableEncoders | None = None
    ) -> None:
        super().__init__()
        self.signature, self.config = signature, config
        self.items = ItemTower(signature, config)
        self.users = UserTower(signature, config)
        self.encoders = encoders
        if encoders is not None:
            encoders.restrict_kinds(self.items.content_names, self.users.query_names)
        kinds = ((CHOSEN, BEHAVIOUR), (SHOWN, BEHAVIOUR), (OWNED, PROFILE))
        used = tuple(kind for kind, modality in kinds if modality not in config.without)
        self.inference = IterativeInference(config.dim, config.inference_steps, used)
        # A random user and a random phone start with a product of about 1.
        self.log_scale = nn.Parameter(torch.tensor(-0.5 * math.log(config.dim)))

    def calibrate(self, items: ItemInputs, queries: QueryInputs, features: Tensor) -> None:
        """Set the centres and scales of all inputs.

        Args:
            items: All phones.
            queries: All queries.
            features: `(examples, f)` of the users, NaN where unknown.
        """
        self.items.calibrate(items)
        self.users.calibrate(queries, features)

    def encode_items(self, items: ItemInputs) -> ItemOutput:
        """Return the vectors of all phones."""
        output: ItemOutput = self.items(items)
        return output

    def encode_users(
        self,
        inputs: UserInputs,
        queries: QueryInputs,
        items: ItemOutput,
        candidates: CandidateSet,
        columns: Tensor | None = None,
    ) -> UserOutput:
        """Return the users' vectors.

        Args:
            inputs: `n` examples.
            queries: All queries.
            items: All phones, whose row numbers the inputs' tokens and evidence hold.
            candidates: The phones that the users are taken to choose among.
            columns: `(c,)` rows of `items` that are those phones; all where None.
        """
        guess: UserOutput = self.users(inputs, queries, items.vectors, self.items)
        vectors, bias = items.vectors, items.bias
        if columns is not None:
            vectors, bias = vectors[columns], bias[columns]
        rest = multiply_per_day(guess.temporal_weights, candidates.temporal, candidates.day) + bias  # (n, c)
        rest = candidates.mask_scores(rest).clamp(min=LOWEST_SCORE)
        scale = self.log_scale.exp()
        return guess._replace(
            vectors=self.inference(guess.vectors, inputs.evidence, items.vectors, vectors, rest, scale)
        )

    def score(self, users: UserOutput, items: ItemOutput, candidates: CandidateSet) -> Tensor:
        """Return `(n, items)` scores of `n` examples for the candidates."""
        affinity = (users.vectors * self.log_scale.exp()) @ items.vectors.T  # (n, items)
        return (
            affinity
            + multiply_per_day(users.temporal_weights, candidates.temporal, candidates.day)
            + items.bias
        )
