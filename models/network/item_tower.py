"""The item tower: one vector for every phone, from whichever of its modalities exist."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.fusion.factory import build_fusion
from models.network.byte_dropout import ByteDropout
from models.network.data_signature import DataSignature
from models.network.inputs import ItemInputs

FACTS, IDENTITY = "facts", "identity"
PRICE_POWERS = 3
"""Powers of the standardised log price that are features of a phone."""


class ItemOutput(NamedTuple):
    """The item tower's output.

    Args:
        vectors: `(items, dim)`.
        bias: `(items,)`, 0 for phones without an identity.
        weights: `(items, modalities)` how much each modality contributes to each vector.
    """

    vectors: Tensor
    bias: Tensor
    weights: Tensor


class InputProjection(nn.Module):
    """An encoder's vectors, centred and scaled as in training, then projected to the network's width.

    The centre is the mean phone: texts of one shop are all alike, and phones differ by their distance from
    that mean.

    Args:
        width: Width of the encoder's vectors.
        dim: Width of the network.
        dropout: Share of the encoder's numbers dropped in training.
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
        """Set the centre and the scale of the vectors.

        A centred vector `(width,)` divided by the scale has a length of about `sqrt(width)`.
        """
        if len(vectors):
            self.mean.copy_(vectors.mean(0))
            self.scale.copy_((vectors - self.mean).square().mean().sqrt().clamp(min=1e-6))

    def standardise(self, vectors: Tensor, mean: Tensor | None = None) -> Tensor:
        """Return the vectors less a mean (the calibrated one where None), in units of their spread."""
        return (vectors - (self.mean if mean is None else mean)) / self.scale

    def forward(self, vectors: Tensor, mean: Tensor | None = None) -> Tensor:
        """Return `(..., dim)` from `(..., width)`; `mean` as in `standardise`."""
        projected: Tensor = self.project(self.standardise(vectors, mean))
        return projected


class ItemTower(nn.Module):
    """Content encoders' vectors, price and brand, and an identity embedding, fused.

    In training the identity is dropped at random, phone by phone, so that a phone without history is scored
    well by its content; the other modalities too, more rarely, so that a phone without a picture still gets a
    useful vector.
    """

    price_mean: Tensor
    price_scale: Tensor

    def __init__(self, signature: DataSignature, config: FusionConfig) -> None:
        super().__init__()
        dim = config.dim
        self.content_names = tuple(name for name in signature.items if name not in config.without)
        self.modality_names = (
            *self.content_names,
            *(name for name in (FACTS, IDENTITY) if name not in config.without),
        )
        self.dropout_by_modality = dict.fromkeys(self.modality_names, config.modality_dropout)
        self.dropout_by_modality[IDENTITY] = config.identity_dropout
        self.enter = nn.ModuleDict(
            {
                name: InputProjection(signature.items[name][0], dim, config.input_dropout)
                for name in self.content_names
            }
        )
        self.price = nn.Linear(PRICE_POWERS + 1, dim)
        self.brand = nn.Embedding(len(signature.brands) + 1, dim)
        # an embedding needs a row even where no phone has an identity
        self.identity = nn.Embedding(max(len(signature.item_ids), 1), dim)
        self.bias = nn.Embedding(max(len(signature.item_ids), 1), 1)
        self.fusion = build_fusion(config.inner, len(self.modality_names), dim)
        self.register_buffer("price_mean", torch.zeros(()))
        self.register_buffer("price_scale", torch.ones(()))
        nn.init.normal_(self.brand.weight, std=0.1)
        nn.init.normal_(self.identity.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    @torch.no_grad()
    def calibrate(self, items: ItemInputs) -> None:
        """Set centres and scales of the content and of the price."""
        for name in self.content_names:
            self._get_projection(name).calibrate(items.content[name][items.present[name]])
        known = items.price[~items.price.isnan()]
        if len(known) > 1:
            self.price_mean.copy_(known.mean())
            self.price_scale.copy_(known.std().clamp(min=1e-3))

    @torch.no_grad()
    def initialise_identities(self, identities: Tensor) -> None:
        """Set the identity embedding to `(phones with an identity, dim)` vectors, where the tower has one."""
        if IDENTITY in self.modality_names:
            self.identity.weight.copy_(identities)

    def forward(self, items: ItemInputs) -> ItemOutput:
        """Return the vectors of all phones."""
        parts, masks = [], []
        for name in self.modality_names:
            part, is_present = self._encode_part(name, items)  # (items, d), (items,)
            dropout = self.dropout_by_modality[name]
            if self.training and dropout:
                is_present = is_present & (torch.rand(len(is_present), device=is_present.device) >= dropout)
            parts.append(part)
            masks.append(is_present)
        present = torch.stack(masks, 1)  # (items, m)
        fused = self.fusion(torch.stack(parts, 1), present)  # (items, d) from (items, m, d)
        return ItemOutput(fused.vector, self._look_up_bias(items, present), fused.weights)

    def _encode_part(self, name: str, items: ItemInputs) -> tuple[Tensor, Tensor]:
        """Return one modality's `(items, d)` vectors and `(items,) bool` mask."""
        if name == FACTS:
            return self._encode_facts(items), torch.ones_like(items.identity, dtype=torch.bool)
        if name == IDENTITY:
            return self.identity(items.identity.clamp(min=0)), items.identity >= 0
        return self._get_projection(name)(items.content[name]), items.present[name]

    def _encode_facts(self, items: ItemInputs) -> Tensor:
        """Return `(items, d)` of price and brand.

        With powers of the log price, an inner product with a user's vector can have its maximum at a
        preferred price.
        """
        unknown = items.price.isnan()
        z = ((items.price - self.price_mean) / self.price_scale).masked_fill(unknown, 0.0)  # (items,)
        powers = torch.stack([*(z**power for power in range(1, PRICE_POWERS + 1)), unknown.float()], 1)
        facts: Tensor = self.price(powers) + self.brand(items.brand)
        return facts

    def _look_up_bias(self, items: ItemInputs, present: Tensor) -> Tensor:
        """Return `(items,)` the bias of each phone, 0 where its identity is unknown or dropped."""
        if IDENTITY not in self.modality_names:
            return torch.zeros_like(items.price)
        own: Tensor = self.bias(items.identity.clamp(min=0)).squeeze(-1)
        return own * present[:, self.modality_names.index(IDENTITY)]

    def _get_projection(self, name: str) -> InputProjection:
        """Return the projection of a content modality, typed."""
        projection = self.enter[name]
        assert isinstance(projection, InputProjection)
        return projection
