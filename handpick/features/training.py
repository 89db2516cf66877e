"""`features/training`: for every positive interaction, what was known about the user at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.services import fusion_v1_training
from handpick.features.shape import COUNTS, TRAINING_SCHEMA
from handpick.features.store import quietly
from handpick.ledger import Flow
from handpick.log import track
from handpick.night import Night

if TYPE_CHECKING:
    from feast import FeatureStore

TABLE = "features/training"
ORDER = [("user_id", "ascending"), ("event_timestamp", "ascending"), ("event_id", "ascending")]


def write(night: Night, store: FeatureStore) -> Flow:
    """Write tonight's partition: the rows of the night before, which time cannot change, and the new ones.

    The ledger counts interactions: those without a positive weight show no preference and train nothing.
    """
    lake, day = night.lake, night.logical_date
    facts = lake.read_through(
        "marts/fct_interactions", day, ["event_id", "user_id", "item_id", "occurred_at", "weight"]
    )
    positive = facts.filter(pc.greater(pc.fill_null(facts["weight"], 0), 0))
    entities = positive.select(["event_id", "user_id", "item_id", "occurred_at"]).rename_columns(
        ["event_id", "user_id", "item_id", "event_timestamp"]
    )
    previous = lake.before(TABLE, day)
    known = lake.read(TABLE, previous) if previous else TRAINING_SCHEMA.empty_table()
    fresh = entities.filter(pc.invert(pc.is_in(entities["event_id"], known["event_id"])))
    parts = [known.cast(TRAINING_SCHEMA), *_joined(store, fresh.sort_by(ORDER), night)]
    rows = pa.concat_tables(parts).sort_by(ORDER)
    with lake.writing(TABLE, day) as folder:
        pq.write_table(rows, folder / "part-00000.parquet", compression="zstd")
    dropped = {"no preference shown": facts.num_rows - positive.num_rows}
    return Flow("training rows", facts.num_rows, rows.num_rows, dropped)


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
