"""`features/training`: for every positive interaction, what was known about the user at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.services import fusion_v1_training
from handpick.dataset.feature_columns import COUNTS, TRAINING_SCHEMA
from handpick.lake.partitions import rows_of
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.log import track
from handpick.stages.feature_store.store import quietly

if TYPE_CHECKING:
    from feast import FeatureStore

FACTS, TABLE = "marts/fct_interactions", "features/training"
ORDER = [("user_id", "ascending"), ("event_timestamp", "ascending"), ("event_id", "ascending")]


def write(night: Night, store: FeatureStore) -> Flow:
    """Write tonight's partition: the interactions since the night before; time cannot change the rows of earlier nights.

    The ledger counts interactions: those without a positive weight show no preference and train nothing.
    """
    lake, day = night.lake, night.logical_date
    previous = lake.before(TABLE, day)
    since = None if previous is None else previous + timedelta(days=1)
    days = [one for one in lake.dates(FACTS, day) if since is None or one >= since]
    rows_in = sum(rows_of(lake.partition(FACTS, one)) for one in days)
    chosen = lake.read_through(
        FACTS, day, ["event_id", "user_id", "item_id", "occurred_at"], since, pc.field("weight") > 0
    )
    names = ["event_id", "user_id", "item_id", "event_timestamp"]
    entities = chosen.rename_columns(names).sort_by(ORDER)
    rows_out = 0
    with (
        lake.writing(TABLE, day) as folder,
        pq.ParquetWriter(folder / "part-00000.parquet", TRAINING_SCHEMA, compression="zstd") as file,
    ):
        for rows in _joined(store, entities, night):
            file.write_table(rows.sort_by(ORDER))  # of users that no other batch comes before or after
            rows_out += rows.num_rows
    dropped = {"no preference shown": rows_in - entities.num_rows}
    return Flow("training rows", rows_in, rows_out, dropped)


def _joined(store: FeatureStore, entities: pa.Table, night: Night) -> Iterator[pa.Table]:
    """Entity rows with their features, in batches; Feast wants a pandas frame, which is large."""
    size = night.settings.features.training_batch_rows
    starts = range(0, entities.num_rows, size)
    for start in track(starts, "training rows joined") if len(starts) > 1 else starts:
        frame = entities.slice(start, size).to_pandas()
        frame["scored_at"] = frame["event_timestamp"]
        with quietly("join training rows", night.settings):
            service = store.get_feature_service(fusion_v1_training.name)
            joined = store.get_historical_features(frame, service).to_arrow()
        yield _shaped(joined)


def _shaped(joined: pa.Table) -> pa.Table:
    """Feast's answer in the table's schema; a user who had done nothing yet has counts of 0."""
    columns = []
    for field in TRAINING_SCHEMA:
        values = joined.column(field.name)
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), None, values)
        values = values.cast(field.type)
        columns.append(values.fill_null(0) if field.name in COUNTS else values)
    return pa.table(columns, schema=TRAINING_SCHEMA)
