"""Off-policy estimates: which click rate a model's lists would have had, from the log of impressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handpick.stages.evaluate.impressions import ImpressionLog
from handpick.stages.evaluate.model_comparison import ModelLists
from models.dataset import Dataset, IntArray
from models.evaluation.bootstrap import Interval, bootstrap_intervals
from models.evaluation.off_policy import (
    estimate_propensity,
    estimate_snips,
    find_clicks,
    fit_examination_curve,
)
from models.evaluation.split import EvaluationSplit

SLATE_POSITIONS = 8.0
"""Positions of a slate on the shop's site, whose impressions come from no published list; scales their
propensities."""
LAST_POSITION = 100
"""Positions from this one on count as this one."""

Doubles = NDArray[np.float64]


class OffPolicyLog(NamedTuple):
    """What the test split's users were shown in its window.

    Args:
        user_row: `(impressions,)` the user's row in the split.
        item: `(impressions,)` the item shown.
        position: `(impressions,)` its position, from 0.
        reward: `(impressions,)` 1 where it was clicked.
        propensity: `(impressions,)` probability of being shown.
        examination: `(LAST_POSITION,)` examination curve: how often each position is looked at, relative to
            the first.
    """

    user_row: IntArray
    item: IntArray
    position: IntArray
    reward: Doubles
    propensity: Doubles
    examination: Doubles


def build_off_policy_log(
    log: ImpressionLog, test: EvaluationSplit, data: Dataset, exponent: float
) -> OffPolicyLog:
    """Return the impressions of the test window as the estimator takes them.

    The examination curve is fitted on the whole log, the validation window included.

    Args:
        log: All logged impressions.
        test: The test split.
        data: Everything known now, for what was clicked.
        exponent: Prior of the examination curve, `position ** -exponent` with positions from 1.
    """
    items = len(data.catalogue)
    prior = np.arange(1, LAST_POSITION + 1.0) ** -exponent
    place = np.clip(log.position, 0, LAST_POSITION - 1)
    reward = find_clicks(log.events, data.interactions, items).astype(np.float64)
    curve = fit_examination_curve(log.events.user * items + log.events.item, place, reward, prior)
    row_of = np.full(len(test.past.users), -1, np.int64)
    row_of[test.users] = np.arange(len(test.users))
    # Users outside the split have row -1 and are left out of the estimates, not of the curve.
    row = row_of[log.events.user]
    keep = (row >= 0) & (log.events.at >= test.past.as_of) & (log.events.at < data.as_of)
    item = log.events.item[keep]
    # Impressions from no published list: the propensity is estimated by how often the item was shown before.
    by_item = estimate_propensity(test.past.interactions, items, SLATE_POSITIONS)[item]
    listed = log.propensity[keep]
    propensity = np.where(np.isnan(listed), by_item, listed)
    return OffPolicyLog(row[keep], item, place[keep], reward[keep], propensity, curve)


def estimate_click_rates(
    entries: Mapping[str, ModelLists], impressions: OffPolicyLog, k: int, resamples: int, seed: int
) -> dict[str, dict[str, tuple[Interval, int]]]:
    """Estimate the click rate of each model's lists by self-normalised inverse propensity scoring (SNIPS).

    Args:
        entries: Lists by model.
        impressions: What was shown and clicked.
        k: Length of the lists.
        resamples: Bootstrap resamples of the interval.
        seed: Seed of the bootstrap.

    Returns:
        For each model of which at least one listed item was shown, the metrics `snips_click_rate` (click rate
        of what it lists, positions weighted by the examination curve), `shown_click_rate` (uncorrected, over
        what it lists among what was shown) and `snips_showings` (the effective sample size of the first),
        each with the number of users behind it.
    """
    made = {}
    for name, entry in entries.items():
        hit = entry.lists[impressions.user_row, :k] == impressions.item[:, None]
        listed = hit.any(axis=1)
        if not listed.any():
            continue
        rank = np.minimum(hit.argmax(axis=1), LAST_POSITION - 1)
        # The target policy shows what it lists with certainty, and is examined as the curve says at its own
        # rank.
        target = np.where(listed, impressions.examination[rank], 0.0)
        estimate = estimate_snips(
            impressions.reward, impressions.propensity, target, impressions.examination[impressions.position]
        )
        # The estimate is a ratio of means: the delta method gives one number per user, which can be
        # bootstrapped.
        influence = estimate.compute_influence(impressions.user_row)
        users = len(influence)
        bounds = bootstrap_intervals(influence[:, None], resamples, seed)[0]
        naive, effective = float(impressions.reward[listed].mean()), estimate.effective_impressions
        made[name] = {
            "snips_click_rate": (bounds, users),
            "shown_click_rate": (Interval(naive, np.nan, np.nan), users),
            "snips_showings": (Interval(effective, np.nan, np.nan), users),
        }
    return made
