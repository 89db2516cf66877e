"""Updates the online store, writing only what changed tonight."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from features.definitions import VIEWS
from features.sources import EVENT_TIMESTAMP, SOURCES_PREFIX
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.feature_store.feast_store import run_feast
from handpick.stages.feature_store.offline_sources import BEGINNING, find_known_until

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView

TIMESTAMP_TYPE = pa.timestamp("us", "UTC")


def update_online_store(night: Night, store: FeatureStore) -> tuple[tuple[Flow, ...], int]:
    """Materialize what changed tonight; write a view in full if the store lacks its earlier values.

    Args:
        night: Tonight.
        store: The feature store, with its definitions applied.

    Returns:
        A ledger line for each view, and the number of entities written over all views.

    Raises:
        FeatureStoreError: If the online store cannot be reached or refuses a write.
    """
    flows, total = [], 0
    for view in VIEWS:
        key = view.entity_columns[0].name
        nights = night.lake.read_through(
            f"{SOURCES_PREFIX}/{view.name}", night.logical_date, [key, EVENT_TIMESTAMP]
        )
        entities = pc.count_distinct(nights[key]).as_py()
        since = find_known_until(night)
        in_full = since == BEGINNING or not _has_earlier_values(store, view, key, _rows_until(nights, since))
        # Feast includes both ends of the interval: one microsecond later leaves out the night before.
        start = BEGINNING if in_full else since + timedelta(microseconds=1)
        fresh = nights.filter(pc.greater_equal(nights[EVENT_TIMESTAMP], pa.scalar(start, TIMESTAMP_TYPE)))
        written = pc.count_distinct(fresh[key]).as_py()
        if written:
            with run_feast(f"write {view.name} online", night.settings):
                store.materialize(start, night.as_of, [view.name])
        flows.append(
            Flow(
                f"online {view.name}",
                entities,
                written,
                {"unchanged since the night before": entities - written},
            )
        )
        total += written
    return tuple(flows), total


def _rows_until(rows: pa.Table, time: datetime) -> pa.Table:
    """Select the rows with timestamps up to and including a point in time."""
    return rows.filter(pc.less_equal(rows[EVENT_TIMESTAMP], pa.scalar(time, TIMESTAMP_TYPE)))


def _has_earlier_values(store: FeatureStore, view: FeatureView, key: str, known: pa.Table) -> bool:
    """Return whether the online store still has three entities of earlier nights: the first, middle and last.

    A sample is enough: stores lose everything (a file is deleted, a server restarts empty), not single
    entities.
    """
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

    ids = known[key].unique().sort()
    if not len(ids):
        return True
    rows = [{key: ids[place].as_py()} for place in (0, len(ids) // 2, len(ids) - 1)]
    answer = store.get_online_features([f"{view.name}:{field.name}" for field in view.features], rows).proto
    lost = (FieldStatus.NOT_FOUND, FieldStatus.INVALID)
    columns = zip(answer.metadata.feature_names.val, answer.results, strict=True)
    return not any(status in lost for name, column in columns if name != key for status in column.statuses)
