"""The transform stage: derives the clean tables from valid rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.contracts import CONTRACTS, ORIGIN
from handpick.lake.partitions import count_rows, digest_partitions
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night

if TYPE_CHECKING:
    from handpick.runtime.dataframes import DataFrame
    from handpick.stages.transform.lake_tables import LakeTables

CLEAN_TABLES = (
    "items", "users", "interactions", "queries", "item_pairs", "item_daily", "user_daily",
    "item_price_history", "position_counts", "carried",
)  # fmt: skip
"""Tables below `clean/` that every night writes a partition of."""
CONCURRENT_JOBS = 3
"""Tables computed at the same time, by one engine."""


def run(night: Night) -> StageResult:
    """Write tonight's `clean/*` partitions from tonight's valid rows and earlier nights' clean ones.

    Raises:
        MissingPartition: If validate has not run for this logical date.
    """
    from handpick.runtime.dataframes import start_engine
    from handpick.stages.transform.public import open_tables

    with start_engine(night.settings, count_rows(*_list_input_partitions(night))) as engine:
        flows = _write_tables(night, open_tables(night, engine))
        notes = {"engine": engine.name}
    digest = digest_partitions(night.lake, [f"clean/{name}" for name in CLEAN_TABLES], night.logical_date)
    return StageResult(
        "transform", night.logical_date, str(night.lake.root / "clean"), tuple(flows), digest, notes=notes
    )


def _write_tables(night: Night, tables: LakeTables) -> list[Flow]:
    """Write all tables and return their ledger lines."""
    # Planning a small job keeps only one core busy, so independent tables are planned and written
    # concurrently. Items, users and queries need nothing but valid rows; counts of interactions wait for
    # `clean/interactions`.
    with ThreadPoolExecutor(CONCURRENT_JOBS) as pool:
        independent = [
            pool.submit(_write_items, night, tables),
            pool.submit(_write_users, tables, night.settings.sources.users.first_per_key),
            pool.submit(_write_queries, tables),
        ]
        interactions = _write_interactions(night, tables)
        flows = [job.result() for job in independent]
        item_pairs = pool.submit(_write_pairs, night, tables)
        counted = [
            pool.submit(_write_item_daily, tables),
            pool.submit(_write_user_daily, night, tables),
            pool.submit(_write_carried, night, tables),
        ]
        flows += [interactions, item_pairs.result()]
        for job in counted:
            job.result()
    return flows


def _list_input_partitions(night: Night) -> list[Path]:
    """Return the partitions that tonight reads, except earlier nights' purchases, which are few."""
    valid = [night.lake.partition(f"valid/{source}", night.logical_date) for source in CONTRACTS]
    last = [
        night.lake.partition(f"clean/{name}", day)
        for name in ("items", "users", "carried")
        if (day := night.lake.latest_date_before(f"clean/{name}", night.logical_date)) is not None
    ]
    return valid + last


def _write_items(night: Night, tables: LakeTables) -> Flow:
    """Write `clean/items` and `clean/item_price_history`."""
    from handpick.stages.transform import catalog, prices

    shop = night.settings.shop
    valid, previous = tables.read_tonight("valid/catalog"), tables.read_last("clean/items")
    spec_keys = {str(spec): keys for spec, keys in night.settings.transform.spec_keys.items()}
    normalized = catalog.normalize_catalog(
        valid, night.logical_date, shop.currency, shop.exchange_rates, spec_keys
    )
    states = prices.select_offers(valid, shop.currency, shop.exchange_rates)
    tables.write(
        "clean/item_price_history",
        prices.select_offer_changes(previous, states),
        prices.PRICE_HISTORY_SCHEMA,
        "item_id",
        "valid_from",
    )
    rows_in = tables.count_tonight("valid/catalog") + tables.count_last("clean/items")
    with tables.hold("items", normalized) as tonight:
        snapshot = catalog.update_catalog_snapshot(previous, tonight)
        out = tables.write("clean/items", snapshot, catalog.ITEM_SCHEMA, "item_id", expected_rows=rows_in)
    return Flow("items", rows_in, out, {"superseded by a newer row": rows_in - out})


def _write_users(tables: LakeTables, is_from_log: bool) -> Flow:
    """Write `clean/users`; `is_from_log` says whether the customers are taken from the event log."""
    from handpick.stages.transform import users

    tonight = users.normalize_users(tables.read_tonight("valid/users"), tables.logical_date)
    rows_in = tables.count_tonight("valid/users") + tables.count_last("clean/users")
    snapshot = users.update_user_snapshot(tables.read_last("clean/users"), tonight, is_from_log=is_from_log)
    out = tables.write("clean/users", snapshot, users.USER_SCHEMA, "user_id", expected_rows=rows_in)
    return Flow("users", rows_in, out, {"superseded by a newer row": rows_in - out})


def _write_queries(tables: LakeTables) -> Flow:
    """Write `clean/queries`."""
    from handpick.stages.transform import queries

    rows_in = tables.count_tonight("valid/queries")
    rows = queries.normalize_queries(tables.read_tonight("valid/queries"))
    out = tables.write("clean/queries", rows, queries.QUERY_SCHEMA, "query_id", expected_rows=rows_in)
    return Flow("queries", rows_in, out)


def _write_interactions(night: Night, tables: LakeTables) -> Flow:
    """Write `clean/interactions`, and `clean/position_counts` before it, which its weights depend on."""
    from handpick.runtime.dataframes import F
    from handpick.stages.transform import interactions, sessions

    chosen = night.settings.transform
    rows_in = tables.count_tonight("valid/events")
    # Columns that no table needs would be sorted along three times.
    landed = tables.read_tonight("valid/events").drop(*ORIGIN)
    events = landed.withColumn("event_type", F.lower(F.trim("event_type")))
    placed = (
        interactions.attribute_positions(
            interactions.flag_bots(
                sessions.assign_sessions(events, _read_carried(night, tables), chosen.session_gap_minutes),
                chosen.bot_events_per_hour,
            )
        ).cache()
    )  # read twice: to count clicks by position, then to weight events by the exponent fitted on the counts
    tables.write(
        "clean/position_counts",
        interactions.count_positions(placed),
        interactions.POSITION_COUNT_SCHEMA,
        "position",
    )
    exponent = interactions.fit_position_exponent(
        _read_position_counts(night), chosen.min_position_impressions, chosen.default_position_exponent
    )
    weighed = interactions.add_weights(placed, chosen.weights, exponent, chosen.max_position_boost)
    key = ("user_id", "occurred_at", "event_id")
    out = tables.write(
        "clean/interactions", weighed, interactions.INTERACTION_SCHEMA, *key, expected_rows=rows_in
    )
    placed.unpersist()
    return Flow("interactions", rows_in, out)


def _read_carried(night: Night, tables: LakeTables) -> DataFrame | None:
    """Return earlier events (from the day before) whose sessions may continue tonight, or None."""
    from handpick.runtime.dataframes import F

    last, cutoff = tables.read_last("clean/carried"), night.as_of - timedelta(days=2)
    return None if last is None else last.where(F.col("occurred_at") >= F.lit(cutoff))


def _write_carried(night: Night, tables: LakeTables) -> None:
    """Write `clean/carried`: the events that later nights need again.

    The next night looks back two days from its own end, which is one day from tonight's end.
    """
    from handpick.stages.transform import interactions

    kept = interactions.select_carried(
        tables.read_tonight("clean/interactions"), night.as_of - timedelta(days=1)
    )
    key, expected_rows = ("user_id", "occurred_at", "event_id"), tables.count_tonight("valid/events")
    tables.write("clean/carried", kept, interactions.CARRIED_SCHEMA, *key, expected_rows=expected_rows)


def _read_people(tables: LakeTables) -> DataFrame:
    """Return tonight's interactions without those of bots."""
    return tables.read_tonight("clean/interactions").where("not is_bot")


def _write_pairs(night: Night, tables: LakeTables) -> Flow:
    """Write `clean/item_pairs`."""
    from handpick.stages.transform import item_pairs

    chosen, people, carried = night.settings.transform, _read_people(tables), _read_carried(night, tables)
    since = night.logical_date - timedelta(days=chosen.co_purchase_days)
    earlier = tables.read_earlier("clean/carried", since)
    co_views = item_pairs.count_co_views(
        people.where("event_type = 'view'"),
        None if carried is None else carried.where("event_type = 'view'"),
        chosen.max_session_items,
    )
    co_purchases = item_pairs.count_co_purchases(
        people.where("event_type = 'purchase'"),
        None if earlier is None else earlier.where("event_type = 'purchase'"),
        chosen.co_purchase_days,
    )
    counts, key = item_pairs.merge_pair_counts(co_views, co_purchases), ("item_id", "other_item_id")
    # The number of pairs is not known beforehand; the number of events is of the same order.
    expected_rows = tables.count_tonight("valid/events")
    rows = tables.write("clean/item_pairs", counts, item_pairs.PAIR_SCHEMA, *key, expected_rows=expected_rows)
    return Flow("item pairs", rows, rows)


def _write_item_daily(tables: LakeTables) -> None:
    """Write `clean/item_daily`."""
    from handpick.stages.transform import daily_counts

    tables.write(
        "clean/item_daily",
        daily_counts.count_by_item(_read_people(tables)),
        daily_counts.ITEM_DAILY_SCHEMA,
        "item_id",
        "event_date",
    )


def _write_user_daily(night: Night, tables: LakeTables) -> None:
    """Write `clean/user_daily`."""
    from handpick.stages.transform import daily_counts, sessions

    people = _read_people(tables)
    prices = tables.read_tonight("clean/items").select("item_id", "price")
    by_user = daily_counts.count_by_user(
        people, prices, sessions.find_session_starts(people, _read_carried(night, tables))
    )
    expected_rows = tables.count_tonight("valid/events")
    tables.write(
        "clean/user_daily",
        by_user,
        daily_counts.USER_DAILY_SCHEMA,
        "user_id",
        "event_date",
        expected_rows=expected_rows,
    )


def _read_position_counts(night: Night) -> list[tuple[int, int, int]]:
    """Return position, impressions and clicks of every night so far: at most a hundred rows a night."""
    counts = night.lake.read_through("clean/position_counts", night.logical_date)
    return list(zip(*(counts.column(name).to_pylist() for name in counts.column_names), strict=True))
