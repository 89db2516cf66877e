"""Compares the transform of a night's events on Spark with the same logic in one DuckDB process.

The DuckDB version computes sessions, bots, positions of impressions, weights, co-views, and daily counts by
item and by user, and writes the same tables as Parquet. Its tables are compared with Spark's before any ratio
is reported.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

MEMORY = "6g"
SIGNALS = "('view', 'cart', 'purchase')"
TYPES = ("impression", "view", "cart", "purchase", "return", "rating")


def measure() -> dict[str, Any]:
    """Measure the ratio at the last of RUNGS, and the number of events at which both are equally fast.

    RUNGS are S and M by default.

    Each is modelled as a constant plus a time per event, from the first and the last rung.
    """
    rungs = os.environ.get("RUNGS", "S,M").split(",")
    sizes = {rung: _measure_rung(rung) for rung in rungs}
    small, large = sizes[rungs[0]], sizes[rungs[-1]]
    found = {
        "over_duckdb": large["spark_seconds"] / large["duckdb_seconds"],
        "tables_that_differ": sum(size["tables_that_differ"] for size in sizes.values()),
        "crossover_events": find_crossover(small, large),
    }
    return found | {f"{rung}_{name}": value for rung, size in sizes.items() for name, value in size.items()}


def find_crossover(small: dict[str, Any], large: dict[str, Any]) -> float:
    """Return the number of events from which Spark would be faster.

    Infinite if DuckDB needs less time per event as well.
    """
    more = large["events"] - small["events"]
    if not more:
        return float("inf")
    spark, duckdb = ((large[key] - small[key]) / more for key in ("spark_seconds", "duckdb_seconds"))
    lead = large["spark_seconds"] - large["duckdb_seconds"]
    return float("inf") if spark >= duckdb else float(large["events"] + lead / (duckdb - spark))


def _measure_rung(rung: str) -> dict[str, Any]:
    """Return the seconds of the transform stage on Spark and in DuckDB at one rung, without loading."""
    from benchmarks.demo_shops import LAST_DAY, shop_settings
    from handpick.contracts import CONTRACTS
    from handpick.night import Night
    from handpick.runtime.dataframes import start_engine
    from handpick.stages import land, transform
    from handpick.stages.validate.source_validation import validate_source

    options = {"spark": {"driver_memory": MEMORY}, "transform": {"engine": "spark"}}
    with shop_settings(rung, **options) as chosen:
        night = Night(chosen, LAST_DAY)
        land.run(night)
        with start_engine(chosen, rows=1_000_000) as engine:
            for contract in CONTRACTS.values():
                validate_source(engine, night, contract)
        began = time.perf_counter()
        transform.run(night)
        spark_seconds = time.perf_counter() - began
        peer = chosen.home / "peer"
        peer.mkdir()
        began = time.perf_counter()
        run_duckdb_transforms(night, peer)
        peer_seconds = time.perf_counter() - began
        return {
            "spark_seconds": spark_seconds,
            "duckdb_seconds": peer_seconds,
            "tables_that_differ": len(_find_differences(night, peer)),
            "events": night.lake.read("clean/interactions", LAST_DAY, ["event_id"]).num_rows,
        }


def run_duckdb_transforms(night: Any, out: Path) -> None:
    """Write interactions, co-views, and daily counts of a first night with DuckDB alone."""
    import duckdb

    chosen = night.settings.transform
    events = night.lake.partition("valid/events", night.logical_date) / "*.parquet"
    items = night.lake.partition("clean/items", night.logical_date) / "*.parquet"
    weight = " ".join(f"when event_type = '{name}' then {value}" for name, value in chosen.weights.items())
    database = duckdb.connect()
    database.execute("set threads to 2; set timezone = 'UTC'")
    database.execute(
        f"""
        create temp table visits as
        with rows as (select *, nullif(trim(session_id), '') as given from '{events}'),
        silences as (select *, occurred_at - lag(occurred_at) over w as silence from rows
          window w as (partition by user_id, given is null order by occurred_at, event_id)),
        numbered as (select *,
          sum((silence is null or silence > interval {chosen.session_gap_minutes} minute)::int) over
          (partition by user_id, given is null order by occurred_at, event_id rows unbounded preceding)
          as visit from silences),
        named as (select * replace (coalesce(given, user_id || '-' || floor(epoch(min(occurred_at) over
          (partition by user_id, given is null, visit)))::bigint) as session_id) from numbered),
        busy as (select distinct user_id from rows where event_type <> 'impression'
          group by user_id, date_trunc('hour', occurred_at) having count(*) > {chosen.bot_events_per_hour}),
        places as (select named.*, busy.user_id is not null as is_bot,
          case when event_type = 'impression' and value >= 1 then least(value, 100)::int end as position
          from named left join busy using (user_id))
        select event_id, user_id, item_id, event_type, value, occurred_at, session_id, list_version, position,
          case when event_type <> 'impression' then last_value(position ignore nulls) over
            (partition by user_id, session_id, item_id order by occurred_at,
             case when event_type = 'impression' then 0 else 1 end, event_id
             rows between unbounded preceding and current row) end as shown_position, is_bot
        from places"""
    )
    exponent = _fit_exponent(database, chosen)
    copies = {
        "interactions": f"""select * exclude (is_bot), round(case
            when event_type in {SIGNALS} then (case {weight} else 0 end) *
              least(coalesce(shown_position, 1)::double ** {exponent}, {chosen.max_position_boost})
            when event_type = 'rating' then (case {weight} else 0 end) *
              coalesce((least(greatest(value, 1.0), 5.0) - 3.0) / 2.0, 0.0)
            else (case {weight} else 0.0 end) end, 6) as weight, is_bot
          from visits order by user_id, occurred_at, event_id""",
        "item_pairs": f"""with firsts as (select user_id, session_id, item_id, min(occurred_at) as first_at
            from visits where not is_bot and event_type = 'view' group by all),
          kept as (select * from firsts qualify row_number() over (partition by user_id, session_id
            order by first_at, item_id) <= {chosen.max_session_items})
          select a.item_id, b.item_id as other_item_id, count(*) as co_view_count
          from kept a join kept b using (user_id, session_id) where a.item_id <> b.item_id
          group by all order by all""",
        "item_daily": f"""select item_id, occurred_at::date as event_date, {_count_columns()} from visits
          where not is_bot group by all order by all""",
        "user_daily": f"""select user_id, occurred_at::date as event_date, {_count_columns()},
            coalesce(sum(price::decimal(18, 2)) filter (event_type = 'view'), 0)::double as viewed_price_sum
          from visits left join (select item_id, price from '{items}') using (item_id) where not is_bot
          group by all order by all""",
    }
    for name, query in copies.items():
        database.execute(f"copy ({query}) to '{out / name}.parquet' (compression zstd)")


def _count_columns() -> str:
    return ", ".join(f"count(*) filter (event_type = '{name}') as {name}_count" for name in TYPES)


def _fit_exponent(database: Any, chosen: Any) -> float:
    from handpick.stages.transform.interactions import fit_position_exponent

    counts = database.execute(
        """select position, shown, coalesce(clicked, 0) from
           (select position, count(*) as shown from visits
             where position is not null and not is_bot group by 1)
           left join (select shown_position as position, count(*) as clicked from visits
             where event_type = 'view' and shown_position is not null and not is_bot group by 1)
             using (position)"""
    ).fetchall()
    return fit_position_exponent(counts, chosen.min_position_impressions, chosen.default_position_exponent)


def _find_differences(night: Any, peer: Path) -> list[str]:
    """Return the names of the DuckDB tables whose rows differ from Spark's."""
    import duckdb

    found = []
    for file in sorted(peer.glob("*.parquet")):
        ours = night.lake.partition(f"clean/{file.stem}", night.logical_date) / "*.parquet"
        columns = [name for (name, *_) in duckdb.execute(f"describe select * from '{file}'").fetchall()]
        listed = ", ".join(columns)
        # Spark's table also holds pairs that were only bought together.
        only = " where co_view_count > 0" if file.stem == "item_pairs" else ""
        ((count,),) = duckdb.execute(
            f"""select count(*) from (
                (select {listed} from '{ours}'{only} except select {listed} from '{file}')
                union all (select {listed} from '{file}' except select {listed} from '{ours}'))"""
        ).fetchall()
        if count:
            found.append(file.stem)
    return found
