"""Fixtures: the synthetic shop, and a fusion recommender trained on its first weeks."""

from __future__ import annotations

import pytest

from models.config import FusionConfig, TrainingConfig
from models.dataset import Dataset
from models.evaluation.split import EvaluationSplit, make_evaluation_split
from models.recommender import FusionRecommender
from models.training.fit_options import FitOptions
from tests.models.collaborative.shop import DAY, DAYS, shop

CONFIG = FusionConfig(dim=32)
TRAINING = TrainingConfig(epochs=6, threads=1, learning_rate=5e-3)
START = (DAYS - 7) * DAY


@pytest.fixture(scope="session")
def data() -> Dataset:
    return shop()


@pytest.fixture(scope="session")
def validation(data: Dataset) -> EvaluationSplit:
    return make_evaluation_split(data, START, data.as_of, trained_until=START)


@pytest.fixture(scope="session")
def model(validation: EvaluationSplit) -> FusionRecommender:
    return FusionRecommender(CONFIG, TRAINING).fit(validation.past, 3, FitOptions(validation))
