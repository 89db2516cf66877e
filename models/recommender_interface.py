"""The interface of every recommender: fitted on a dataset, it scores by inner products of factors."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol, Self, runtime_checkable

from models.dataset import Dataset, FloatArray, IntArray


class Factors(NamedTuple):
    """Scores in factored form: `score(u, i) = users[u] · items[i]`.

    Every member of the family has this form (an item-item model has the user's interaction row on one side
    and the item-item matrix on the other), so that one exact top-N serves all of them and any weighted sum of
    them.

    Args:
        users: `(requested users, d) float32`.
        items: `(items, d) float32`, rows in the order of `Dataset.catalogue`.
    """

    users: FloatArray
    items: FloatArray


@runtime_checkable
class Recommender(Protocol):
    """A recommendation model.

    `fit` learns from a dataset; `factors` and `score` apply what was learned to another (usually later)
    dataset, matching items by id, so that new items and new users need no refit (a model that cannot score
    them returns 0).
    """

    name: str

    def fit(self, data: Dataset, seed: int) -> Self:
        """Learn from the dataset; the same data and seed give the same model."""
        ...

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return these users' scores for the whole catalogue in factored form.

        `users` are indices into `data.users`.
        """
        ...

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(len(users), items) float32` scores, higher is better."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model (safetensors and JSON, no pickles)."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a model that `save` wrote."""
        ...
