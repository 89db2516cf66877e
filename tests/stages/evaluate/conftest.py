"""Nights of a made-up shop, whose models are fitted and measured into a lake of their own."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from handpick.night import Night
from handpick.settings.load import Settings
from models.config import FamilyConfig, StackedConfig
from tests.models.collaborative.shop import DAYS

MEMBERS = ("popularity", "freshness", "item_cosine", "user_cosine", "als", "content")
TONIGHT = date(1970, 1, 1) + timedelta(days=DAYS - 1)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home: Path = tmp_path_factory.mktemp("nights")
    family = FamilyConfig(members=MEMBERS, stacked=StackedConfig(trees=30))
    return Settings(home=home, family=family)


@pytest.fixture(scope="session")
def tonight(settings: Settings) -> Night:
    return Night(settings, TONIGHT)
