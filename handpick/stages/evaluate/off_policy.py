"""Figures of lists corrected for what was shown, and where: what would people have clicked?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handpick.stages.evaluate.impressions import Showings
from handpick.stages.evaluate.model_comparison import Entry
from models.data import Dataset, IntArray
from models.evaluation.bootstrap import Interval, intervals
from models.evaluation.exposure import clicked, looks, shown_propensity, snips
from models.evaluation.split import Exam

SLATE = 8.0
"""Places of a slate on the shop's site, where impressions come from no list of ours; scales their propensities."""
LAST_PLACE = 100
"""Places from this one on count as this one."""

Doubles = NDArray[np.float64]


class Exposed(NamedTuple):
    """What the exam's users were shown in its window.

    Args:
        row: `(shown,)` the user's row in the exam.
        item, place: `(shown,)`.
        reward: `(shown,)` 1 where it was clicked.
        propensity: `(shown,)` of being shown.
        curve: `(LAST_PLACE,)` how often each place is looked at, beside the first.
    """

    row: IntArray
    item: IntArray
    place: IntArray
    reward: Doubles
    propensity: Doubles
    curve: Doubles


def exposed(log: Showings, test: Exam, data: Dataset, exponent: float) -> Exposed:
    """The log as the estimator reads it.

    Args:
        log: All that is logged.
        test: The exam.
        data: Everything known now, for what was clicked.
        exponent: Places are taken to be looked at as `place ** -exponent`, until the log tells otherwise.
    """
    items = len(data.catalogue)
    prior = np.arange(1, LAST_PLACE + 1.0) ** -exponent
    place = np.clip(log.place, 0, LAST_PLACE - 1)
    reward = clicked(log.events, data.interactions, items).astype(np.float64)
    curve = looks(log.events.user * items + log.events.item, place, reward, prior)
    row_of = np.full(len(test.past.users), -1, np.int64)
    row_of[test.users] = np.arange(len(test.users))
    row = row_of[log.events.user]
    keep = (row >= 0) & (log.events.at >= test.past.as_of) & (log.events.at < data.as_of)
    item = log.events.item[keep]
    by_item = shown_propensity(test.past.interactions, items, SLATE)[item]
    listed = log.propensity[keep]
    propensity = np.where(np.isnan(listed), by_item, listed)
    return Exposed(row[keep], item, place[keep], reward[keep], propensity, curve)


def click_rates(
    entries: Mapping[str, Entry], seen: Exposed, k: int, resamples: int, seed: int
) -> dict[str, dict[str, tuple[Interval, int]]]:
    """For each entry, `snips_click_rate`, `shown_click_rate` and `snips_showings`, with the users behind each.

    The first is the click rate of what an entry lists when it is looked at, each place by how often it is; the second
    that of what it lists among what was shown, uncorrected; the third how many showings the first is worth.
    """
    made = {}
    for name, entry in entries.items():
        hit = entry.lists[seen.row, :k] == seen.item[:, None]
        listed = hit.any(axis=1)
        if not listed.any():
            continue
        rank = np.minimum(hit.argmax(axis=1), LAST_PLACE - 1)
        target = np.where(listed, seen.curve[rank], 0.0)
        estimate = snips(seen.reward, seen.propensity, target, seen.curve[seen.place])
        influence = estimate.influence(seen.row)
        users = len(influence)
        bounds = intervals(influence[:, None], resamples, seed)[0]
        naive, effective = float(seen.reward[listed].mean()), estimate.effective
        made[name] = {
            "snips_click_rate": (bounds, users),
            "shown_click_rate": (Interval(naive, np.nan, np.nan), users),
            "snips_showings": (Interval(effective, np.nan, np.nan), users),
        }
    return made
