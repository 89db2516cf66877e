"""Base class of the family's members: matching of ids, preferences from events, and storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy import sparse

from models.config import MemberConfig
from models.dataset import DAY_SECONDS, Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors

Arrays = dict[str, NDArray[np.generic]]
"""Learned arrays by the name under which they are saved."""


def find_positions(known: StringArray, requested: StringArray) -> IntArray:
    """Find the index of each requested id among the known ones.

    Args:
        known: Sorted ids.
        requested: Ids to look up.

    Returns:
        `(requested,) int64`, -1 where an id is not known.
    """
    if not len(known):
        return np.full(len(requested), -1, np.int64)
    found = np.minimum(np.searchsorted(known, requested), len(known) - 1)
    return np.where(known[found] == requested, found, -1).astype(np.int64)


def build_preferences(
    data: Dataset, users: IntArray, item_ids: StringArray, half_life_days: float | None
) -> sparse.csr_matrix:
    """Build the matrix of how strongly users prefer items, from their events.

    An entry is `log(1 + sum of weights)`, each weight halved for every half-life between the event and
    `data.as_of`; a user's repeated views count, but less and less.

    Args:
        data: Events with their weights.
        users: Indices into `data.users`, the rows.
        item_ids: Sorted ids of the columns; events on other items are left out.
        half_life_days: Age at which an event counts half; None counts all equally.

    Returns:
        `(len(users), len(item_ids)) float32`.
    """
    row_of = np.full(len(data.users), -1, np.int64)
    row_of[users] = np.arange(len(users))
    column_of = find_positions(item_ids, data.catalogue.item_ids)
    events = data.interactions
    rows, columns = row_of[events.user], column_of[events.item]
    keep = (rows >= 0) & (columns >= 0) & (events.weight > 0)
    weights = events.weight[keep].astype(np.float64)
    if half_life_days is not None:
        weights *= 0.5 ** ((data.as_of - events.at[keep]) / (half_life_days * DAY_SECONDS))
    matrix = sparse.csr_matrix((weights, (rows[keep], columns[keep])), shape=(len(users), len(item_ids)))
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data)
    return matrix.astype(np.float32)


def normalise_sparse_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Scale the rows to length 1; empty rows stay empty."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-12)) @ matrix).tocsr().astype(np.float32)


class Member:
    """A recommender that learns arrays about known items, and scores any user by their history.

    Subclasses define what is learned (`learn`) and how histories become factors over the known items
    (`known_factors`).

    Args:
        config: Settings; by default those of `settings_class`.
    """

    name: str = ""
    settings_class: ClassVar[type[MemberConfig]] = MemberConfig

    def __init__(self, config: MemberConfig | None = None) -> None:
        self.config = config or self.settings_class()
        self.item_ids: StringArray = np.empty(0, dtype="U1")
        self.arrays: Arrays = {}

    def describe_size_limit(self, data: Dataset) -> str:  # noqa: ARG002
        """Return why the data is too large for this member; empty where it is not."""
        return ""

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Learn arrays from the data, whose known items are `self.item_ids`."""
        raise NotImplementedError

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return factors with one item row for each of `self.item_ids`."""
        raise NotImplementedError

    def fit(self, data: Dataset, seed: int) -> Self:
        """Learn from everything in the data; the same data and seed give the same arrays.

        Items without a positive event are not known: they score 0 instead of what a model is initialised
        with.
        """
        liked = np.unique(data.interactions.positive().item)
        # A cached property of `GraphFilter`, made from arrays that were learned before.
        self.__dict__.pop("_kept", None)
        self.item_ids = data.catalogue.item_ids[liked]
        self.arrays = self.learn(data, seed)
        return self

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return factors for the data's whole catalogue; items that were not known at fitting score 0."""
        known = self.known_factors(data, users)
        place = find_positions(self.item_ids, data.catalogue.item_ids)
        items = np.where((place >= 0)[:, None], known.items[np.maximum(place, 0)], np.float32(0))
        return Factors(np.ascontiguousarray(known.users, np.float32), np.ascontiguousarray(items, np.float32))

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(len(users), items) float32` scores, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def top_n(self, data: Dataset, users: IntArray, n: int) -> IntArray:
        """Find each user's n best items: `(len(users), n)`, best first, equal scores by id.

        No item is excluded.
        """
        scores = self.score(data, users)
        return np.argsort(-scores, axis=1, kind="stable")[:, :n].astype(np.int64)

    def known_item_vectors(self) -> FloatArray:
        """Return `(len(self.item_ids), d)` vectors; items that the same users like have a high cosine."""
        raise NotImplementedError

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `known_item_vectors` for the data's catalogue, `(items, d)`; 0 for unknown items."""
        place = find_positions(self.item_ids, data.catalogue.item_ids)
        known = self.known_item_vectors()
        return np.where((place >= 0)[:, None], known[np.maximum(place, 0)], np.float32(0))

    def expand_to_catalogue(self, known: FloatArray, data: Dataset) -> FloatArray:
        """Rearrange scores of `self.item_ids` to the data's catalogue.

        Args:
            known: `(users, len(self.item_ids))`.
            data: Its catalogue decides the columns.

        Returns:
            `(users, items)`, 0 for items that are not known.
        """
        place = find_positions(self.item_ids, data.catalogue.item_ids)
        if np.array_equal(place, np.arange(known.shape[1])):
            return known
        return np.where(place >= 0, known[:, np.maximum(place, 0)], np.float32(0))

    def history(self, data: Dataset, users: IntArray) -> sparse.csr_matrix:
        """Return these users' preferences for the known items, with the member's own time decay."""
        return build_preferences(data, users, self.item_ids, self.config.half_life_days)

    def save(self, folder: Path) -> None:
        """Write `arrays.safetensors` and `member.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: np.ascontiguousarray(array) for name, array in sorted(self.arrays.items())}
        save_file(kept, folder / "arrays.safetensors")
        about = {"name": self.name, "config": self.config.model_dump(), "item_ids": self.item_ids.tolist()}
        (folder / "member.json").write_text(json.dumps(about, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a member that `save` wrote."""
        about = json.loads((folder / "member.json").read_text())
        member = cls(cls.settings_class.from_stored(about["config"]))
        member.name = about["name"]
        member.item_ids = np.array(about["item_ids"], dtype=str)
        member.arrays = dict(load_file(folder / "arrays.safetensors"))
        return member

    def array(self, name: str) -> FloatArray:
        """Return a learned array as float32."""
        return self.arrays[name].astype(np.float32, copy=False)
