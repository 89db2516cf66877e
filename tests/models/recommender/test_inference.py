"""Inference steps inside the fitted recommender: scores depend on what users chose, were shown and own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.config import FusionConfig
from models.dataset import Dataset, Interactions
from models.evaluation.split import EvaluationSplit
from models.network.iterative_inference import OWNED, SHOWN
from models.network.user_sequences import IMPRESSION, build_user_sequences
from models.recommender import FusionRecommender, recommender
from tests.models.recommender.conftest import CONFIG, TRAINING


def shown_and_owned(data: Dataset) -> Dataset:
    """A shop in which every other choice came from a slate of three and every other user owns a phone."""
    events, random = data.interactions, np.random.default_rng(1)
    rows = np.repeat(np.arange(0, len(events), 2), 3)
    slates = Interactions(
        events.user[rows],
        random.integers(0, len(data.catalogue), len(rows)),
        np.full(len(rows), IMPRESSION, np.int8),
        np.zeros(len(rows), np.float32),
        events.at[rows] - 120,
    )
    parts = [np.concatenate(pair) for pair in zip(vars(events).values(), vars(slates).values(), strict=True)]
    both = Interactions(*parts)
    order = np.lexsort((both.at, both.user))
    users = len(data.users)
    owned = np.where(np.arange(users) % 2, random.integers(0, len(data.catalogue), users), -1)
    return replace(
        data,
        interactions=Interactions(*(part[order] for part in vars(both).values())),
        users=replace(data.users, owned_item=owned),
    )


def test_lookups_return_the_latest_events_before_a_time(data: Dataset) -> None:
    changed = shown_and_owned(data)
    sequences, events = build_user_sequences(changed), changed.interactions
    shown = np.flatnonzero((events.user == 5) & (events.event_type == IMPRESSION))
    middle = events.at[shown[len(shown) // 2]]
    first, end = sequences.shown.find_latest(np.array([5]), np.array([middle]), 3)
    expected = events.item[shown[events.at[shown] < middle]][-3:]
    assert len(expected) == 3
    assert sequences.shown.item[first[0] : end[0]].tolist() == expected.tolist()


def test_scores_depend_on_what_users_were_shown_and_what_they_own(data: Dataset) -> None:
    changed = shown_and_owned(data)
    model = FusionRecommender(CONFIG, TRAINING.model_copy(update={"epochs": 1})).fit(changed, 1)
    users = np.arange(len(changed.users))
    scores = model.score(changed, users)

    def moved_by(other: Dataset) -> np.ndarray:
        return np.asarray(np.abs(model.score(other, users) - scores).max(1) > 1e-3)

    events = changed.interactions
    seen = np.bincount(events.user[events.event_type == IMPRESSION], minlength=len(users)) > 0
    no_slates = replace(changed, interactions=events.where(events.event_type != IMPRESSION))
    assert moved_by(no_slates)[seen].mean() > 0.9
    assert not moved_by(no_slates)[~seen].any()
    owned = changed.users.owned_item
    no_phones = replace(changed, users=replace(changed.users, owned_item=np.full_like(owned, -1)))
    assert moved_by(no_phones)[owned >= 0].mean() > 0.9
    assert not moved_by(no_phones)[owned < 0].any()


def test_expectations_over_every_second_phone_give_nearly_the_same_lists(
    model: FusionRecommender, validation: EvaluationSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.score(validation.past, validation.users)
    monkeypatch.setattr(recommender, "MAX_EXPECTATION_ITEMS", len(validation.past.catalogue) // 2)
    half = model.score(validation.past, validation.users)
    assert not np.array_equal(half, whole)
    agreement = [np.corrcoef(a, b)[0, 1] for a, b in zip(half, whole, strict=True)]
    assert np.mean(agreement) > 0.9


def test_without_behaviour_only_the_owned_phone_is_used(validation: EvaluationSplit) -> None:
    config = FusionConfig(**{**CONFIG.model_dump(), "without": ("behaviour",)})
    model = FusionRecommender(config, TRAINING.model_copy(update={"epochs": 1})).fit(validation.past, 1)
    assert model.network is not None and model.network.inference.kinds == (OWNED,)
    assert SHOWN not in model.network.inference.turn
