"""Who has a phone on their list: counted once a night, since counting it at rung L reads 20 million rows."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from handpick.lake.partitions import Lake

HOLDERS_FILE = "holders.parquet"
SHOWN_HOLDERS = 40
"""Users that are named for each phone: those with the best places, then by id."""
ROW_GROUP_PHONES = 256


def write_holders(lists: pa.Table, file: Path) -> None:
    """Write for each listed phone the number of lists, of first places, and the first users by place.

    Args:
        lists: `user_id`, `rank` and `item_id` of `lists/recommendations`, by user and rank.
        file: Where it is written.
    """
    encoded = lists["item_id"].combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    # Codes in the order of the ids, so that a phone is found by bisection.
    by_id = np.argsort(np.array(names, dtype=object), kind="stable") if names else np.zeros(0, np.int64)
    code = np.empty(len(names), np.int64)
    code[by_id] = np.arange(len(names))
    items = code[encoded.indices.to_numpy()] if len(lists) else np.zeros(0, np.int64)
    ranks = lists["rank"].to_numpy().astype(np.int64)
    # Rows come by user, and the sort is stable: equal places stay in the order of the users.
    order = np.argsort(items * (int(ranks.max(initial=0)) + 1) + ranks, kind="stable")
    counts = np.bincount(items, minlength=len(names))
    starts = np.concatenate([[0], np.cumsum(counts)])
    nth = np.arange(len(order)) - np.repeat(starts[:-1], counts)
    shown = order[nth < SHOWN_HOLDERS]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, SHOWN_HOLDERS))]).astype(np.int32)
    users = lists["user_id"].combine_chunks().take(pa.array(shown))
    table = pa.table(
        {
            "item_id": pa.array([names[place] for place in by_id.tolist()], pa.string()),
            "lists": counts,
            "firsts": np.bincount(items[ranks == 1], minlength=len(names)),
            "users": pa.ListArray.from_arrays(offsets, users.cast(pa.string())),
            "ranks": pa.ListArray.from_arrays(offsets, pa.array(ranks[shown].astype(np.int16))),
        }
    )
    pq.write_table(
        table, file, compression="zstd", row_group_size=ROW_GROUP_PHONES, write_statistics=["item_id"]
    )


def read_holders(lake: Lake, day: date, item_id: str) -> tuple[dict[str, int], list[dict[str, Any]]] | None:
    """Return on how many lists of a night a phone is, on how many first, and the first users by place.

    None where they were not counted, as by earlier releases.
    """
    path = lake.partition("report", day) / HOLDERS_FILE
    if not path.is_file():
        return None
    with pq.ParquetFile(path) as file:
        about = file.metadata
        starts = [
            about.row_group(group).column(0).statistics.min if about.row_group(group).num_rows else ""
            for group in range(about.num_row_groups)
        ]
        group = bisect_right(starts, item_id) - 1
        rows = file.read_row_group(group).to_pylist() if group >= 0 else []
    row = next((row for row in rows if row["item_id"] == item_id), None)
    if row is None:
        return {"lists": 0, "firsts": 0}, []
    named = [{"user_id": user, "rank": rank} for user, rank in zip(row["users"], row["ranks"], strict=True)]
    return {"lists": row["lists"], "firsts": row["firsts"]}, named
