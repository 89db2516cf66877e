"""Training examples of a dataset: a user at a midnight, and as targets the phones chosen the day after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dataset import DAY_SECONDS, Dataset, FloatArray, IntArray
from models.network.user_sequences import IMPRESSION, select_strongest

DAY_LIMIT, ITEM_LIMIT = 1 << 16, 1 << 24
"""Bounds by which user, day and phone share a 64-bit number: days to the year 2149, 16 million phones."""


@dataclass(frozen=True)
class Examples:
    """Training examples, sorted by user, then day.

    Lists are made at midnight and shown on the day after, so the model is trained on midnights: from what was
    known before a day, predict what the user chose on it.

    Args:
        user: `(n,)` index into `Dataset.users`.
        at: `(n,)` the midnight before the day, seconds since 1970 UTC.
        context_row: `(n,)` interaction whose `Dataset.context` holds the user's features at that time.
        target_start: `(n + 1,)` where each example's targets begin.
        target_item: `(targets,)` phones chosen on that day.
        target_weight: `(targets,) float32`.
        impression_start: `(n + 1,)` where each example's impressions begin.
        impression_item: `(impressions,)` phones that were shown on that day.
        impression_opened: `(impressions,) float32` 1 where such a phone was chosen on that day.
    """

    user: IntArray
    at: IntArray
    context_row: IntArray
    target_start: IntArray
    target_item: IntArray
    target_weight: FloatArray
    impression_start: IntArray
    impression_item: IntArray
    impression_opened: FloatArray

    def __len__(self) -> int:
        return len(self.user)


def build_examples(data: Dataset, half_life_days: float | None) -> Examples:
    """Return one example for every user and day on which they chose something.

    Args:
        data: The dataset; all of its events are used.
        half_life_days: Age at which a target's weight is halved; None weighs all alike.
    """
    events = data.interactions
    rows = select_strongest(data)
    rows = rows[events.weight[rows] > 0]
    keys = events.user[rows] * DAY_LIMIT + events.at[rows] // DAY_SECONDS
    unique, first = np.unique(keys, return_index=True)
    user, day = unique // DAY_LIMIT, unique % DAY_LIMIT
    age = (data.as_of - events.at[rows]) / DAY_SECONDS
    weight = np.ones(len(rows)) if half_life_days is None else 0.5 ** (age / half_life_days)
    # impressions of days without a choice say nothing here: nobody opened any of them
    shown = np.flatnonzero(events.event_type == IMPRESSION)
    shown_keys = events.user[shown] * DAY_LIMIT + events.at[shown] // DAY_SECONDS
    has_example = np.isin(shown_keys, unique)
    shown, shown_keys = shown[has_example], shown_keys[has_example]
    pairs = np.unique(np.column_stack([shown_keys, events.item[shown]]), axis=0)
    chosen = keys * ITEM_LIMIT + events.item[rows]
    return Examples(
        user=user,
        at=day * DAY_SECONDS,
        context_row=rows[first],
        target_start=np.append(first, len(rows)).astype(np.int64),
        target_item=events.item[rows],
        target_weight=weight.astype(np.float32),
        impression_start=np.append(np.searchsorted(pairs[:, 0], unique), len(pairs)).astype(np.int64),
        impression_item=pairs[:, 1],
        impression_opened=np.isin(pairs[:, 0] * ITEM_LIMIT + pairs[:, 1], chosen).astype(np.float32),
    )
