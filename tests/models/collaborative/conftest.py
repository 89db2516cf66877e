"""Fixtures: the simulated shop, and the family fitted on all but its last week."""

from __future__ import annotations

import pytest

from models.collaborative.base import Member
from models.config import FamilyConfig
from models.dataset import Dataset
from models.member_registry import MEMBER_CLASSES, make_member
from tests.models.collaborative.shop import DAY, DAYS, shop


@pytest.fixture(scope="session")
def data() -> Dataset:
    return shop()


@pytest.fixture(scope="session")
def past(data: Dataset) -> Dataset:
    """All but the last week."""
    return data.until((DAYS - 7) * DAY)


@pytest.fixture(scope="session")
def family(past: Dataset) -> dict[str, Member]:
    return {name: make_member(name, FamilyConfig()).fit(past, seed=3) for name in MEMBER_CLASSES}
