"""What every recommender is: something fitted on a dataset that scores any user against any item by an inner product."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol, Self, runtime_checkable

from models.data import Dataset, FloatArray, IntArray


class Factors(NamedTuple):
    """Scores in factored form: `score(u, i) = users[u] · items[i]`.

    Every member of the family can be written so (an item-item model has the user's interaction row on one side and
    the item-item matrix on the other), which lets one exact top-N serve them all and any weighted sum of them.

    Args:
        users: `(users asked for, d) float32`.
        items: `(items, d) float32`, rows in the order of `Dataset.catalogue`.
    """

    users: FloatArray
    items: FloatArray


@runtime_checkable
class Recommender(Protocol):
    """A member of the family.

    `fit` learns from `data`; `factors` and `score` use what was learned on another (usually later) dataset, matching
    items by id, so that new phones and new users need no refit (a member that cannot score them gives 0).
    """

    name: str

    def fit(self, data: Dataset, seed: int) -> Self:
        """Learn from the dataset; the same data and seed give the same model."""
        ...

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Scores of these users (indices into `data.users`) for the whole catalogue, in factored form."""
        ...

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`, higher is better."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model (safetensors and JSON, no pickles)."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        ...
