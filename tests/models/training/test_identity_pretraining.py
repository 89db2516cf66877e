"""Pretrained identities: phones that the same people choose start near each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.config import FusionConfig, RowsPretraining, TrainingConfig
from models.dataset import Dataset, Interactions
from models.network.data_signature import build_signature
from models.recommender import FusionRecommender
from models.recommender.factory import load_fusion_recommender
from models.training.identity_pretraining import INITIAL_SPREAD, pretrain_identities
from tests.models.collaborative.shop import shop

ROWS = RowsPretraining(hidden=32, steps=200, batch=32)
STARTS = ("autoencoder", "variational")


@pytest.fixture(scope="module")
def sorted_shop() -> Dataset:
    """A shop in which each user chooses phones of one half of the catalogue only."""
    data, random = shop(users=80, items=20, events=4), np.random.default_rng(0)
    events = data.interactions
    half = events.user % 2
    item = 10 * half + random.integers(0, 10, len(events))
    return replace(
        data, interactions=Interactions(events.user, item, events.event_type, events.weight, events.at)
    )


def config(start: str) -> FusionConfig:
    return FusionConfig(dim=16, identity_start=start, identity_rows=ROWS)


@pytest.mark.parametrize("start", STARTS)
def test_phones_that_the_same_people_choose_start_near_each_other(start: str, sorted_shop: Dataset) -> None:
    signature = build_signature(sorted_shop)
    first = pretrain_identities(sorted_shop, signature, config(start), 1)
    assert first is not None and first.shape == (len(signature.item_ids), 16)
    assert abs(float(first.std()) - INITIAL_SPREAD) < 0.02
    unit = torch.nn.functional.normalize(first, dim=1)
    cosines = unit @ unit.T
    half = torch.tensor([int(name[1:]) // 10 for name in signature.item_ids])
    same = (half[:, None] == half[None, :]) & ~torch.eye(len(half), dtype=torch.bool)
    assert cosines[same].mean() > cosines[half[:, None] != half[None, :]].mean() + 0.3
    again = pretrain_identities(sorted_shop, signature, config(start), 1)
    assert again is not None and torch.equal(first, again)


def test_they_start_at_random_by_default_and_a_model_without_identities_needs_none(
    sorted_shop: Dataset, tmp_path: Path
) -> None:
    signature = build_signature(sorted_shop)
    assert pretrain_identities(sorted_shop, signature, FusionConfig(), 1) is None
    training = TrainingConfig(epochs=1, threads=1)
    for without in ((), ("identity",)):
        chosen = config("variational").model_copy(update={"without": without})
        model = FusionRecommender(chosen, training).fit(sorted_shop, 1)
        scores = model.score(sorted_shop, np.arange(9))
        assert np.isfinite(scores).all()
        model.save(tmp_path)
        assert np.array_equal(load_fusion_recommender(tmp_path).score(sorted_shop, np.arange(9)), scores)


@pytest.mark.parametrize("start", STARTS)
def test_a_model_starts_at_its_pretrained_identities(start: str, sorted_shop: Dataset) -> None:
    training = TrainingConfig(epochs=1, threads=1, learning_rate=1e-9)
    model = FusionRecommender(config(start), training).fit(sorted_shop, 1)
    first = pretrain_identities(sorted_shop, build_signature(sorted_shop), config(start), 1)
    assert model.network is not None and first is not None
    assert torch.allclose(model.network.items.identity.weight, first, atol=1e-5)
