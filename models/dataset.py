"""The arrays that every model reads: catalogue, users, interactions and queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
StringArray: TypeAlias = NDArray[np.str_]

DAY_SECONDS = 86_400
"""Seconds of a day."""
EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")
"""Event types by code; `Interactions.event_type` holds indices into this tuple."""


class ModalitySource(Protocol):
    """The contents and the encoder behind a modality's vectors, both read lazily.

    Models that train encoders read them.
    """

    def content(self, key: str) -> Any:
        """Read the text, image or audio of a key as the encoder takes it; None if it is gone."""
        ...

    def encoder(self) -> Any:
        """Load the encoder that made the vectors, with a fresh copy of its weights.

        The result is a `models.encoders.interface.Encoder`.
        """
        ...


@dataclass(frozen=True)
class Modality:
    """One modality's vectors for n rows.

    Args:
        values: `(n, d) float32`; rows that are not present are zero.
        present: `(n,) bool`.
        fingerprint: Identifies the encoder that made the vectors; empty where that was not recorded.
        keys: `(n,) str` key of each row's content in its source, empty where there is none; None where keys
            were not kept.
        content_source: Where the contents and the encoder are read from; None where they cannot be.
    """

    values: FloatArray
    present: BoolArray
    fingerprint: str = ""
    keys: StringArray | None = None
    content_source: ModalitySource | None = None

    def take(self, rows: IntArray) -> Modality:
        """Return the modality of some rows, in their order."""
        keys = None if self.keys is None else self.keys[rows]
        return replace(self, values=self.values[rows], present=self.present[rows], keys=keys)

    def masked(self, kept: BoolArray) -> Modality:
        """Return the modality with the rows that are not kept marked as missing."""
        present = self.present & kept
        return replace(self, values=self.values * present[:, None], present=present)


@dataclass(frozen=True)
class Catalogue:
    """The items.

    Args:
        item_ids: `(items,) str`, sorted.
        modalities: `text`, `image`, `specs` (and any other), each with `items` rows.
        price: `(items,) float32` in one currency, NaN where unknown.
        brand: `(items,) str`, empty where unknown.
        released_at: `(items,) int64` seconds since 1970 UTC; where the date is unknown, the first time the
            item was seen.
        is_sellable: `(items,) bool`, in stock on the logical date.
        statistics: `(items, f) float32` numeric item features as of the logical date (popularity windows
            ...).
        statistic_names: Names of the columns of `statistics`.
    """

    item_ids: StringArray
    modalities: Mapping[str, Modality]
    price: FloatArray
    brand: StringArray
    released_at: IntArray
    is_sellable: BoolArray
    statistics: FloatArray
    statistic_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True)
class Users:
    """The users.

    Args:
        user_ids: `(users,) str`, sorted.
        features: `(users, f) float32` profile and activity features as of the logical date.
        feature_names: Names of the columns of `features`.
        country: `(users,) str`.
        locale: `(users,) str`.
        owned_item: `(users,) int64` index into the catalogue, -1 where unknown.
        signed_up_at: `(users,) int64` seconds since 1970 UTC.
        is_consented: `(users,) bool`.
    """

    user_ids: StringArray
    features: FloatArray
    feature_names: tuple[str, ...]
    country: StringArray
    locale: StringArray
    owned_item: IntArray
    signed_up_at: IntArray
    is_consented: BoolArray

    def __len__(self) -> int:
        return len(self.user_ids)


@dataclass(frozen=True)
class Interactions:
    """Events of users on items, sorted by user, then time, then event id.

    Args:
        user: `(n,) int64` index into `Users`.
        item: `(n,) int64` index into `Catalogue`.
        event_type: `(n,) int8` index into `EVENT_TYPES`.
        weight: `(n,) float32` strength of the preference that the event shows; 0 for impressions.
        at: `(n,) int64` seconds since 1970 UTC.
    """

    user: IntArray
    item: IntArray
    event_type: NDArray[np.int8]
    weight: FloatArray
    at: IntArray

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: BoolArray) -> Interactions:
        """Select the rows for which `keep` is True."""
        return Interactions(
            self.user[keep], self.item[keep], self.event_type[keep], self.weight[keep], self.at[keep]
        )

    def between(self, start: int, end: int) -> Interactions:
        """Select the rows with `start <= at < end`, seconds since 1970 UTC."""
        return self.where((self.at >= start) & (self.at < end))

    def positive(self) -> Interactions:
        """Select the rows that show a preference: events of any type with a positive weight."""
        return self.where(self.weight > 0)


@dataclass(frozen=True)
class Queries:
    """Search queries of users, sorted by user, then time, then query id.

    Args:
        user: `(n,) int64` index into `Users`.
        at: `(n,) int64` seconds since 1970 UTC.
        modalities: `text`, `image`, `audio`, each with n rows.
        query_ids: `(n,) str`.
        text: `(n,) str`, empty where the query had none; only for explanations shown to users.
    """

    user: IntArray
    at: IntArray
    modalities: Mapping[str, Modality]
    query_ids: StringArray
    text: StringArray

    def __len__(self) -> int:
        return len(self.user)

    def between(self, start: int, end: int) -> Queries:
        """Select the rows with `start <= at < end`, seconds since 1970 UTC."""
        rows = np.flatnonzero((self.at >= start) & (self.at < end))
        return Queries(
            self.user[rows],
            self.at[rows],
            {name: modality.take(rows) for name, modality in self.modalities.items()},
            self.query_ids[rows],
            self.text[rows],
        )


@dataclass(frozen=True)
class Dataset:
    """Everything that is known at one point in time.

    Args:
        catalogue: The items.
        users: The users.
        interactions: Their events.
        queries: Their search queries.
        as_of: Seconds since 1970 UTC; nothing in the data happened at or after it.
        context: Point-in-time user features, one row per row of `interactions` (`(n, f) float32`, the columns
            of `users.feature_names`), or None where they were not computed.
    """

    catalogue: Catalogue
    users: Users
    interactions: Interactions
    queries: Queries
    as_of: int
    context: FloatArray | None = field(default=None)

    def until(self, time: int) -> Dataset:
        """Return the data as it was known at an earlier time: without later events and queries.

        Item features are those of the logical date, and must not be read at an earlier time. User features
        become those of the user's last interaction before that time, where `context` has them, and NaN where
        there was none.

        Args:
            time: Seconds since 1970 UTC; rows at or after it are removed.
        """
        keep = self.interactions.at < time
        return replace(
            self,
            users=self.users if time >= self.as_of else self._users_at(keep),
            interactions=self.interactions.where(keep),
            queries=self.queries.between(np.iinfo(np.int64).min, time),
            as_of=min(self.as_of, time),
            context=None if self.context is None else self.context[keep],
        )

    def _users_at(self, known: BoolArray) -> Users:
        """Return the users with the features of their last interaction among the `known` ones."""
        features = np.full_like(self.users.features, np.nan)
        if self.context is not None:
            # Interactions are sorted by user, then time; of several writes to a row numpy keeps the last.
            rows = np.flatnonzero(known & ~np.isnan(self.context).all(axis=1))
            features[self.interactions.user[rows]] = self.context[rows]
        return replace(self.users, features=features)
