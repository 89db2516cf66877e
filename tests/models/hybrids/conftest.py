"""Fixtures: the family fitted before the validation window of the simulated shop."""

from __future__ import annotations

import pytest

from models.collaborative.base import Member
from models.config import FamilyConfig
from models.dataset import Dataset
from models.evaluation.split import EvaluationSplit, make_evaluation_split
from models.member_registry import MEMBER_CLASSES, make_member
from tests.models.collaborative.shop import DAY, DAYS, shop

TRAINED, VALIDATED = (DAYS - 14) * DAY, (DAYS - 7) * DAY


@pytest.fixture(scope="session")
def data() -> Dataset:
    return shop(users=240)


# BPR knows its users by id and the behavioural tests rename them.
@pytest.fixture(scope="session")
def members(data: Dataset) -> dict[str, Member]:
    return {
        name: make_member(name, FamilyConfig()).fit(data.until(TRAINED), seed=3)
        for name in MEMBER_CLASSES
        if name != "bpr"
    }


@pytest.fixture(scope="session")
def validation(data: Dataset) -> EvaluationSplit:
    return make_evaluation_split(data.until(VALIDATED), TRAINED, VALIDATED, trained_until=TRAINED)


@pytest.fixture(scope="session")
def test(data: Dataset) -> EvaluationSplit:
    return make_evaluation_split(data, VALIDATED, data.as_of, trained_until=TRAINED)
