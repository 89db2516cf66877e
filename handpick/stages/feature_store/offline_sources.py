"""Writes `features/sources/*`, the offline sources of Feast: one row per night for every changed entity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.columns import WINDOWS
from features.sources import SOURCES_PREFIX
from features.views import item_statistics, user_activity
from handpick.dataset.feature_columns import LAST_ACTIVE_COLUMN
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.runtime.dataframes import start_duckdb
from handpick.runtime.dataframes.duckdb_column import write_literal

if TYPE_CHECKING:
    import duckdb

COUNTED_EVENTS = ("view", "cart", "purchase", "query")
"""Event types that are counted per user."""
WINDOW_DAYS = {window: int(window.removesuffix("d")) for window in WINDOWS if window != "all"}
"""Days of each bounded window."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Start of the first night's changes, before any data."""


def write_sources(night: Night) -> None:
    """Write tonight's partition of every source."""
    with start_duckdb(night.settings) as engine, engine.connect() as db:
        _write_source(night, "user_activity", _build_user_activity(db, night))
        _write_source(night, "item_statistics", _build_item_statistics(db, night))
        _write_source(night, "item_offer", _build_item_offer(db, night))
        _write_source(night, "item_content", _build_item_content(night))
        _write_source(night, "user_queries", _build_user_queries(night))


def find_known_until(night: Night) -> datetime:
    """Return the end of the last night before this one (UTC), or `BEGINNING` on a first night."""
    previous = night.lake.latest_date_before("features/users", night.logical_date)
    return BEGINNING if previous is None else Night(night.settings, previous).as_of


def _write_source(night: Night, name: str, rows: pa.Table) -> None:
    """Write one source's partition."""
    night.lake.write(f"{SOURCES_PREFIX}/{name}", night.logical_date, rows)


def _scan_table(lake: Lake, table: str, night: Night, through: bool = False) -> str:
    """Return a DuckDB table function over tonight's partition, or over all partitions up to tonight."""
    days = lake.list_dates(table, night.logical_date) if through else [night.logical_date]
    if not lake.has(table, night.logical_date):
        lake.read(table, night.logical_date)  # raises MissingPartition, which names the stage to run
    paths = ", ".join(write_literal(str(file)) for file in lake.list_files(table, days, with_bytes=True))
    return f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"


def _build_user_activity(db: duckdb.DuckDBPyConnection, night: Night) -> pa.Table:
    """Return a row for every point in time since the night before at which a user's features changed.

    These are the ends of active days; the times 7 and 30 days later, at which those days leave a window; and
    tonight itself. Without the second kind, training rows would carry counts that serving would have dropped
    long before: training-serving skew.
    """
    features = [field.name for field in user_activity.features]
    plain = [name for name in features if name != LAST_ACTIVE_COLUMN]
    mart = _scan_table(night.lake, "marts/mart_user_activity", night)
    history = _scan_table(night.lake, "marts/mart_user_activity_history", night, through=True)
    tonight = _scan_table(night.lake, "marts/mart_user_activity_history", night)
    db.execute(
        f"CREATE TEMP TABLE history AS SELECT user_id, event_timestamp, {', '.join(plain)} FROM {history}"  # noqa: S608 - names are declared by us, values are parameters
    )
    # A windowed count at any time is the difference of two running totals: that of now and that of the
    # window's start.
    windows = ", ".join(
        f"now.{event}_count_all - coalesce(d{days}.{event}_count_all, 0) AS {event}_count_{window}"
        for event in COUNTED_EVENTS
        for window, days in WINDOW_DAYS.items()
    )
    joins = " ".join(
        f"ASOF LEFT JOIN history d{days} ON m.user_id = d{days}.user_id "
        f"AND m.event_timestamp - INTERVAL {days} DAY >= d{days}.event_timestamp"
        for days in WINDOW_DAYS.values()
    )
    ends = " UNION ".join(
        f"SELECT user_id, event_timestamp + INTERVAL {days} DAY AS event_timestamp FROM history"  # noqa: S608 - names are declared by us, values are parameters
        for days in WINDOW_DAYS.values()
    )
    # Mean price and brand count are exact only on active days; between them the last value holds until its
    # window is empty of views, or of anything that shows a brand.
    seen = " + ".join(f"{event}_count_30d" for event in COUNTED_EVENTS if event != "query")
    expired = (
        f"SELECT m.user_id, m.event_timestamp, now.event_timestamp AS {LAST_ACTIVE_COLUMN}, {windows}, "  # noqa: S608 - names are declared by us, values are parameters
        + ", ".join(f"now.{event}_count_all" for event in COUNTED_EVENTS)
        + ", now.mean_viewed_price_30d AS price_then, now.distinct_brand_count_30d AS brands_then, "  # noqa: S608 - names are declared by us, values are parameters
        "now.owned_price "
        f"FROM (SELECT * FROM ({ends}) ANTI JOIN history USING (user_id, event_timestamp) "
        f"WHERE event_timestamp > $since AND event_timestamp < $as_of) m "
        "ASOF JOIN history now ON m.user_id = now.user_id AND m.event_timestamp >= now.event_timestamp "
        f"{joins}"
    )
    listed = ", ".join(features)
    changed = _differs_from_previous(night, "marts/mart_user_activity", "user_id", plain)
    query = f"""
        WITH expired AS ({expired}),
        rows AS (
            SELECT user_id, event_timestamp, {", ".join(plain)}, event_timestamp AS {LAST_ACTIVE_COLUMN}
            FROM {tonight} WHERE event_timestamp < $as_of
            UNION ALL BY NAME
            SELECT * EXCLUDE (price_then, brands_then),
                CASE WHEN view_count_30d > 0 THEN price_then END AS mean_viewed_price_30d,
                CASE WHEN {seen} > 0 THEN brands_then ELSE 0 END AS distinct_brand_count_30d
            FROM expired
            UNION ALL BY NAME
            SELECT user_id, $as_of::TIMESTAMPTZ AS event_timestamp, {", ".join(plain)},
                ($as_of::TIMESTAMPTZ - to_days(days_since_last_event::INTEGER))::TIMESTAMPTZ
                    AS {LAST_ACTIVE_COLUMN}
            FROM {mart} AS tonight WHERE {changed}
        )
        SELECT user_id, event_timestamp::TIMESTAMPTZ AS event_timestamp, {listed} FROM rows ORDER BY 1, 2
    """  # noqa: S608 - names are declared by us, values are parameters
    rows = db.sql(query, params={"since": find_known_until(night), "as_of": night.as_of}).to_arrow_table()
    return _cast_to_view(rows, "user_id", user_activity.features)


def _build_item_statistics(db: duckdb.DuckDBPyConnection, night: Night) -> pa.Table:
    """Return tonight's statistics of the phones for which they differ from those of the night before."""
    names = [field.name for field in item_statistics.features]
    mart = _scan_table(night.lake, "marts/mart_item_statistics", night)
    changed = _differs_from_previous(night, "marts/mart_item_statistics", "item_id", names)
    rows = db.sql(
        f"SELECT item_id, $as_of::TIMESTAMPTZ AS event_timestamp, {', '.join(names)} "  # noqa: S608 - names are declared by us, values are parameters
        f"FROM {mart} AS tonight WHERE {changed} ORDER BY 1",
        params={"as_of": night.as_of},
    ).to_arrow_table()
    return _cast_to_view(rows, "item_id", item_statistics.features)


def _differs_from_previous(night: Night, table: str, key: str, names: list[str]) -> str:
    """Return a SQL condition on `tonight`: the row differs from that of the night before, or is new."""
    previous = night.lake.latest_date_before("features/users", night.logical_date)
    if previous is None or not night.lake.has(table, previous):
        return "true"
    before = _scan_table(night.lake, table, Night(night.settings, previous))
    same = " AND ".join(f"before.{name} IS NOT DISTINCT FROM tonight.{name}" for name in names)
    return f"NOT EXISTS (FROM {before} AS before WHERE before.{key} = tonight.{key} AND {same})"


def _build_item_offer(db: duckdb.DuckDBPyConnection, night: Night) -> pa.Table:
    """Return tonight's changes of offers at their times, and the changed phones' offers as of tonight."""
    from features.views import item_offer

    changes = _scan_table(night.lake, "clean/item_price_history", night)
    items = _scan_table(night.lake, "marts/dim_item", night)
    released = "coalesce(release_date, first_seen_date)::TIMESTAMP AT TIME ZONE 'UTC'"
    rows = db.sql(
        f"""
        WITH change AS (SELECT * FROM {changes}), item AS (SELECT * FROM {items}), rows AS (
            SELECT item_id, valid_from AS event_timestamp, change.price, change.is_in_stock,
                {released} AS released_at
            FROM change JOIN item USING (item_id) WHERE valid_from < $as_of
            UNION ALL
            SELECT item_id, $as_of::TIMESTAMPTZ, price, is_in_stock, {released}
            FROM item SEMI JOIN change USING (item_id)
        )
        SELECT * FROM rows ORDER BY 1, 2
        """,  # noqa: S608 - names are declared by us, values are parameters
        params={"as_of": night.as_of},
    ).to_arrow_table()
    return _cast_to_view(rows, "item_id", item_offer.features)


def _build_item_content(night: Night) -> pa.Table:
    """Return the vectors of phones whose content or encoder differs from that of the night before."""
    lake, table = night.lake, "embeddings/items"
    rows = lake.read(table, night.logical_date, ["item_id", "content_hash", "text", "image"]).sort_by(
        "item_id"
    )
    previous = lake.latest_date_before(table, night.logical_date)
    if previous is not None:
        old = lake.read(table, previous, ["item_id", "content_hash"])
        # The schema's metadata names the encoders: with other encoders every vector is new.
        if rows.schema.metadata == lake.read(table, previous, ["item_id"]).schema.metadata:
            pairs = set(zip(old["item_id"].to_pylist(), old["content_hash"].to_pylist(), strict=True))
            both = zip(rows["item_id"].to_pylist(), rows["content_hash"].to_pylist(), strict=True)
            rows = rows.filter(pa.array([pair not in pairs for pair in both], pa.bool_()))
    return _build_vector_rows(
        "item_id", rows["item_id"], night, {"text": rows["text"], "image": rows["image"]}
    )


def _build_user_queries(night: Night) -> pa.Table:
    """Return, for the users who searched tonight, the mean vectors of all their queries."""
    lake, day = night.lake, night.logical_date
    new = lake.read("marts/fct_queries", day, ["user_id"])["user_id"].unique()
    queries = lake.read_through("marts/fct_queries", day, ["query_id", "user_id"])
    queries = queries.filter(pc.is_in(queries["user_id"], new))
    encoded = lake.read(
        "embeddings/queries", day, where=pc.field("query_id").isin(queries["query_id"].combine_chunks())
    )
    places = pc.index_in(encoded["query_id"], queries["query_id"].combine_chunks())
    owned = encoded.append_column("user_id", queries["user_id"].take(places)).filter(places.is_valid())
    rows = owned.take(
        pc.sort_indices(
            owned.select(["user_id", "query_id"]), [("user_id", "ascending"), ("query_id", "ascending")]
        )
    )
    people, firsts = np.unique(rows["user_id"].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    means = {f"query_{kind}": _average_runs(rows[kind], firsts) for kind in ("text", "image", "audio")}
    return _build_vector_rows("user_id", pa.array(people.tolist(), pa.string()), night, means)


def _average_runs(vectors: pa.ChunkedArray, firsts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """Return the mean vector of each run of rows that starts at `firsts`; null for runs without vectors."""
    array = vectors.combine_chunks()
    present = np.asarray(array.is_valid())
    width = len(array.drop_null()[0]) if present.any() else 0
    values = np.zeros((len(array), width), np.float32)
    values[present] = array.drop_null().flatten().to_numpy().reshape(-1, width) if width else 0
    if not len(firsts):
        return pa.array([], pa.list_(pa.float32()))
    sums = np.add.reduceat(values, firsts, axis=0)
    counts = np.add.reduceat(present.astype(np.int64), firsts)
    means = sums / np.maximum(counts, 1)[:, None]
    return pa.array(
        [row if count else None for row, count in zip(means, counts, strict=True)], pa.list_(pa.float32())
    )


def _build_vector_rows(
    key: str, ids: pa.ChunkedArray | pa.Array, night: Night, columns: dict[str, pa.ChunkedArray | pa.Array]
) -> pa.Table:
    """Return a source's rows of vectors, known as of the end of tonight."""
    timestamps = pa.array(np.full(len(ids), np.datetime64(night.as_of.replace(tzinfo=None), "us"))).cast(
        pa.timestamp("us", "UTC")
    )
    vectors = {name: values.cast(pa.list_(pa.float32())) for name, values in columns.items()}
    return pa.table({key: ids.cast(pa.string()), "event_timestamp": timestamps, **vectors})


def _cast_to_view(rows: pa.Table, key: str, features: list[object]) -> pa.Table:
    """Cast rows to the types that the feature view declares; timestamps get microseconds and UTC."""
    from feast.types import from_feast_to_pyarrow_type

    schema = [(key, pa.string()), ("event_timestamp", pa.timestamp("us", "UTC"))]
    for field in features:
        kind = from_feast_to_pyarrow_type(field.dtype)  # type: ignore[attr-defined]
        name = field.name  # type: ignore[attr-defined]
        schema.append((name, pa.timestamp("us", "UTC") if pa.types.is_timestamp(kind) else kind))
    return rows.select([name for name, _ in schema]).cast(pa.schema(schema))
