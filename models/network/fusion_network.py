"""The fusion network: `score(u, i, t) = user · item + w(user) · φ(item, t) + bias(item)`, one inner product a night."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.network.data_signature import Signature
from models.network.inputs import Asked, Items
from models.network.item_tower import ItemTower, Phones
from models.network.iterative_inference import CHOSEN, OWNED, SHOWN, Inference
from models.network.per_day_product import by_day
from models.network.trainable_encoders import LiveEncoders
from models.network.user_tower import BEHAVIOUR, PROFILE, Reading, UserTower, Wishes

NEVER = -1e4
"""A score that is never chosen, yet finite: nothing times infinity has no gradient."""


class Shelf(NamedTuple):
    """Among what, and when, `n` questions choose.

    Args:
        moments: `(days, items, WIDTH)`, `φ` of each day.
        day: `(n,)` each question's day, ascending.
        barred: `(n, items) bool` phones that could not be chosen.
        log_inclusion: `(items,)` logarithm of the chance that each phone is here, or None where all are.
    """

    moments: Tensor
    day: Tensor
    barred: Tensor
    log_inclusion: Tensor | None = None

    def to(self, device: torch.device) -> Shelf:
        """The same on another device."""
        chance = self.log_inclusion
        return Shelf(
            self.moments.to(device, non_blocking=True),
            self.day.to(device, non_blocking=True),
            self.barred.to(device, non_blocking=True),
            None if chance is None else chance.to(device, non_blocking=True),
        )

    def take(self, rows: Tensor) -> Shelf:
        """That of some questions, in their order."""
        return self._replace(day=self.day[rows], barred=self.barred[rows])

    def possible(self, scores: Tensor) -> Tensor:
        """`(n, items)`: scores as a softmax over the shelf wants them."""
        open_to = scores.masked_fill(self.barred, -torch.inf)
        return open_to if self.log_inclusion is None else open_to - self.log_inclusion


class FusionNetwork(nn.Module):
    """Both towers, and the steps from the user tower's guess to what explains the user.

    Args:
        signature: What the data looks like.
        config: What the network looks like.
        live: Encoders that learn with it.
    """

    def __init__(self, signature: Signature, config: FusionConfig, live: LiveEncoders | None = None) -> None:
        super().__init__()
        self.signature, self.config = signature, config
        self.items = ItemTower(signature, config)
        self.users = UserTower(signature, config)
        self.live = live
        if live is not None:
            live.serve(self.items.content, self.users.asked)
        kinds = ((CHOSEN, BEHAVIOUR), (SHOWN, BEHAVIOUR), (OWNED, PROFILE))
        seen = tuple(kind for kind, modality in kinds if modality not in config.without)
        self.inference = Inference(config.dim, config.inference_steps, seen)
        # a random user and a random phone start with a product of about 1
        self.log_scale = nn.Parameter(torch.tensor(-0.5 * math.log(config.dim)))

    def calibrate(self, items: Items, asked: Asked, features: Tensor) -> None:
        """Learn the centres and scales of everything that comes in."""
        self.items.calibrate(items)
        self.users.calibrate(asked, features)

    def phones(self, items: Items) -> Phones:
        """All phones' vectors."""
        phones: Phones = self.items(items)
        return phones

    def wishes(
        self, reading: Reading, asked: Asked, phones: Phones, shelf: Shelf, among: Tensor | None = None
    ) -> Wishes:
        """The askers' vectors.

        Args:
            reading: `n` questions.
            phones: Those that the reading is about.
            shelf: Of the phones that the askers are taken to choose among.
            among: Those phones, rows of `phones`; all where None.
        """
        guess: Wishes = self.users(reading, asked, phones.vectors, self.items)
        vectors, bias = phones.vectors, phones.bias
        if among is not None:
            vectors, bias = vectors[among], bias[among]
        rest = by_day(guess.moments, shelf.moments, shelf.day) + bias  # (n, c)
        rest = shelf.possible(rest).clamp(min=NEVER)
        scale = self.log_scale.exp()
        return guess._replace(
            vectors=self.inference(guess.vectors, reading.evidence, phones.vectors, vectors, rest, scale)
        )

    def scores(self, wishes: Wishes, phones: Phones, shelf: Shelf) -> Tensor:
        """`(n, items)` from `n` questions."""
        likes = (wishes.vectors * self.log_scale.exp()) @ phones.vectors.T  # (n, items)
        return likes + by_day(wishes.moments, shelf.moments, shelf.day) + phones.bias
