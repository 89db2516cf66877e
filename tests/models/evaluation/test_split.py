"""The temporal split leaks nothing, and slices hold what their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.split import SLICES, EvaluationSplit, make_evaluation_split
from tests.models.collaborative.shop import DAY, DAYS, shop

START, END, TRAINED = (DAYS - 7) * DAY, DAYS * DAY, (DAYS - 14) * DAY


@pytest.fixture(scope="module")
def week() -> EvaluationSplit:
    return make_evaluation_split(shop(), START, END, trained_until=TRAINED, launch_days=14)


def test_nothing_at_or_after_the_start_is_visible(week: EvaluationSplit) -> None:
    assert week.past.interactions.at.max() < START
    assert week.past.queries.at.max() < START
    assert week.past.as_of == START


def test_a_future_event_cannot_change_what_models_see(week: EvaluationSplit) -> None:
    data = shop()
    late = data.interactions.at >= START
    changed = replace(
        data, interactions=replace(data.interactions, item=np.where(late, 0, data.interactions.item))
    )
    again = make_evaluation_split(changed, START, END, trained_until=TRAINED)
    assert np.array_equal(again.past.interactions.item, week.past.interactions.item)


def test_relevant_is_what_was_chosen_in_the_window_and_not_owned(week: EvaluationSplit) -> None:
    data = shop()
    window = data.interactions.between(START, END)
    for row in (0, 10, len(week.users) - 1):
        user = week.users[row]
        chosen = np.unique(window.item[(window.user == user) & (window.weight > 0)])
        owned = week.exclude[row].indices
        assert np.array_equal(
            week.relevant[row].indices, np.setdiff1d(chosen[week.candidates[chosen]], owned)
        )


def test_slices_hold_who_and_what_they_say(week: EvaluationSplit) -> None:
    assert tuple(week.slices) == SLICES
    seen_before = np.unique(week.past.interactions.user)
    has = {name: np.diff(matrix.indptr) > 0 for name, matrix in week.slices.items()}
    assert np.array_equal(has["warm"], np.isin(week.users, seen_before))
    assert np.array_equal(has["cold_user"], ~has["warm"]) and has["cold_user"].any()
    assert (has["query_only"] <= has["cold_user"]).all() and has["query_only"].any()
    trained = week.past.interactions.item[week.past.interactions.at < TRAINED]
    assert not np.isin(week.slices["cold_item"].indices, trained).any()
    assert (week.past.catalogue.released_at[week.slices["launch_week"].indices] >= START - 14 * DAY).all()
    assert week.slices["launch_week"].nnz


def test_a_phone_that_is_released_later_is_no_candidate() -> None:
    data = shop()
    catalogue = replace(
        data.catalogue, released_at=np.where(np.arange(60) == 3, START + 1, data.catalogue.released_at)
    )
    assert not make_evaluation_split(
        replace(data, catalogue=catalogue), START, END, trained_until=TRAINED
    ).candidates[3]


def test_a_sample_of_users_is_the_same_for_the_same_seed() -> None:
    one, two, other = (
        make_evaluation_split(shop(), START, END, trained_until=TRAINED, max_users=50, seed=s).users
        for s in (1, 1, 2)
    )
    assert len(one) == 50 and np.array_equal(one, two) and not np.array_equal(one, other)
