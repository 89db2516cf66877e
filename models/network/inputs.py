"""A dataset as the network's tensors: phones, queries and profiles, matched to the network by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401
from models.collaborative.base import positions
from models.data import Dataset, FloatArray, IntArray, Modality, StringArray
from models.network.data_signature import SPACE_OF, Signature


@dataclass(frozen=True)
class Items:
    """What is known about the phones' content.

    Args:
        content: By modality `(items, width)`, zeros where missing.
        present: By modality `(items,) bool`.
        price: `(items,)` logarithm of the price, NaN where unknown.
        brand: `(items,)` row in the brand vocabulary.
        identity: `(items,)` row of the identity embedding, -1 for phones that had no event in training.
    """

    content: dict[str, Tensor]
    present: dict[str, Tensor]
    price: Tensor
    brand: Tensor
    identity: Tensor

    def to(self, device: torch.device) -> Items:
        """The same on another device."""
        return Items(
            {name: part.to(device) for name, part in self.content.items()},
            {name: part.to(device) for name, part in self.present.items()},
            self.price.to(device),
            self.brand.to(device),
            self.identity.to(device),
        )

    def take(self, rows: Tensor) -> Items:
        """Some of the phones."""
        return Items(
            {name: part[rows] for name, part in self.content.items()},
            {name: part[rows] for name, part in self.present.items()},
            self.price[rows],
            self.brand[rows],
            self.identity[rows],
        )


def items_of(data: Dataset, signature: Signature) -> Items:
    """The catalogue's content as a network with this signature takes it."""
    catalogue = data.catalogue
    content, present = {}, {}
    for name, (width, _) in signature.items.items():
        values, there = _padded(catalogue.modalities.get(name), len(catalogue), width)
        content[name], present[name] = values, there
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.log(catalogue.price)
    return Items(
        content,
        present,
        torch.from_numpy(np.where(np.isfinite(price), price, np.nan).astype(np.float32)),
        words(signature.brands, catalogue.brand),
        torch.from_numpy(positions(np.array(signature.item_ids, dtype=str), catalogue.item_ids)),
    )


@dataclass(frozen=True)
class Asked:
    """What is known about queries: by modality `(queries, width)` and `(queries,) bool`."""

    content: dict[str, Tensor]
    present: dict[str, Tensor]

    def to(self, device: torch.device) -> Asked:
        """The same on another device."""
        return Asked(
            {name: part.to(device) for name, part in self.content.items()},
            {name: part.to(device) for name, part in self.present.items()},
        )


def asked_of(data: Dataset, signature: Signature) -> Asked:
    """The queries' content; a last row that is nobody's stands for "no query"."""
    content, present = {}, {}
    for name, (width, _) in signature.queries.items():
        values, there = _padded(data.queries.modalities.get(name), len(data.queries), width)
        content[name] = torch.cat([values, torch.zeros(1, width)])
        present[name] = torch.cat([there, torch.zeros(1, dtype=torch.bool)])
    return Asked(content, present)


@dataclass(frozen=True)
class Profiles:
    """Who the askers are.

    Args:
        features: `(n, f)`, NaN where unknown.
        country, locale: `(n,)` rows in the vocabularies.
    """

    features: Tensor
    country: Tensor
    locale: Tensor

    def to(self, device: torch.device) -> Profiles:
        """The same on another device."""
        return Profiles(self.features.to(device), self.country.to(device), self.locale.to(device))


def profiles_of(data: Dataset, signature: Signature, users: IntArray, features: FloatArray) -> Profiles:
    """The profiles of these users with their features at the moment of asking."""
    return Profiles(
        torch.from_numpy(np.ascontiguousarray(features, np.float32)),
        words(signature.countries, data.users.country[users]),
        words(signature.locales, data.users.locale[users]),
    )


def words(vocabulary: tuple[str, ...], values: StringArray) -> Tensor:
    """`(n,) int64`: one more than the place in the vocabulary, 0 for what is not in it."""
    return torch.from_numpy(positions(np.array(vocabulary, dtype=str), values) + 1)


def queries_share_space(signature: Signature, name: str) -> bool:
    """Whether a query modality's vectors lie in the space of a modality of the phones."""
    space = signature.items.get(SPACE_OF[name])
    return space is not None and space[0] == signature.queries[name][0]


def _padded(modality: Modality | None, rows: int, width: int) -> tuple[Tensor, Tensor]:
    """Vectors and mask, all missing where the data has no such modality (or none of this width)."""
    if modality is None or modality.values.shape[1] != width:
        return torch.zeros(rows, width), torch.zeros(rows, dtype=torch.bool)
    return torch.from_numpy(modality.values), torch.from_numpy(modality.present)
