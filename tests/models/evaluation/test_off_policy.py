"""Off-policy estimates recover the true click rates that a simulated logging policy hides from the naive mean."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.bootstrap import bootstrap_intervals
from models.evaluation.off_policy import (
    estimate_propensity,
    estimate_snips,
    find_clicks,
    fit_examination_curve,
)
from tests.models.collaborative.shop import shop

LOOKED_AT = np.array([1.0, 0.6, 0.4, 0.25])
"""How often each place is examined in the simulation."""


def simulated(
    users: int, nights: int, seed: int, items: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Simulate a policy that mostly puts what each user likes on top.

    Each night a user is shown four items: the policy samples them without replacement by a noisy estimate of appeal, and
    then sorts them by it, so that good items are shown more often, and further up.

    Returns:
        User, item, place, reward and propensity of each impression, and the true appeal `(users, items)`.
    """
    random = np.random.default_rng(seed)
    appeal = random.uniform(0.05, 0.9, (users, items))
    belief = appeal + 0.15 * random.standard_normal(appeal.shape)
    noise = random.gumbel(size=(nights, users, items))
    chosen = np.argsort(-(3 * belief + noise), axis=2)[:, :, :4]
    within = np.take_along_axis(np.broadcast_to(belief, noise.shape), chosen, axis=2)
    jitter = 0.3 * random.standard_normal(within.shape)
    slate = np.take_along_axis(chosen, np.argsort(-(within + jitter), axis=2), axis=2)
    # The probability of being on a slate, by sampling the policy very often.
    draws = np.argsort(-(3 * belief + random.gumbel(size=(2000, users, items))), axis=2)[:, :, :4]
    chance = np.zeros((users, items))
    for column in range(4):
        np.add.at(chance, (np.arange(users)[None, :], draws[:, :, column]), 1 / 2000)
    user = np.broadcast_to(np.arange(users)[None, :, None], slate.shape).ravel()
    item, place = slate.ravel(), np.broadcast_to(np.arange(4), slate.shape).ravel()
    reward = (random.random(len(user)) < LOOKED_AT[place] * appeal[user, item]).astype(float)
    return user, item, place, reward, chance[user, item], appeal


def test_snips_undoes_the_logging_policys_taste() -> None:
    """Item 0 is shown nine times as often as item 1, which is clicked more: the naive mean is wrong."""
    random = np.random.default_rng(9)
    propensity = np.array([0.9, 0.1])
    clicks = np.array([0.1, 0.5])
    shown = (random.random(40_000) < 0.1).astype(int)
    reward = (random.random(40_000) < clicks[shown]).astype(float)
    uniform = estimate_snips(reward, propensity[shown], np.full(40_000, 0.5))
    assert uniform.value == pytest.approx(0.3, abs=0.02)
    assert abs(reward.mean() - 0.3) > 0.1
    nothing = estimate_snips(reward, propensity[shown], np.zeros(40_000))
    assert (
        np.isnan(nothing.value)
        and nothing.effective_impressions == 0
        and not len(nothing.compute_influence(shown))
    )


def test_a_lists_click_rate_is_recovered_from_another_policys_slates() -> None:
    """The target lists the two items that the policy likes least: rarely shown, and low down."""
    user, item, place, reward, propensity, appeal = simulated(60, 400, seed=1)
    lists = np.argsort(appeal, axis=1)[:, :2]
    hit = lists[user] == item[:, None]
    listed, rank = hit.any(axis=1), hit.argmax(axis=1)
    truth = (LOOKED_AT[:2] * np.take_along_axis(appeal, lists, axis=1)).sum() / (LOOKED_AT[:2].sum() * 60)
    target = np.where(listed, LOOKED_AT[rank], 0.0)
    estimate = estimate_snips(reward, propensity, target, LOOKED_AT[place])
    assert estimate.value == pytest.approx(truth, rel=0.08)
    assert reward[listed].mean() < 0.6 * truth
    assert estimate_snips(reward, propensity, target).value < 0.7 * truth  # places alone make the difference
    assert 0 < estimate.effective_impressions < listed.sum()


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = []
    for seed in range(40):
        user, item, place, reward, propensity, appeal = simulated(40, 60, seed=seed)
        lists = np.argsort(-appeal, axis=1)[:, 2:4]
        hit = lists[user] == item[:, None]
        target = np.where(hit.any(axis=1), LOOKED_AT[hit.argmax(axis=1)], 0.0)
        estimate = estimate_snips(reward, propensity, target, LOOKED_AT[place])
        truth = (LOOKED_AT[:2] * np.take_along_axis(appeal, lists, axis=1)).sum() / (LOOKED_AT[:2].sum() * 40)
        bounds = bootstrap_intervals(estimate.compute_influence(user)[:, None], 300, seed)[0]
        assert bounds.value == pytest.approx(estimate.value)
        held.append(bounds.low <= truth <= bounds.high)
    assert np.mean(held) >= 0.85


def test_the_examination_curve_is_fitted_from_the_same_item_at_different_places() -> None:
    """The policy puts what is liked on top, so that click rates fall faster by place than examination does."""
    user, item, place, reward, _, _ = simulated(80, 300, seed=3)
    naive = np.bincount(place, reward) / np.bincount(place)
    found = fit_examination_curve(user * 6 + item, place, reward, np.ones(4))
    np.testing.assert_allclose(found, LOOKED_AT, atol=0.05)
    assert (naive / naive[0])[3] < 0.75 * LOOKED_AT[3]


def test_without_anything_at_two_places_the_curve_is_the_one_assumed() -> None:
    prior = np.array([1.0, 0.7, 0.5])
    place = np.repeat(np.arange(3), 200)
    reward = np.random.default_rng(0).integers(0, 2, 600).astype(float)
    np.testing.assert_allclose(fit_examination_curve(place, place, reward, prior), prior, atol=0.01)
    nothing = np.empty(0, np.int64)
    np.testing.assert_allclose(fit_examination_curve(nothing, nothing, np.empty(0), prior), prior)


def test_a_click_is_an_event_on_the_shown_item_soon_after() -> None:
    data = shop(users=4, items=6, events=3)
    events = data.interactions
    events = events.where(np.arange(len(events)) < 2)
    shown = events.where(np.array([True, True]))
    for delay, expected in ((0, True), (3000, True), (3700, False), (-10, False)):
        moved = type(events)(
            shown.user, shown.item, np.zeros(2, np.int8), np.zeros(2, np.float32), shown.at - delay
        )
        assert find_clicks(moved, events, 6).tolist() == [expected, expected], delay


def test_propensities_add_up_to_the_slots_of_a_slate() -> None:
    data = shop(users=10, items=20, events=5)
    events = data.interactions
    seen = type(events)(
        events.user, events.item, np.zeros(len(events), np.int8), events.weight * 0, events.at
    )
    assert estimate_propensity(seen, 20, slots=2).sum() == pytest.approx(2, rel=0.05)
