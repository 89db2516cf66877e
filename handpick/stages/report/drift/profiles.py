"""Describes the distributions of one night in a few numbers each, which name no person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from handpick.night import Night

QUANTILES = np.linspace(0.02, 0.98, 33)
"""Without the ends, where one odd value would be most of the distance."""
MAX_LABELS, MAX_VECTORS = 40, 20_000
OTHERS = "(others)"
PROFILE_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("name", pa.string()),
        ("form", pa.string()),
        ("rows", pa.int64()),
        ("missing", pa.float64()),
        ("labels", pa.list_(pa.string())),
        ("values", pa.list_(pa.float64())),
    ]
)
"""`values` are quantiles of numbers, shares of labels, the mean of vectors and its spread, or one count."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Watched:
    """A distribution that is watched.

    Args:
        kind: `inputs`, `features`, `embeddings`, `scores` or `lists`.
        table: Table of the lake.
        column: Its column; empty for the number of rows.
        form: `numbers`, `labels`, `vectors` or `count`.
        part: What of the column: `length` of a text, `hour` of a time, or `rank=1` of lists.
    """

    kind: str
    table: str
    column: str
    form: str
    part: str = ""

    @property
    def name(self) -> str:
        """Its name for people, `valid/events.event_type`."""
        part = f" ({self.part})" if self.part else ""
        return f"{self.table}.{self.column}{part}" if self.column else f"rows of {self.table}"


WINDOWS = ("view_count_7d", "view_count_30d", "cart_count_30d", "purchase_count_30d")
WATCHED = (
    *(Watched("inputs", f"valid/{source}", "", "count") for source in ("events", "queries", "users")),
    Watched("inputs", "valid/events", "event_type", "labels"),
    Watched("inputs", "valid/events", "occurred_at", "numbers", "hour"),
    Watched("inputs", "valid/events", "value", "numbers"),
    Watched("inputs", "valid/queries", "text", "numbers", "length"),
    Watched("inputs", "marts/dim_item", "price", "numbers"),
    Watched("inputs", "marts/dim_item", "brand", "labels"),
    Watched("inputs", "marts/dim_item", "is_in_stock", "labels"),
    Watched("inputs", "marts/dim_user", "country", "labels"),
    Watched("inputs", "marts/dim_user", "is_consented", "labels"),
    *(Watched("features", "features/users", name, "numbers") for name in (*WINDOWS, "mean_viewed_price_30d")),
    *(Watched("features", "features/items", name, "numbers") for name in (*WINDOWS, "view_rate_30d")),
    *(Watched("embeddings", "embeddings/items", name, "vectors") for name in ("text", "image", "specs")),
    *(Watched("embeddings", "embeddings/queries", name, "vectors") for name in ("text", "image", "audio")),
    Watched("scores", "lists/recommendations", "score", "numbers", "rank=1"),
    Watched("scores", "lists/recommendations", "score", "numbers", "rank=10"),
    Watched("lists", "lists/recommendations", "source", "labels"),
    Watched("lists", "lists/recommendations", "reason_code", "labels"),
    Watched("lists", "lists/recommendations", "placed_by", "labels"),
    Watched("lists", "lists/recommendations", "item_id", "labels", "rank=1"),
)
"""What is watched, in the order in which it is shown; not counts that only grow, as they always drift."""


def profile_night(night: Night) -> pa.Table:
    """Return a row of `PROFILE_SCHEMA` for every watched distribution that the night has."""
    return pa.Table.from_pylist(list(_profile_all(night)), PROFILE_SCHEMA)


def _profile_all(night: Night) -> Iterator[dict[str, Any]]:
    """Yield the profiles, reading each table once."""
    for table in dict.fromkeys(watched.table for watched in WATCHED):
        if not night.lake.has(table, night.logical_date):
            continue
        mine = [watched for watched in WATCHED if watched.table == table]
        import pyarrow.dataset as ds

        known = ds.dataset(night.lake.partition(table, night.logical_date), format="parquet").schema.names
        columns = {watched.column for watched in mine} | {"rank"}
        rows = night.lake.read(table, night.logical_date, [name for name in known if name in columns])
        for watched in mine:
            if watched.form == "count":
                count = rows.num_rows if rows.num_columns else _count(night, table)
                yield _row(watched, count, 0.0, [], [float(count)])
            elif watched.column in rows.column_names:
                yield from _profile_column(watched, rows)


def _count(night: Night, table: str) -> int:
    """Return the rows of a partition of which no column is read."""
    from handpick.lake.partitions import count_rows

    return count_rows(night.lake.partition(table, night.logical_date))


def _profile_column(watched: Watched, rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the profile of a column; none of an empty one."""
    if watched.part.startswith("rank="):
        rows = rows.filter(pc.equal(rows["rank"], int(watched.part.removeprefix("rank="))))
    column = rows[watched.column]
    if watched.part == "length":
        column = pc.utf8_length(column)
    elif watched.part == "hour":
        column = pc.hour(column)
    missing = column.null_count / max(len(column), 1)
    column = column.drop_null()
    if not len(column):
        return
    if watched.form == "labels":
        yield _row(watched, rows.num_rows, missing, *_count_labels(column))
    elif watched.form == "vectors":
        vectors = _to_matrix(column)
        if len(vectors):
            mean = vectors.mean(axis=0)
            spread = float(np.sqrt(((vectors - mean) ** 2).sum(axis=1).mean()))
            yield _row(watched, rows.num_rows, missing, [], [*mean.tolist(), spread])
    else:
        numbers = column.cast(pa.float64()).to_numpy()
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            yield _row(watched, rows.num_rows, missing, [], np.quantile(numbers, QUANTILES).tolist())


def _count_labels(column: pa.ChunkedArray) -> tuple[list[str], list[float]]:
    """Return the most frequent labels and their shares; what is left is one label."""
    counts = pc.value_counts(column.cast(pa.string())).to_pylist()
    counts.sort(key=lambda one: (-one["counts"], one["values"]))
    total = sum(one["counts"] for one in counts)
    top = {one["values"]: one["counts"] / total for one in counts[:MAX_LABELS]}
    if len(counts) > MAX_LABELS:
        top[OTHERS] = max(0.0, 1 - sum(top.values()))
    return list(top), list(top.values())


def _to_matrix(column: pa.ChunkedArray) -> Floats:
    """Return vectors of the usual width as `(n, d)`, at most `MAX_VECTORS` of them, evenly chosen."""
    lists = column.combine_chunks()
    step = max(1, -(-len(lists) // MAX_VECTORS))
    lists = lists.take(pa.array(range(0, len(lists), step)))
    lengths = pc.list_value_length(lists)
    width = pc.max(lengths).as_py() or 0
    whole = lists.filter(pc.equal(lengths, width))
    return np.asarray(whole.flatten().to_numpy(zero_copy_only=False), np.float64).reshape(-1, width or 1)


def _row(
    watched: Watched, rows: int, missing: float, labels: list[str], values: list[float]
) -> dict[str, Any]:
    """Return a row of `PROFILE_SCHEMA`."""
    return {
        "kind": watched.kind,
        "name": watched.name,
        "form": watched.form,
        "rows": rows,
        "missing": missing,
        "labels": labels,
        "values": values,
    }
