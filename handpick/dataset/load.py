"""The night's dataset: what the lake knows as of tonight, as the arrays that models read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handpick.dataset.content_sources import Sources
from handpick.dataset.feature_columns import ITEM_COLUMNS, USER_COLUMNS
from handpick.lake.partitions import Lake
from handpick.night import Night
from models.data import (
    EVENT_TYPES,
    BoolArray,
    Catalogue,
    Dataset,
    FloatArray,
    IntArray,
    Interactions,
    Modality,
    Queries,
    StringArray,
    Users,
)

ITEM_MODALITIES = ("text", "image", "specs")
QUERY_MODALITIES = ("text", "image", "audio")
KEYS = {"items": "item_id", "queries": "query_id"}


def load_dataset(night: Night, embeddings: Mapping[str, pa.Table] | None = None) -> Dataset:
    """Everything known as of tonight.

    Args:
        embeddings: Other vectors than tonight's, as `items` and `queries`.

    Raises:
        MissingPartition: If an earlier stage has not run for this logical date.
    """
    lake = night.lake
    sources = Sources(night)
    if embeddings is None:
        embeddings = {name: lake.read(f"embeddings/{name}", night.logical_date) for name in KEYS}
    catalogue = _catalogue(night, embeddings["items"], sources)
    users = _users(night, catalogue.item_ids)
    facts = _facts(night, users.user_ids, catalogue.item_ids)
    interactions = Interactions(
        user=_ints(facts["user"]),
        item=_ints(facts["item"]),
        event_type=_ints(facts["event_type"]).astype(np.int8),
        weight=_floats(facts["weight"]),
        at=_seconds(facts["occurred_at"]),
    )
    context = _context(lake, night, facts["event_id"])
    return Dataset(
        catalogue,
        users,
        interactions,
        _queries(night, embeddings["queries"], users.user_ids, sources),
        as_of=int(night.as_of.timestamp()),
        context=context,
    )


def _catalogue(night: Night, encoded: pa.Table, sources: Sources) -> Catalogue:
    items = night.lake.read("marts/dim_item", night.logical_date).sort_by("item_id")
    ids = items["item_id"].cast(pa.string())
    statistics = night.lake.read("features/items", night.logical_date)
    released = pc.coalesce(items["release_date"], items["first_seen_date"])
    return Catalogue(
        item_ids=_strings(ids),
        modalities=_modalities(encoded, "items", ids, ITEM_MODALITIES, sources),
        price=_floats(items["price"]),
        brand=_strings(items["brand"]),
        released_at=_seconds(released),
        is_sellable=_flags(items["is_in_stock"]),
        statistics=_matrix(statistics, "item_id", ids, tuple(ITEM_COLUMNS)),
        statistic_names=tuple(ITEM_COLUMNS),
    )


def _users(night: Night, item_ids: StringArray) -> Users:
    people = night.lake.read("marts/dim_user", night.logical_date).sort_by("user_id")
    ids = people["user_id"].cast(pa.string())
    activity = night.lake.read("features/users", night.logical_date)
    return Users(
        user_ids=_strings(ids),
        features=_matrix(activity, "user_id", ids, tuple(USER_COLUMNS)),
        feature_names=tuple(USER_COLUMNS),
        country=_strings(people["country"]),
        locale=_strings(people["locale"]),
        owned_item=places(people["owned_item_id"], item_ids),
        signed_up_at=_seconds(people["signed_up_at"]),
        is_consented=_flags(people["is_consented"]),
    )


def _facts(night: Night, user_ids: StringArray, item_ids: StringArray) -> pa.Table:
    """Interactions of known users with known phones as indices, sorted by user, then time, then event id."""
    columns = ["event_id", "user_id", "item_id", "event_type", "occurred_at", "weight"]
    facts = night.lake.read_through("marts/fct_interactions", night.logical_date, columns)
    kinds = pc.index_in(facts["event_type"].cast(pa.string()), pa.array(EVENT_TYPES))
    rows = pa.table(
        {
            "user": places(facts["user_id"], user_ids),
            "item": places(facts["item_id"], item_ids),
            "event_type": kinds,
            "weight": facts["weight"],
            "occurred_at": facts["occurred_at"],
            "event_id": facts["event_id"],
        }
    )
    known = pc.and_(pc.greater_equal(rows["user"], 0), pc.greater_equal(rows["item"], 0))
    rows = rows.filter(pc.and_(known, pc.is_valid(rows["event_type"])))
    return rows.sort_by([("user", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")])


def _context(lake: Lake, night: Night, events: pa.ChunkedArray) -> FloatArray:
    """`(events, f)`: what Feast knew of the user at each interaction; NaN for those that show no preference."""
    columns = list(USER_COLUMNS)
    known = lake.read_through("features/training", night.logical_date, ["event_id", *columns])
    return _matrix(known, "event_id", events, tuple(columns))


def _queries(night: Night, encoded: pa.Table, user_ids: StringArray, sources: Sources) -> Queries:
    columns = ["query_id", "user_id", "occurred_at", "text"]
    asked = night.lake.read_through("marts/fct_queries", night.logical_date, columns)
    asked = asked.append_column("user", pa.array(places(asked["user_id"], user_ids)))
    asked = asked.filter(pc.greater_equal(asked["user"], 0)).sort_by(
        [("user", "ascending"), ("occurred_at", "ascending"), ("query_id", "ascending")]
    )
    ids = asked["query_id"].cast(pa.string())
    return Queries(
        user=_ints(asked["user"]),
        at=_seconds(asked["occurred_at"]),
        modalities=_modalities(encoded, "queries", ids, QUERY_MODALITIES, sources),
        query_ids=_strings(ids),
        text=_strings(asked["text"]),
    )


def _modalities(
    encoded: pa.Table, whose: str, ids: pa.ChunkedArray, names: tuple[str, ...], sources: Sources
) -> dict[str, Modality]:
    """The vectors of each modality for these ids, with what made them: the table's metadata, by column.

    Args:
        whose: `items` or `queries`.
    """
    known = encoded[KEYS[whose]].cast(pa.string()).combine_chunks()
    rows = pc.index_in(ids, known).combine_chunks()
    about = {name.decode(): said.decode() for name, said in (encoded.schema.metadata or {}).items()}
    found = {}
    for name in names:
        if name in encoded.column_names:
            values, present = _vectors(encoded[name].combine_chunks().take(rows))
            if present.any():  # what nothing has is no modality: a shop without pictures
                made = about.get(name, "")
                found[name] = Modality(
                    values, present, made, _keys(encoded, name, rows), sources.of(name, whose, made)
                )
    return found


def _keys(encoded: pa.Table, name: str, rows: pa.Array) -> StringArray | None:
    """What each row's vector was made of, empty where there is none; None where the table does not say."""
    if f"{name}_key" not in encoded.column_names:
        return None
    return _strings(pa.chunked_array([encoded[f"{name}_key"].combine_chunks().take(rows)]))


def _vectors(lists: pa.ListArray) -> tuple[FloatArray, BoolArray]:
    """`(n, d)` and `(n,)`: vectors of the longest width found; null, odd or not finite ones are not present."""
    lengths = _floats(pc.list_value_length(lists))
    width = int(np.nanmax(lengths, initial=0))
    present = lengths == width if width else np.zeros(len(lists), bool)
    values = np.zeros((len(lists), width), np.float32)
    kept = lists.filter(pa.array(present))
    values[present] = _floats(kept.flatten()).reshape(len(kept), width)
    present &= np.isfinite(values).all(axis=1)
    values[~present] = 0
    return values, present


def _matrix(table: pa.Table, key: str, ids: pa.ChunkedArray, columns: tuple[str, ...]) -> FloatArray:
    """`(ids, columns) float32` of the rows with these ids; NaN where there is no row or no value."""
    rows = pc.index_in(ids, table[key].cast(pa.string()).combine_chunks()).combine_chunks()
    matrix = np.empty((len(ids), len(columns)), np.float32)
    for place, name in enumerate(columns):
        matrix[:, place] = _floats(table[name].combine_chunks().take(rows))
    return matrix


def places(ids: pa.ChunkedArray, known: StringArray) -> IntArray:
    """Where each id stands among the known ones, -1 where it is not."""
    found = pc.index_in(ids.cast(pa.string()), pa.array(known.tolist(), pa.string()))
    return _ints(pc.fill_null(found, -1))


def _ints(values: pa.ChunkedArray | pa.Array) -> IntArray:
    return np.asarray(
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(), np.int64
    )


def _floats(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Numbers, NaN for null."""
    filled = pc.fill_null(values.cast(pa.float32()), float("nan"))
    return np.array(
        filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
    )


def _flags(values: pa.ChunkedArray) -> BoolArray:
    return np.asarray(pc.fill_null(values, False).to_numpy(), bool)


def _strings(values: pa.ChunkedArray) -> StringArray:
    """Text, empty for null."""
    return np.array(pc.fill_null(values.cast(pa.string()), "").to_pylist(), dtype=str)


def _seconds(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Seconds since 1970 UTC, 0 for null."""
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    micros = values.cast(pa.timestamp("us", zone)).cast(pa.int64())
    return _ints(pc.fill_null(micros, 0)) // 1_000_000
