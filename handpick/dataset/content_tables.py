"""The content tables of the marts that encoders read: items and queries."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from handpick.dataset.item_text import CATEGORICAL_FIELDS, NUMERIC_FIELDS, TAG_FIELDS
from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night

ITEM_CONTENT_COLUMNS = (
    "item_id", "content_hash", "title", "brand", "description", "image_path",
    *(name for name in (*NUMERIC_FIELDS, *CATEGORICAL_FIELDS, *TAG_FIELDS) if name != "brand"),
)  # fmt: skip
"""Columns of `marts/dim_item` that encoders read; `brand` is already among the text columns."""
QUERY_CONTENT_COLUMNS = ("query_id", "user_id", "text", "image_path", "audio_path", "occurred_at")
"""Columns of `marts/fct_queries` that encoders read."""


def find_newest_marts(lake: Lake) -> date:
    """Return the newest logical date whose marts are built.

    Raises:
        MissingPartition: If no marts are built yet.
    """
    dates = lake.list_dates("marts/dim_item")
    if not dates:
        raise MissingPartition(
            "There are no marts to learn from yet: run a night first, with `handpick run`."
        )
    return dates[-1]


def read_items(night: Night) -> pa.Table:
    """Return the content columns of all items as of the night, sorted by `item_id`.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
    """
    return night.lake.read("marts/dim_item", night.logical_date, list(ITEM_CONTENT_COLUMNS)).sort_by(
        "item_id"
    )


def read_queries(night: Night) -> pa.Table:
    """Return the content columns of all queries up to and including the night.

    There is one row for each `query_id`; rows are sorted by it.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
    """
    rows = night.lake.read_through("marts/fct_queries", night.logical_date, list(QUERY_CONTENT_COLUMNS))
    # A query may be in several partitions (a source delivered it again); the first one is kept.
    _, firsts = np.unique(rows["query_id"].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    return rows.take(pa.array(firsts))
