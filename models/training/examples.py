"""The training examples of a dataset: a user at a midnight, and the phones that they chose on the day after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data import Dataset, FloatArray, IntArray
from models.network.user_sequences import DAY, DAYS, IMPRESSION, PHONES, strongest


@dataclass(frozen=True)
class Questions:
    """What the model is asked in training, and the right answers; sorted by user, then day.

    Args:
        user: `(n,)`.
        at: `(n,)` the midnight at which it is asked, seconds since 1970 UTC.
        row: `(n,)` interaction whose `Dataset.context` tells the user's features at that time, -1 for none.
        answer_start: `(n + 1,)` where each question's answers begin.
        answer: `(answers,)` phones chosen on that day.
        weight: `(answers,) float32`.
        shown_start: `(n + 1,)` where each question's impressions begin.
        shown: `(shown,)` phones that were shown on that day.
        opened: `(shown,) float32` 1 where such a phone was chosen on that day.
    """

    user: IntArray
    at: IntArray
    row: IntArray
    answer_start: IntArray
    answer: IntArray
    weight: FloatArray
    shown_start: IntArray
    shown: IntArray
    opened: FloatArray

    def __len__(self) -> int:
        return len(self.user)


def questions(data: Dataset, half_life_days: float | None) -> Questions:
    """A question for every user and day on which they chose something.

    Args:
        half_life_days: Age at which an answer counts half; none counts all alike.
    """
    events = data.interactions
    rows = strongest(data)
    rows = rows[events.weight[rows] > 0]
    keys = events.user[rows] * DAYS + events.at[rows] // DAY
    unique, first = np.unique(keys, return_index=True)
    user, day = unique // DAYS, unique % DAYS
    age = (data.as_of - events.at[rows]) / DAY
    weight = np.ones(len(rows)) if half_life_days is None else 0.5 ** (age / half_life_days)
    shown = np.flatnonzero(events.event_type == IMPRESSION)
    shown_keys = events.user[shown] * DAYS + events.at[shown] // DAY
    asked = np.isin(shown_keys, unique)
    shown, shown_keys = shown[asked], shown_keys[asked]
    pairs = np.unique(np.column_stack([shown_keys, events.item[shown]]), axis=0)
    chosen = keys * PHONES + events.item[rows]
    return Questions(
        user=user,
        at=day * DAY,
        row=rows[first],
        answer_start=np.append(first, len(rows)).astype(np.int64),
        answer=events.item[rows],
        weight=weight.astype(np.float32),
        shown_start=np.append(np.searchsorted(pairs[:, 0], unique), len(pairs)).astype(np.int64),
        shown=pairs[:, 1],
        opened=np.isin(pairs[:, 0] * PHONES + pairs[:, 1], chosen).astype(np.float32),
    )
