"""Who has a phone on their list is what a count over all rows gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from handpick.lake.partitions import Lake
from handpick.stages.report.holders import HOLDERS_FILE, SHOWN_HOLDERS, read_holders, write_holders

DAY = date(2026, 3, 10)


def test_counts_and_first_users_are_those_of_all_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = [
        {"user_id": f"u{user:04}", "rank": rank, "item_id": f"i{item:03}"}
        for user in range(300)
        for rank, item in enumerate(random.permutation(400)[:12].tolist(), 1)
    ]
    rows += [{"user_id": f"v{user:04}", "rank": 1, "item_id": "i999"} for user in range(90)]
    table = pa.table(
        {
            "user_id": [row["user_id"] for row in rows],
            "rank": pa.array([row["rank"] for row in rows], pa.int16()),
            "item_id": [row["item_id"] for row in rows],
        }
    )
    lake = Lake(tmp_path)
    with lake.replace_partition("report", DAY) as folder:
        write_holders(table, folder / HOLDERS_FILE)
    for item in ["i999", *(f"i{number:03}" for number in range(0, 400, 23)), "nothing", ""]:
        own = [row for row in rows if row["item_id"] == item]
        found = read_holders(lake, DAY, item)
        assert found is not None
        counts, users = found
        assert counts == {"lists": len(own), "firsts": sum(row["rank"] == 1 for row in own)}
        expected = sorted((row["rank"], row["user_id"]) for row in own)[:SHOWN_HOLDERS]
        assert [(one["rank"], one["user_id"]) for one in users] == expected
    assert read_holders(lake, date(2026, 3, 11), "i999") is None
    with lake.replace_partition("report", DAY) as folder:
        write_holders(table.slice(0, 0), folder / HOLDERS_FILE)
    assert read_holders(lake, DAY, "i999") == ({"lists": 0, "firsts": 0}, [])
