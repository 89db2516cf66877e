"""Activity segments: groups of users who share one set of blend weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.dataset import Dataset, IntArray, StringArray

QUERY_ONLY = "query_only"
"""The segment of users who searched but have no positive event."""


def assign_segments(data: Dataset, users: IntArray, bounds: Sequence[int]) -> StringArray:
    """Assign users to segments: `query_only`, else `events_1_4`, `events_5_up` ... by their positive events.

    Args:
        data: Everything known at the time of scoring.
        users: Indices into `data.users`.
        bounds: Lower ends of the segments, ascending, the first 0.

    Returns:
        `(users,)` names.
    """
    counts = np.bincount(data.interactions.positive().user, minlength=len(data.users))[users]
    names = np.array(list_segments(bounds))
    found = np.searchsorted(np.asarray(bounds), counts, side="right") - 1
    is_query_only = (counts == 0) & np.isin(users, data.queries.user)
    return np.where(is_query_only, QUERY_ONLY, names[1:][found])


def list_segments(bounds: Sequence[int]) -> list[str]:
    """List the names of all segments, `query_only` first, then by number of events."""
    names = [QUERY_ONLY]
    for low, above in zip(bounds, [*bounds[1:], None], strict=True):
        if above is None:
            names.append(f"events_{low}_up")
        else:
            names.append(f"events_{low}" if above == low + 1 else f"events_{low}_{above - 1}")
    return names
