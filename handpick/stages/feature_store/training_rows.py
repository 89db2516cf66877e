"""Writes `features/training`: for every positive interaction, the features as known at its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.services import fusion_v1_training
from features.sources import SOURCES_PREFIX
from handpick.dataset.feature_columns import COUNT_COLUMNS, TRAINING_SCHEMA
from handpick.lake.partitions import count_rows
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.log import track_progress
from handpick.stages.feature_store.feast_store import run_feast

if TYPE_CHECKING:
    from feast import FeatureStore

INTERACTIONS_TABLE, TRAINING_TABLE = "marts/fct_interactions", "features/training"
SORT_ORDER = [("user_id", "ascending"), ("event_timestamp", "ascending"), ("event_id", "ascending")]


def write_training_rows(night: Night, store: FeatureStore) -> Flow:
    """Write tonight's partition: the interactions since the night before, with their features.

    Rows of earlier nights stay as they are: what was known at their time cannot change. Interactions without
    a positive weight show no preference and are dropped.

    Args:
        night: Tonight.
        store: The feature store, with its definitions applied.

    Returns:
        The ledger line, which counts interactions.

    Raises:
        MissingPartition: If there are no interactions up to tonight.
        DamagedData: If a source of any night is not what was written.
        FeatureStoreError: If the offline store cannot join the features.
    """
    lake, day = night.lake, night.logical_date
    # Feast finds the sources' files by name and reads them with DuckDB, which does not compare checksums.
    for table in lake.list_tables([SOURCES_PREFIX]):
        lake.check(table, lake.list_dates(table, day), with_bytes=True)
    previous = lake.latest_date_before(TRAINING_TABLE, day)
    since = None if previous is None else previous + timedelta(days=1)
    days = [one for one in lake.list_dates(INTERACTIONS_TABLE, day) if since is None or one >= since]
    rows_in = sum(count_rows(lake.partition(INTERACTIONS_TABLE, one)) for one in days)
    chosen = lake.read_through(
        INTERACTIONS_TABLE,
        day,
        ["event_id", "user_id", "item_id", "occurred_at"],
        since,
        pc.field("weight") > 0,
    )
    names = ["event_id", "user_id", "item_id", "event_timestamp"]
    entities = chosen.rename_columns(names).sort_by(SORT_ORDER)
    rows_out = 0
    with (
        lake.replace_partition(TRAINING_TABLE, day) as folder,
        pq.ParquetWriter(
            folder / "part-00000.parquet", TRAINING_SCHEMA, compression="zstd", write_page_checksum=True
        ) as file,
    ):
        for rows in _join_features(store, entities, night):
            # Batches are slices of rows sorted by user and time, so sorted batches make a sorted file.
            file.write_table(rows.sort_by(SORT_ORDER))
            rows_out += rows.num_rows
    dropped = {"no preference shown": rows_in - entities.num_rows}
    return Flow("training rows", rows_in, rows_out, dropped)


def _join_features(store: FeatureStore, entities: pa.Table, night: Night) -> Iterator[pa.Table]:
    """Yield entity rows with their features, in batches that bound the pandas frames that Feast requires."""
    size = night.settings.features.training_batch_rows
    starts = range(0, entities.num_rows, size)
    for start in track_progress(starts, "training rows joined") if len(starts) > 1 else starts:
        frame = entities.slice(start, size).to_pandas()
        frame["scored_at"] = frame["event_timestamp"]
        with run_feast("join training rows", night.settings):
            service = store.get_feature_service(fusion_v1_training.name)
            joined = store.get_historical_features(frame, service).to_arrow()
        yield _cast_to_schema(joined)


def _cast_to_schema(joined: pa.Table) -> pa.Table:
    """Cast Feast's result to the table's schema; a user without earlier activity has counts of 0."""
    columns = []
    for field in TRAINING_SCHEMA:
        values = joined.column(field.name)
        if pa.types.is_floating(
            values.type
        ):  # on-demand features are computed in pandas, which has NaN for null
            values = pc.if_else(pc.is_nan(values), None, values)
        values = values.cast(field.type)
        columns.append(values.fill_null(0) if field.name in COUNT_COLUMNS else values)
    return pa.table(columns, schema=TRAINING_SCHEMA)
