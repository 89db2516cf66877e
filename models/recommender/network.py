"""The fusion network: `score(u, i, t) = user · item + w(user) · φ(item, t) + bias(item)`, one inner product a night."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.recommender.daily import by_day
from models.recommender.inputs import Asked, Items
from models.recommender.items import ItemTower, Phones
from models.recommender.live import LiveEncoders
from models.recommender.signature import Signature
from models.recommender.users import Reading, UserTower, Wishes


class FusionNetwork(nn.Module):
    """Both towers.

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

    def wishes(self, reading: Reading, asked: Asked, phones: Phones) -> Wishes:
        """The askers' vectors."""
        wishes: Wishes = self.users(reading, asked, phones.vectors, self.items)
        return wishes

    def scores(self, wishes: Wishes, phones: Phones, moments: Tensor, day: Tensor) -> Tensor:
        """`(n, items)` from `n` questions.

        Args:
            moments: `(days, items, WIDTH)`, `φ` of each day.
            day: `(n,)` each question's day, ascending.
        """
        likes = (wishes.vectors * self.log_scale.exp()) @ phones.vectors.T  # (n, items)
        return likes + by_day(wishes.moments, moments, day) + phones.bias
