"""Files for those who do not read SQL: the lists as Parquet and CSV, one of each per segment."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from handpick.lake import write_parquet
from handpick.night import Night

UNKNOWN = "unknown"


def write_exports(night: Night) -> Path:
    """Write `exports/logical_date=D/`: recommendations by country of the user, similar and popular phones whole.

    Titles and prices are in the files, so that a spreadsheet alone is enough.
    """
    day = night.logical_date
    items = night.lake.read("marts/dim_item", day, ["item_id", "title", "price"])
    users = night.lake.read("marts/dim_user", day, ["user_id", "country"])
    lists = night.lake.read("lists/recommendations", day).join(users, "user_id").join(items, "item_id")
    lists = lists.sort_by([("user_id", "ascending"), ("rank", "ascending")])
    country = pc.fill_null(lists["country"], UNKNOWN)
    similar = night.lake.read("lists/similar_items", day).join(items, "similar_item_id", "item_id")
    popular = night.lake.read("lists/popular_items", day).join(items, "item_id")
    with night.lake.writing("exports", day) as folder:
        for name in sorted(pc.unique(country).to_pylist()):
            _write(lists.filter(pc.equal(country, name)), folder / "recommendations" / _file_name(name))
        _write(similar.sort_by([("item_id", "ascending"), ("rank", "ascending")]), folder / "similar_items")
        _write(popular.sort_by([("segment", "ascending"), ("rank", "ascending")]), folder / "popular_items")
    return night.lake.partition("exports", day)


def _file_name(segment: str) -> str:
    """The segment as a file name: whatever is no letter or digit becomes `_`."""
    return "".join(letter if letter.isalnum() else "_" for letter in segment) or UNKNOWN


def _write(rows: pa.Table, stem: Path) -> None:
    """The rows as `<stem>.parquet` and `<stem>.csv`; in the CSV no text can be taken for a formula."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(rows, stem.with_suffix(".parquet"))
    safe = [
        pc.replace_substring_regex(column, "^([=+@\\t\\r-])", "'\\1")
        if pa.types.is_string(column.type)
        else column
        for column in rows.columns
    ]
    pyarrow.csv.write_csv(pa.table(safe, rows.column_names), stem.with_suffix(".csv"))
