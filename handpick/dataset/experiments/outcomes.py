"""What users of experiments did: tonight's events, attributed to the list that each user was served then.

An event that names a list version belongs to that version's lists; any other one to those of the last night
before its day, which were current on it. Only lists that were made while the experiment ran count.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.dataset.experiments.actions import find_start, read_actions
from handpick.dataset.published_nights import find_published_nights
from handpick.night import Night
from handpick.settings.experiments import ExperimentSettings
from models.dataset import IntArray

LISTS, EVENTS = "lists/recommendations", "marts/fct_interactions"
OUTCOMES = "experiments/outcomes"
COUNTS = ("views", "purchases", "returns", "list_views", "list_purchases")
SCHEMA = pa.schema(
    [
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("user_id", pa.string()),
        ("event_date", pa.date32()),
        ("shown", pa.int64()),
        *((name, pa.int64()) for name in COUNTS),
        ("revenue", pa.float64()),
    ]
)
"""Columns of `experiments/outcomes`: a row for each user and day with an event that landed that night.

`shown` counts impressions of phones of the user's list that name its version, `list_views` and
`list_purchases` those of phones that stood on it; `revenue` is what was paid, in the events' units.
"""


def collect_outcomes(night: Night) -> pa.Table:
    """Count what users of experiments did in the events that landed tonight, as rows of `SCHEMA`."""
    started = [one for one in night.settings.experiments if find_start(read_actions(night.lake), one.name)]
    first = min((one.starts_on for one in started), default=None)
    if first is None or not night.lake.has(EVENTS, night.logical_date):
        return SCHEMA.empty_table()
    columns = ["user_id", "item_id", "event_type", "value", "occurred_at", "list_version"]
    events = night.lake.read(EVENTS, night.logical_date, columns)
    list_nights = _find_list_nights(night, events)
    tables = []
    for day in sorted(set(list_nights.tolist()) - {None}):
        if day < first:
            continue
        rows = events.filter(pa.array(list_nights == day))
        tables.append(_count_by_user(night, day, rows, started))
    if not tables:
        return SCHEMA.empty_table()
    table = pa.concat_tables(tables).combine_chunks()
    keys = ["experiment", "variant", "user_id", "event_date"]
    sums = [(name, "sum") for name in SCHEMA.names if name not in keys]
    table = table.group_by(keys).aggregate(sums).rename_columns([*keys, *(name for name, _ in sums)])
    return table.select(SCHEMA.names).cast(SCHEMA).sort_by([(key, "ascending") for key in keys])


def _find_list_nights(night: Night, events: pa.Table) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """Return the night of the lists that each event belongs to: `(events,)`; None where there is none."""
    made = night.lake.list_dates(LISTS, night.logical_date)
    days = events["occurred_at"].cast(pa.date32()).to_pylist()
    # The lists of a night are current on the days after it, until the next night's.
    before = {day: max((one for one in made if one < day), default=None) for day in set(days)}
    published = find_published_nights(night)
    versions = pc.fill_null(events["list_version"].cast(pa.string()), "").to_pylist()
    found = np.empty(len(days), object)
    found[:] = [
        published.get(version.strip()) if version.strip() else before[day]
        for version, day in zip(versions, days, strict=True)
    ]
    return found


def _count_by_user(
    night: Night, day: date, events: pa.Table, experiments: list[ExperimentSettings]
) -> pa.Table:
    """Count the events on one night's lists by experiment, variant, user and day."""
    users = pc.unique(events["user_id"].cast(pa.string()).combine_chunks())
    import pyarrow.dataset as ds

    columns = ["user_id", "item_id", "experiment", "variant"]
    known = set(_read_columns(night, day))
    if not {"experiment", "variant"} <= known:  # lists of an earlier release
        return SCHEMA.empty_table()
    where = ds.field("user_id").isin(users) & ds.field("experiment").is_valid()
    lists = night.lake.read(LISTS, day, columns, where)
    if not len(lists):
        return SCHEMA.empty_table()
    listed = pc.unique(pc.binary_join_element_wise(lists["user_id"], lists["item_id"], "\0").combine_chunks())
    assigned = lists.group_by(["user_id", "experiment", "variant"]).aggregate([])
    events = events.filter(pc.is_in(events["user_id"].cast(pa.string()), assigned["user_id"]))
    pair = pc.binary_join_element_wise(
        events["user_id"].cast(pa.string()), events["item_id"].cast(pa.string()), "\0"
    )
    is_listed = pc.is_in(pair, listed).to_numpy(zero_copy_only=False)
    kind = np.array(events["event_type"].cast(pa.string()).to_pylist(), dtype=str)
    has_version = pc.is_valid(events["list_version"]).to_numpy()
    value = pc.fill_null(events["value"].cast(pa.float64()), 0.0).to_numpy()
    counted = pa.table(
        {
            "user_id": events["user_id"].cast(pa.string()),
            "event_date": events["occurred_at"].cast(pa.date32()),
            "shown": ((kind == "impression") & has_version & is_listed).astype(np.int64),
            "views": (kind == "view").astype(np.int64),
            "purchases": (kind == "purchase").astype(np.int64),
            "returns": (kind == "return").astype(np.int64),
            "list_views": ((kind == "view") & is_listed).astype(np.int64),
            "list_purchases": ((kind == "purchase") & is_listed).astype(np.int64),
            "revenue": np.where(kind == "purchase", value, 0.0),
        }
    )
    return _split_experiments(counted.join(assigned, "user_id"), {one.name for one in experiments})


def _read_columns(night: Night, day: date) -> list[str]:
    """Return the columns of a night's lists."""
    import pyarrow.parquet as pq

    files = sorted(night.lake.partition(LISTS, day).glob("*.parquet"))
    return pq.read_schema(files[0]).names if files else []


def _split_experiments(counted: pa.Table, names: set[str]) -> pa.Table:
    """Return a row for each experiment where a user is part of several."""
    tables = []
    for name in sorted(names):
        rows = select_experiment(counted, name)
        named = rows.append_column("experiment", pa.array([name] * len(rows), pa.string()))
        tables.append(named.select(SCHEMA.names))
    return pa.concat_tables(tables)


def select_experiment(rows: pa.Table, name: str) -> pa.Table:
    """Return the rows of an experiment's users, with its own variant alone in `variant`.

    Args:
        rows: With `experiment` and `variant`, whose names are joined by `+` for users of several.
        name: The experiment.

    Returns:
        Without `experiment`.
    """
    tables = []
    others = [column for column in rows.column_names if column not in ("experiment", "variant")]
    for joint in pc.unique(rows["experiment"]).drop_null().to_pylist():
        names = joint.split("+")
        if name not in names:
            continue
        some = rows.filter(pc.equal(rows["experiment"], joint))
        # All lists of variants have as many parts as there are experiments.
        own = pc.list_element(pc.split_pattern(some["variant"], "+"), names.index(name))
        tables.append(some.select(others).append_column("variant", own))
    empty = rows.slice(0, 0).select([*others, "variant"])
    return pa.concat_tables([empty, *tables])


def index_days(days: pa.ChunkedArray, experiment: ExperimentSettings) -> IntArray:
    """Return the number of days since the experiment's first lists, from 0: `(rows,)`.

    The lists of `starts_on` are seen on the day after it, which is day 0.
    """
    numbers = days.cast(pa.int32()).to_numpy().astype(np.int64)
    return numbers - (experiment.starts_on - date(1970, 1, 1)).days - 1
