"""What is true of a phone at one moment only: how long it has been out, and how much it was chosen of late.

Both change every night and are the same for everybody, but how much they matter is a person's own: the score has a
term `w(u) · φ(i, t)`, which stays an inner product on any one night.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data import Dataset, FloatArray, IntArray
from models.network.user_sequences import DAY

AGES = (0.0, 3.0, 7.0, 14.0, 28.0, 60.0, 180.0, 720.0)
"""Days since release at which the age has a hat of its own; between two of them it has a share of both."""
HALF_LIVES = (3.0, 14.0)
"""Days at which a choice counts half in the two measures of popularity."""
WIDTH = len(AGES) + len(HALF_LIVES)


@dataclass(frozen=True)
class Moments:
    """`φ` for any day of a dataset.

    Args:
        first_day: Days since 1970 of the first row.
        popularity: `(days, half lives, items) float32`, `log(1 + share of choices x items)` before each midnight.
        released_at: `(items,)` seconds since 1970 UTC.
    """

    first_day: int
    popularity: FloatArray
    released_at: IntArray

    def at(self, moments: IntArray, items: IntArray | None = None) -> FloatArray:
        """`(n, items, WIDTH)`: what is true of phones (all, unless told which) at these midnights."""
        rows = slice(None) if items is None else items
        ages = np.maximum(moments[:, None] - self.released_at[rows], 0) / DAY  # (n, items)
        day = np.clip(moments // DAY - self.first_day, 0, len(self.popularity) - 1)
        chosen = self.popularity[day][:, :, rows].transpose(0, 2, 1)  # (n, items, half lives)
        return np.concatenate([hats(ages), chosen], axis=2).astype(np.float32)


def moments_of(data: Dataset) -> Moments:
    """Count the choices of a dataset by day, from its first event to the midnight at its end."""
    events = data.interactions.positive()
    last = data.as_of // DAY
    first = int(events.at.min() // DAY) if len(events) else last
    items = len(data.catalogue)
    counts = np.zeros((last - first + 1, items), np.float64)
    np.add.at(counts, (events.at // DAY - first, events.item), 1.0)
    popularity = np.zeros((last - first + 1, len(HALF_LIVES), items), np.float32)
    for place, half_life in enumerate(HALF_LIVES):
        fade, total = 0.5 ** (1 / half_life), np.zeros(items)
        for day in range(len(counts)):
            share = total / max(total.sum(), 1.0)
            popularity[day, place] = np.log1p(share * items)
            total = total * fade + counts[day]
    return Moments(first, popularity, data.catalogue.released_at)


def hats(days: FloatArray) -> FloatArray:
    """`(..., len(AGES))`: piecewise linear in `log(1 + days)`, summing to 1 (a B-spline basis of degree 1)."""
    knots = np.log1p(AGES)
    x = np.clip(np.log1p(days), knots[0], knots[-1])[..., None]
    rising = np.clip((x[..., 0, None] - knots[:-1]) / np.diff(knots), 0, 1)  # (..., len(AGES) - 1)
    ones, zeros = np.ones((*days.shape, 1)), np.zeros((*days.shape, 1))
    return np.asarray(np.concatenate([ones, rising], -1) - np.concatenate([rising, zeros], -1), np.float32)
