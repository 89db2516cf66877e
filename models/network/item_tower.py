"""The item tower: one vector for every phone, from whichever of its modalities exist."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.fusion.factory import make
from models.network.byte_dropout import ByteDropout
from models.network.data_signature import Signature
from models.network.inputs import Items

FACTS, IDENTITY = "facts", "identity"
PRICE_POWERS = 3


class Phones(NamedTuple):
    """The tower's answer.

    Args:
        vectors: `(items, dim)`.
        bias: `(items,)`, 0 for phones without an identity.
        weights: `(items, modalities)` what each vector rests on.
    """

    vectors: Tensor
    bias: Tensor
    weights: Tensor


class Entry(nn.Module):
    """An encoder's vectors, centred and scaled as in training, brought to the common width.

    The centre is the mean phone: texts of one shop are all alike, what tells them apart is how they differ from it.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))
        self.project = nn.Sequential(ByteDropout(dropout), nn.Linear(width, dim))

    @torch.no_grad()
    def calibrate(self, vectors: Tensor) -> None:
        """Learn the centre, and the scale at which a centred vector has the length `sqrt(width)`."""
        if len(vectors):
            self.mean.copy_(vectors.mean(0))
            self.scale.copy_((vectors - self.mean).square().mean().sqrt().clamp(min=1e-6))

    def standardised(self, vectors: Tensor, mean: Tensor | None = None) -> Tensor:
        """The vectors around a mean (the phones', unless told) in units of their spread."""
        return (vectors - (self.mean if mean is None else mean)) / self.scale

    def forward(self, vectors: Tensor, mean: Tensor | None = None) -> Tensor:
        """`(..., dim)` from `(..., width)`."""
        projected: Tensor = self.project(self.standardised(vectors, mean))
        return projected


class ItemTower(nn.Module):
    """Content encoders' vectors, price and brand, and an identity embedding, fused.

    The identity is dropped at random in training, phone by phone, so that a phone without history is scored by its
    content; the other modalities too, more rarely, so that a phone without a picture still has a vector.
    """

    price_mean: Tensor
    price_scale: Tensor

    def __init__(self, signature: Signature, config: FusionConfig) -> None:
        super().__init__()
        dim = config.dim
        self.content = tuple(name for name in signature.items if name not in config.without)
        self.names = (*self.content, *(n for n in (FACTS, IDENTITY) if n not in config.without))
        self.dropped = dict.fromkeys(self.names, config.modality_dropout)
        self.dropped[IDENTITY] = config.identity_dropout
        self.enter = nn.ModuleDict(
            {name: Entry(signature.items[name][0], dim, config.input_dropout) for name in self.content}
        )
        self.price = nn.Linear(PRICE_POWERS + 1, dim)
        self.brand = nn.Embedding(len(signature.brands) + 1, dim)
        self.identity = nn.Embedding(max(len(signature.item_ids), 1), dim)
        self.bias = nn.Embedding(max(len(signature.item_ids), 1), 1)
        self.fusion = make(config.inner, len(self.names), dim)
        self.register_buffer("price_mean", torch.zeros(()))
        self.register_buffer("price_scale", torch.ones(()))
        nn.init.normal_(self.brand.weight, std=0.1)
        nn.init.normal_(self.identity.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    @torch.no_grad()
    def calibrate(self, items: Items) -> None:
        """Learn centres and scales of the content and of the price."""
        for name in self.content:
            self._entry(name).calibrate(items.content[name][items.present[name]])
        known = items.price[~items.price.isnan()]
        if len(known) > 1:
            self.price_mean.copy_(known.mean())
            self.price_scale.copy_(known.std().clamp(min=1e-3))

    @torch.no_grad()
    def begin(self, identities: Tensor) -> None:
        """Let the identities begin at these, `(phones with an identity, dim)`."""
        if IDENTITY in self.names:
            self.identity.weight.copy_(identities)

    def forward(self, items: Items) -> Phones:
        """The phones' vectors."""
        parts, present = [], []
        for name in self.names:
            part, there = self._part(name, items)
            if self.training and self.dropped[name]:
                there = there & (torch.rand(len(there), device=there.device) >= self.dropped[name])
            parts.append(part)
            present.append(there)
        there = torch.stack(present, 1)  # (items, m)
        fused = self.fusion(torch.stack(parts, 1), there)  # (items, d)
        return Phones(fused.vector, self._bias(items, there), fused.weights)

    def _part(self, name: str, items: Items) -> tuple[Tensor, Tensor]:
        """One modality's `(items, d)` and `(items,) bool`."""
        if name == FACTS:
            return self._facts(items), torch.ones_like(items.identity, dtype=torch.bool)
        if name == IDENTITY:
            return self.identity(items.identity.clamp(min=0)), items.identity >= 0
        return self._entry(name)(items.content[name]), items.present[name]

    def _facts(self, items: Items) -> Tensor:
        """Price and brand: powers of the log price let a user's vector hold the price they want to pay."""
        unknown = items.price.isnan()
        z = ((items.price - self.price_mean) / self.price_scale).masked_fill(unknown, 0.0)
        powers = torch.stack([*(z**power for power in range(1, PRICE_POWERS + 1)), unknown.float()], 1)
        facts: Tensor = self.price(powers) + self.brand(items.brand)
        return facts

    def _bias(self, items: Items, there: Tensor) -> Tensor:
        if IDENTITY not in self.names:
            return torch.zeros_like(items.price)
        own: Tensor = self.bias(items.identity.clamp(min=0)).squeeze(-1)
        return own * there[:, self.names.index(IDENTITY)]

    def _entry(self, name: str) -> Entry:
        entry = self.enter[name]
        assert isinstance(entry, Entry)
        return entry
