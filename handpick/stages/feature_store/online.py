"""The online store: brought up to date each night by writing only what changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from features.definitions import VIEWS
from features.sources import EVENT_TIMESTAMP, FOLDER
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.feature_store.sources import BEGINNING, known_before
from handpick.stages.feature_store.store import quietly

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView

MOMENT = pa.timestamp("us", "UTC")


def bring_up_to_date(night: Night, store: FeatureStore) -> tuple[tuple[Flow, ...], int]:
    """Write what tonight changed; a store that lost what it had, or was never filled, is written in full.

    Returns:
        A ledger line for each view, and the entities written.
    """
    flows, total = [], 0
    for view in VIEWS:
        key = view.entity_columns[0].name
        nights = night.lake.read_through(f"{FOLDER}/{view.name}", night.logical_date, [key, EVENT_TIMESTAMP])
        entities = pc.count_distinct(nights[key]).as_py()
        since = known_before(night)
        whole = since == BEGINNING or not _holds(store, view, key, _until(nights, since))
        start = BEGINNING if whole else since + timedelta(microseconds=1)
        fresh = nights.filter(pc.greater_equal(nights[EVENT_TIMESTAMP], pa.scalar(start, MOMENT)))
        written = pc.count_distinct(fresh[key]).as_py()
        if written:
            with quietly(f"write {view.name} online", night.settings):
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


def _until(rows: pa.Table, moment: datetime) -> pa.Table:
    return rows.filter(pc.less_equal(rows[EVENT_TIMESTAMP], pa.scalar(moment, MOMENT)))


def _holds(store: FeatureStore, view: FeatureView, key: str, known: pa.Table) -> bool:
    """Whether the online store has the first, the middle and the last of the entities that it was given before."""
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

    ids = known[key].unique().sort()
    if not len(ids):
        return True
    rows = [{key: ids[place].as_py()} for place in (0, len(ids) // 2, len(ids) - 1)]
    answer = store.get_online_features([f"{view.name}:{field.name}" for field in view.features], rows).proto
    lost = (FieldStatus.NOT_FOUND, FieldStatus.INVALID)
    columns = zip(answer.metadata.feature_names.val, answer.results, strict=True)
    return not any(status in lost for name, column in columns if name != key for status in column.statuses)
