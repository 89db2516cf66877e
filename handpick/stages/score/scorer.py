"""What scores tonight's users: any model in factored form, that can say where its scores come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from models.data import Dataset, FloatArray, IntArray, StringArray
from models.interface import Factors


class Scorer(Protocol):
    """The champion."""

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Scores of these users for the whole catalogue, in factored form."""
        ...

    def source(self, data: Dataset, users: IntArray) -> StringArray:
        """`(len(users),)`: the members that these users' scores are made of, joined by `+`; empty where none can."""
        ...

    def item_vectors(self, data: Dataset) -> FloatArray:
        """`(items, d) float32`: phones that people would call alike have a high cosine."""
        ...


def blocks(users: IntArray, size: int) -> Iterator[IntArray]:
    """The users in their order, so many at a time."""
    for start in range(0, len(users), size):
        yield users[start : start + size]
