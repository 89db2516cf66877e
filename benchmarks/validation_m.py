"""Compares validation of rung M's events with reading and writing alone, and with Great Expectations.

Reading and writing is done by the code that writes valid rows, on all cores, without checks.
Great Expectations gets the same row rules on its Spark engine, with every unexpected index, on the first
`GX_ROWS` rows; our validation is timed on the same rows for that ratio. References and repeated keys across
nights, for which Great Expectations has no row rule, are checked by ours only.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

GX_ROWS = 1_000_000
MEMORY = "6g"


def measure() -> dict[str, Any]:
    """Measure the seconds of validation, of reading and writing, of Great Expectations; and the ratios."""
    from benchmarks.demo_shops import LAST_DAY, shop_settings
    from handpick.contracts import CONTRACTS
    from handpick.night import Night
    from handpick.runtime.dataframes import start_engine
    from handpick.runtime.spark import get_spark_session
    from handpick.stages import land
    from handpick.stages.validate.source_validation import validate_source

    with shop_settings(os.environ.get("RUNG", "M"), spark={"driver_memory": MEMORY}) as chosen:
        night = Night(chosen, LAST_DAY)
        land.run(night)
        raw = night.lake.partition("raw/events", LAST_DAY)
        with start_engine(chosen, rows=5_000_000) as engine:
            for source in ("catalog", "users"):
                validate_source(engine, night, CONTRACTS[source])
            plain = [_read_and_write(raw, chosen.home / "plain")]
            began = time.perf_counter()
            flow = validate_source(engine, night, CONTRACTS["events"]).flow
            seconds = time.perf_counter() - began
            # Before and after, and the faster of both: the machine's speed may drift.
            plain.append(_read_and_write(raw, chosen.home / "plain"))
            _keep_first(raw, GX_ROWS)
            began = time.perf_counter()
            validate_source(engine, night, CONTRACTS["events"])
            ours = time.perf_counter() - began
        theirs = _great_expectations(get_spark_session(chosen), night, raw)
    return {
        "validation_seconds": seconds,
        "rows": flow.rows_in,
        "rows_set_aside": flow.rows_dropped,
        "read_and_write_seconds": min(plain),
        "over_read_and_write": seconds / min(plain),
        "gx_rows": GX_ROWS,
        "our_seconds_on_gx_rows": ours,
        "gx_seconds": theirs,
        "faster_than_gx": theirs / ours,
    }


def _read_and_write(raw: Path, folder: Path) -> float:
    """Read the raw rows and write them as the lake's files are written, one by one."""
    from handpick.lake.partitions import write_parquet

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = sorted(raw.glob("*.parquet"))
        for _ in pool.map(lambda file: write_parquet(pq.read_table(file), folder / file.name), files):
            pass
    return time.perf_counter() - began


def _keep_first(raw: Path, rows: int) -> None:
    """Shorten a landed partition to its first rows: whole files, and the last of them truncated."""
    remaining = rows
    for file in sorted(raw.glob("*.parquet")):
        table = pq.read_table(file)
        pq.write_table(table.slice(0, remaining), file)
        remaining = max(0, remaining - table.num_rows)


def _great_expectations(spark: Any, night: Any, raw: Path) -> float:
    import great_expectations as gx
    from pyspark.sql import functions as F

    from handpick.contracts import CONTRACTS
    from handpick.contracts.expectations import build_row_expectations

    contract = CONTRACTS["events"]
    columns = [
        F.expr(f"try_cast({name} as double)").alias(name)
        if contract.column(name).type == "number"
        else F.col(name)
        for name in contract.column_names
    ]
    frame = spark.read.parquet(str(raw)).select(*columns, "_source_file", "_source_line")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_spark("events").add_dataframe_asset("events")
        batch = asset.add_batch_definition_whole_dataframe("night")
        rules = build_row_expectations(contract, night.settings.validation)
        suite = context.suites.add(gx.ExpectationSuite(name="events", expectations=rules))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name="events", data=batch, suite=suite)
        )
        result_format = {
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["_source_file", "_source_line"],
        }
        began = time.perf_counter()
        definition.run(batch_parameters={"dataframe": frame}, result_format=result_format)
        return time.perf_counter() - began
