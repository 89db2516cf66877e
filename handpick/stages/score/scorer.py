"""The interface of the model that scores the night's users: factors, and names of the members used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from models.dataset import Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors


class Scorer(Protocol):
    """A model in factored form that can name its members; the champion, or a test's model."""

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return these users' scores for the whole catalogue in factored form."""
        ...

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:
        """Name the members behind each user's scores, joined by `+`: `(len(users),)`.

        Empty where no member can score a user.
        """
        ...

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `(items, d) float32` vectors; similar phones have a high cosine."""
        ...


def split_into_blocks(users: IntArray, size: int) -> Iterator[IntArray]:
    """Yield the users in their order, `size` at a time."""
    for start in range(0, len(users), size):
        yield users[start : start + size]
