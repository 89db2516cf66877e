"""A dataset's phones, queries and user profiles as tensors, matched to the network's signature by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401
from models.collaborative.base import find_positions
from models.dataset import Dataset, FloatArray, IntArray, Modality, StringArray
from models.network.data_signature import ITEM_SPACE_OF_QUERY, DataSignature


@dataclass(frozen=True)
class ItemInputs:
    """Inputs of the item tower: the phones' content and identities.

    Args:
        content: Vectors by modality, `(items, width) float32`, zeros where missing.
        present: Mask by modality, `(items,) bool`.
        price: `(items,)` logarithm of the price, NaN where unknown.
        brand: `(items,)` row in the brand vocabulary.
        identity: `(items,)` row of the identity embedding, -1 for phones that had no event in training.
    """

    content: dict[str, Tensor]
    present: dict[str, Tensor]
    price: Tensor
    brand: Tensor
    identity: Tensor

    def to(self, device: torch.device) -> ItemInputs:
        """Return a copy on another device."""
        return ItemInputs(
            {name: part.to(device) for name, part in self.content.items()},
            {name: part.to(device) for name, part in self.present.items()},
            self.price.to(device),
            self.brand.to(device),
            self.identity.to(device),
        )

    def take(self, rows: Tensor) -> ItemInputs:
        """Return the inputs of some of the phones."""
        return ItemInputs(
            {name: part[rows] for name, part in self.content.items()},
            {name: part[rows] for name, part in self.present.items()},
            self.price[rows],
            self.brand[rows],
            self.identity[rows],
        )


def build_item_inputs(data: Dataset, signature: DataSignature) -> ItemInputs:
    """Return the catalogue's content in the shape that a network with this signature takes."""
    catalogue = data.catalogue
    content, present = {}, {}
    for name, (width, _) in signature.items.items():
        content[name], present[name] = _pad_modality(catalogue.modalities.get(name), len(catalogue), width)
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.log(catalogue.price)
    return ItemInputs(
        content,
        present,
        # a price of 0 has no logarithm and counts as unknown
        torch.from_numpy(np.where(np.isfinite(price), price, np.nan).astype(np.float32)),
        look_up_words(signature.brands, catalogue.brand),
        torch.from_numpy(find_positions(np.array(signature.item_ids, dtype=str), catalogue.item_ids)),
    )


@dataclass(frozen=True)
class QueryInputs:
    """Inputs for queries: the content of every query of the data.

    Args:
        content: Vectors by modality, `(queries + 1, width) float32`, zeros where missing; the last row stands
            for "no query".
        present: Mask by modality, `(queries + 1,) bool`.
    """

    content: dict[str, Tensor]
    present: dict[str, Tensor]

    def to(self, device: torch.device) -> QueryInputs:
        """Return a copy on another device."""
        return QueryInputs(
            {name: part.to(device) for name, part in self.content.items()},
            {name: part.to(device) for name, part in self.present.items()},
        )


def build_query_inputs(data: Dataset, signature: DataSignature) -> QueryInputs:
    """Return the queries' content, with one more row for "no query" at the end."""
    content, present = {}, {}
    for name, (width, _) in signature.queries.items():
        values, is_present = _pad_modality(data.queries.modalities.get(name), len(data.queries), width)
        content[name] = torch.cat([values, torch.zeros(1, width)])
        present[name] = torch.cat([is_present, torch.zeros(1, dtype=torch.bool)])
    return QueryInputs(content, present)


@dataclass(frozen=True)
class UserProfiles:
    """Profiles of the users of `n` examples.

    Args:
        features: `(n, f)`, NaN where unknown.
        country, locale: `(n,)` rows in the vocabularies.
    """

    features: Tensor
    country: Tensor
    locale: Tensor

    def to(self, device: torch.device) -> UserProfiles:
        """Return a copy on another device."""
        return UserProfiles(self.features.to(device), self.country.to(device), self.locale.to(device))


def build_user_profiles(
    data: Dataset, signature: DataSignature, users: IntArray, features: FloatArray
) -> UserProfiles:
    """Return the profiles of these users.

    Args:
        data: Dataset of the users.
        signature: Signature of the network.
        users: `(n,)` indices into `data.users`.
        features: `(n, f)` their features at the time of the example.
    """
    return UserProfiles(
        torch.from_numpy(np.ascontiguousarray(features, np.float32)),
        look_up_words(signature.countries, data.users.country[users]),
        look_up_words(signature.locales, data.users.locale[users]),
    )


def look_up_words(vocabulary: tuple[str, ...], values: StringArray) -> Tensor:
    """Return `(n,) int64` embedding rows: 1 + the place in the vocabulary, 0 for unknown words."""
    return torch.from_numpy(find_positions(np.array(vocabulary, dtype=str), values) + 1)


def shares_item_space(signature: DataSignature, name: str) -> bool:
    """Return whether a query modality's vectors lie in the vector space of one of the phones' modalities."""
    space = signature.items.get(ITEM_SPACE_OF_QUERY[name])
    return space is not None and space[0] == signature.queries[name][0]


def _pad_modality(modality: Modality | None, rows: int, width: int) -> tuple[Tensor, Tensor]:
    """Return vectors and mask, all missing where the data has no such modality (or none of this width)."""
    if modality is None or modality.values.shape[1] != width:
        return torch.zeros(rows, width), torch.zeros(rows, dtype=torch.bool)
    return torch.from_numpy(modality.values), torch.from_numpy(modality.present)
