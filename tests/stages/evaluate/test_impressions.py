"""The log of impressions from the warehouse and published lists, and the off-policy estimates from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from handpick.dataset.evaluation_splits import build_test_split as held_out
from handpick.dataset.published_nights import find_published_nights
from handpick.dataset.time_split import compute_time_split
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.evaluate.impressions import (
    make_unlogged_impressions,
    read_impressions,
)
from handpick.stages.evaluate.model_comparison import ModelLists
from handpick.stages.evaluate.off_policy import build_off_policy_log, estimate_click_rates
from models.dataset import Dataset
from tests.models.collaborative.shop import DAY, shop
from tests.stages.evaluate.conftest import TONIGHT


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shop(users=240)


@pytest.fixture(scope="module")
def night(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night five nights after version 3 was published.

    u0000 and u0001 were shown its lists, and slates of the site.
    """
    tonight = Night(Settings(home=tmp_path_factory.mktemp("shown")), TONIGHT)
    earlier = Night(tonight.settings, TONIGHT - timedelta(days=5))
    tonight.lake.write(
        "lists/recommendations",
        earlier.logical_date,
        pa.table(
            {
                "user_id": ["u0000", "u0000", "u0001"],
                "item_id": ["i0003", "i0004", "i0003"],
                "rank": pa.array([1, 2, 1], pa.int16()),
                "propensity": pa.array([0.9, 0.05, 1.0], pa.float32()),
            }
        ),
    )
    result = StageResult(
        stage="publish",
        logical_date=earlier.logical_date,
        where="",
        flows=(Flow("recommendations", 3, 3),),
        digest="",
        notes={"version": 3},
    )
    file = earlier.result_file("publish")
    file.parent.mkdir(parents=True)
    file.write_text(result.to_json())
    start = compute_time_split(tonight).validation_end
    rows = [
        ("u0000", "i0003", "impression", start + DAY, 1, "3"),
        ("u0000", "i0004", "impression", start + DAY, 2, "3"),
        ("u0001", "i0004", "impression", start + DAY, 2, "3"),
        ("u0001", "i0003", "impression", start + DAY, 4, "2"),
        ("u0001", "i0003", "impression", start + DAY, None, None),
        ("u0001", "i0003", "view", start + DAY, None, None),
        ("nobody", "i0003", "impression", start + DAY, 1, "3"),
        ("u0000", "i0003", "impression", compute_time_split(tonight).train_end - 1, 1, "3"),
    ]
    user, item, kind, at, place, version = zip(*rows, strict=True)
    times = pa.array([datetime.fromtimestamp(one, UTC) for one in at], pa.timestamp("us", "UTC"))
    tonight.lake.write(
        "marts/fct_interactions",
        TONIGHT,
        pa.table(
            {
                "user_id": user,
                "item_id": item,
                "event_type": kind,
                "occurred_at": times,
                "position": pa.array(place, pa.int32()),
                "list_version": pa.array(version, pa.string()),
            }
        ),
    )
    return tonight


def test_impressions_of_lists_have_their_place_and_the_lists_propensity(night: Night, data: Dataset) -> None:
    assert find_published_nights(night) == {"3": TONIGHT - timedelta(days=5)}
    log = read_impressions(night, data)
    assert data.users.user_ids[log.events.user].tolist() == ["u0000", "u0000", "u0001", "u0001", "u0001"]
    assert log.position.tolist() == [0, 1, 1, 3, 0]
    # Impressions from no list of that user, from an unknown version or from no version have no propensity
    # here; it is estimated by how often the phone is shown.
    np.testing.assert_allclose(log.propensity, [0.9, 0.05, np.nan, np.nan, np.nan], rtol=1e-6)
    start = compute_time_split(night).validation_end
    assert len(log.events.between(start, start + DAY)) == 0
    assert len(log.events.between(start, start + DAY + 1)) == 5


def test_rare_impressions_weigh_more_and_models_of_which_nothing_was_shown_are_left_out(
    night: Night, data: Dataset
) -> None:
    test = held_out(night, data)
    seen = build_off_policy_log(read_impressions(night, data), test, data, exponent=0.5)
    shown_rows = {int(row) for row in seen.user_row}
    assert {str(data.users.user_ids[test.users[row]]) for row in shown_rows} <= {"u0000", "u0001"}
    np.testing.assert_allclose(seen.examination[:4], np.arange(1, 5) ** -0.5, rtol=0.1)
    one = np.full((len(test.users), 2), -1, np.int32)
    one[:, 0], one[:, 1] = 4, 3
    other = np.full((len(test.users), 2), 9, np.int32)
    rates = estimate_click_rates({"one": ModelLists(one), "other": ModelLists(other)}, seen, 2, 200, seed=0)
    assert set(rates) == {"one"}
    assert set(rates["one"]) == {"snips_click_rate", "shown_click_rate", "snips_showings"}
    listed = np.isin(seen.item, [3, 4])
    assert rates["one"]["snips_showings"][0].value < listed.sum()
    low, value, high = (
        getattr(rates["one"]["snips_click_rate"][0], name) for name in ("low", "value", "high")
    )
    assert low <= value <= high


def test_without_a_log_the_datasets_impressions_are_used(data: Dataset) -> None:
    log = make_unlogged_impressions(data)
    assert len(log.events) == 0 and not len(log.propensity)
