"""Activity segments: for whom one set of blend weights holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.data import Dataset, IntArray, StringArray

ASKED = "query_only"


def segments(data: Dataset, users: IntArray, bounds: Sequence[int]) -> StringArray:
    """`(users,)`: `query_only` for users who only asked, else `events_1_4`, `events_5_up` ... by positive events.

    Args:
        data: What is known at the moment of scoring.
        users: Indices into `data.users`.
        bounds: Lower ends of the segments, ascending, the first 0.
    """
    counts = np.bincount(data.interactions.positive().user, minlength=len(data.users))[users]
    names = np.array(segment_names(bounds))
    found = np.searchsorted(np.asarray(bounds), counts, side="right") - 1
    only_asked = (counts == 0) & np.isin(users, data.queries.user)
    return np.where(only_asked, ASKED, names[1:][found])


def segment_names(bounds: Sequence[int]) -> list[str]:
    """All segments, in a fixed order."""
    names = [ASKED]
    for low, above in zip(bounds, [*bounds[1:], None], strict=True):
        if above is None:
            names.append(f"events_{low}_up")
        else:
            names.append(f"events_{low}" if above == low + 1 else f"events_{low}_{above - 1}")
    return names
