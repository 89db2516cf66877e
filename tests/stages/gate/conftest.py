"""Two nights of a made-up shop, fitted and measured once, and copies of them that tests may corrupt."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from handpick.dataset.model_store import fit_family
from handpick.dataset.time_split import compute_time_split
from handpick.night import Night
from handpick.settings.evaluate import EvaluateSettings
from handpick.settings.gate import GateSettings
from handpick.settings.load import Settings
from handpick.stages.evaluate.measurement import measure_models
from models.config import FamilyConfig
from models.dataset import Dataset
from tests.models.collaborative.shop import DAY, DAYS, shop

MEMBERS = ("popularity", "item_cosine", "user_cosine", "content")
FIRST, SECOND = (date(1970, 1, 1) + timedelta(days=DAYS - 1 - back) for back in (1, 0))
# About 200 test users are too few to tell differences of 2 %, hence the wide margins.
GATE = GateSettings(margin=0.1, slice_margin=0.3, min_slice_users=100)


@pytest.fixture(scope="session")
def data() -> Dataset:
    return shop(users=240)


def nights(home: Path) -> tuple[Night, Night]:
    settings = Settings(
        home=home,
        family=FamilyConfig(members=MEMBERS, hybrids=()),
        gate=GATE,
        evaluate=EvaluateSettings(resamples=200),
    )
    return Night(settings, FIRST), Night(settings, SECOND)


def train(night: Night, data: Dataset) -> None:
    with night.lake.replace_partition("models", night.logical_date) as folder:
        fit_family(night, data, compute_time_split(night), folder / "family")


def known_at(night: Night, data: Dataset) -> Dataset:
    return data.until((night.logical_date - date(1970, 1, 1)).days * DAY + DAY)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    home = tmp_path_factory.mktemp("gate")
    for night in nights(home):
        known = known_at(night, data)
        train(night, known)
        measure_models(night, known)
    return home


@pytest.fixture
def two(prepared: Path, tmp_path: Path) -> tuple[Night, Night]:
    shutil.copytree(prepared, tmp_path / "home")
    return nights(tmp_path / "home")
