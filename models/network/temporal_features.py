"""Temporal features `φ(item, t)` of phones: time since release, and recent popularity.

Both change every night and are the same for all users, but how much they matter depends on the user: the
score has a term `w(u) · φ(i, t)`, which is an inner product on any one night.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dataset import DAY_SECONDS, Dataset, FloatArray, IntArray

AGES = (0.0, 3.0, 7.0, 14.0, 28.0, 60.0, 180.0, 720.0)
"""Days since release at the knots of the age features; an age between two knots is shared by both."""
HALF_LIVES = (3.0, 14.0)
"""Days after which a choice counts half, in the two measures of popularity."""
TEMPORAL_WIDTH = len(AGES) + len(HALF_LIVES)


@dataclass(frozen=True)
class TemporalFeatures:
    """`φ` for any day of a dataset.

    Args:
        first_day: Days since 1970 of the first row.
        popularity: `(days, half lives, items) float32`, `log(1 + share of choices x items)` before each
            midnight.
        released_at: `(items,)` seconds since 1970 UTC.
    """

    first_day: int
    popularity: FloatArray
    released_at: IntArray

    def compute_at(self, times: IntArray, items: IntArray | None = None) -> FloatArray:
        """Return `(n, items, TEMPORAL_WIDTH)` features at some midnights.

        Args:
            times: `(n,)` seconds since 1970 UTC.
            items: `(items,)` indices into the catalogue; all phones where None.
        """
        rows = slice(None) if items is None else items
        ages = np.maximum(times[:, None] - self.released_at[rows], 0) / DAY_SECONDS  # (n, items)
        day = np.clip(times // DAY_SECONDS - self.first_day, 0, len(self.popularity) - 1)
        popularity = self.popularity[day][:, :, rows].transpose(0, 2, 1)  # (n, items, half lives)
        return np.concatenate([interpolate_ages(ages), popularity], axis=2).astype(np.float32)


def build_temporal_features(data: Dataset) -> TemporalFeatures:
    """Count the choices of a dataset by day, from its first event to the midnight at its end."""
    events = data.interactions.positive()
    last = data.as_of // DAY_SECONDS
    first = int(events.at.min() // DAY_SECONDS) if len(events) else last
    items = len(data.catalogue)
    counts = np.zeros((last - first + 1, items), np.float64)
    np.add.at(counts, (events.at // DAY_SECONDS - first, events.item), 1.0)
    popularity = np.zeros((last - first + 1, len(HALF_LIVES), items), np.float32)
    for place, half_life in enumerate(HALF_LIVES):
        decay, total = 0.5 ** (1 / half_life), np.zeros(items)
        for day in range(len(counts)):
            # a day's row is read at its midnight, so its own choices are added after it is written
            share = total / max(total.sum(), 1.0)
            popularity[day, place] = np.log1p(share * items)
            total = total * decay + counts[day]
    return TemporalFeatures(first, popularity, data.catalogue.released_at)


def interpolate_ages(days: FloatArray) -> FloatArray:
    """Return `(..., len(AGES))` shares of each knot: piecewise linear in `log(1 + days)`, summing to 1.

    A B-spline basis of degree 1 (hat functions).

    Args:
        days: `(...)` since release, not negative.
    """
    knots = np.log1p(AGES)
    x = np.clip(np.log1p(days), knots[0], knots[-1])[..., None]
    rising = np.clip((x[..., 0, None] - knots[:-1]) / np.diff(knots), 0, 1)  # (..., len(AGES) - 1)
    ones, zeros = np.ones((*days.shape, 1)), np.zeros((*days.shape, 1))
    return np.asarray(np.concatenate([ones, rising], -1) - np.concatenate([rising, zeros], -1), np.float32)
