"""What users without consent did is learned from, or left out, as the setting says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handpick.dataset.load import _read_interactions
from handpick.night import Night
from handpick.settings.load import load
from models.dataset import Users

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(("learns", "expected"), [(True, [0, 1]), (False, [0])])
def test_users_who_withdrew_their_consent_are_left_out_where_the_shop_says_so(
    tmp_path: Path, learns: bool, expected: list[int]
) -> None:
    night = Night(load(home=tmp_path, privacy={"learn_without_consent": learns}), DAY)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    events: dict[str, list[Any]] = {
        "event_id": ["e1", "e2", "e3"],
        "user_id": ["agreed", "withdrew", "stranger"],
    }
    events |= {"item_id": ["p"] * 3, "event_type": ["view"] * 3, "occurred_at": [at] * 3, "weight": [1.0] * 3}
    night.lake.write("marts/fct_interactions", DAY, pa.table(events))
    texts = np.array(["", ""])
    users = Users(
        user_ids=np.array(["agreed", "withdrew"]),
        features=np.zeros((2, 0), np.float32),
        feature_names=(),
        country=texts,
        locale=texts,
        owned_item=np.full(2, -1),
        signed_up_at=np.zeros(2, np.int64),
        is_consented=np.array([True, False]),
    )
    assert _read_interactions(night, users, np.array(["p"]))["user"].to_pylist() == expected
