"""Loading of a night's dataset from the lake: the arrays that models read, as of the logical date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handpick.dataset.content_sources import ContentSources
from handpick.dataset.feature_columns import ITEM_COLUMNS, USER_COLUMNS
from handpick.lake.partitions import Lake
from handpick.night import Night
from models.dataset import (
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
ID_COLUMNS = {"items": "item_id", "queries": "query_id"}


def load_dataset(night: Night, embeddings: Mapping[str, pa.Table] | None = None) -> Dataset:
    """Load everything known as of the night.

    Args:
        night: Night to load; gives the lake and the logical date.
        embeddings: The tables `items` and `queries` to use instead of the night's `embeddings`.

    Raises:
        MissingPartition: If an earlier stage has not run for this logical date.
    """
    lake = night.lake
    sources = ContentSources(night)
    if embeddings is None:
        embeddings = {name: lake.read(f"embeddings/{name}", night.logical_date) for name in ID_COLUMNS}
    items = lake.read("marts/dim_item", night.logical_date).sort_by("item_id")
    catalogue = _load_catalogue(night, items, embeddings["items"], sources)
    users = _load_users(night, catalogue.item_ids)
    facts = _read_interactions(night, users, catalogue.item_ids)
    interactions = Interactions(
        user=_to_ints(facts["user"]),
        item=_to_ints(facts["item"]),
        event_type=_to_ints(facts["event_type"]).astype(np.int8),
        weight=_to_floats(facts["weight"]),
        at=_to_seconds(facts["occurred_at"]),
    )
    context = _load_context(lake, night, facts["event_id"])
    released = fill_unknown_releases(
        catalogue.released_at,
        ~_to_flags(pc.is_valid(items["release_date"])),
        _to_seconds(items["first_seen_date"]),
        interactions,
    )
    return Dataset(
        replace(catalogue, released_at=released),
        users,
        interactions,
        _load_queries(night, embeddings["queries"], users, sources),
        as_of=int(night.as_of.timestamp()),
        context=context,
    )


def _load_catalogue(night: Night, items: pa.Table, encoded: pa.Table, sources: ContentSources) -> Catalogue:
    """Return the rows of `marts/dim_item`, sorted by id, with their vectors and statistics."""
    ids = items["item_id"].cast(pa.string())
    statistics = night.lake.read("features/items", night.logical_date)
    # A release date is often missing: see `fill_unknown_releases`.
    released = pc.coalesce(items["release_date"], items["first_seen_date"])
    return Catalogue(
        item_ids=_to_strings(ids),
        modalities=_load_modalities(encoded, "items", ids, ITEM_MODALITIES, sources),
        price=_to_floats(items["price"]),
        brand=_to_strings(items["brand"]),
        released_at=_to_seconds(released),
        is_sellable=_to_flags(items["is_in_stock"]),
        statistics=_align_rows(statistics, "item_id", ids, tuple(ITEM_COLUMNS)),
        statistic_names=tuple(ITEM_COLUMNS),
    )


def fill_unknown_releases(
    released_at: IntArray, is_unknown: BoolArray, first_seen_at: IntArray, interactions: Interactions
) -> IntArray:
    """Estimate the release of phones without a release date: they were on sale when first seen or acted on.

    The first catalogue that a shop delivers says nothing about how old its phones are: those of it were on
    sale since the first event of all. Otherwise no phone of a shop without release dates could be recommended
    on a day of its first night's history.

    Args:
        released_at: `(items,)` seconds since 1970, of the release date where it is known.
        is_unknown: `(items,)` whether it is not.
        first_seen_at: `(items,)` seconds of the first night that saw the phone.
        interactions: All events.
    """
    first_event = np.full(len(released_at), np.iinfo(np.int64).max)
    np.minimum.at(first_event, interactions.item, interactions.at)
    estimate = np.minimum(first_seen_at, first_event)
    if len(interactions) and len(first_seen_at):
        is_first_import = first_seen_at == first_seen_at.min()
        estimate = np.where(is_first_import, np.minimum(estimate, interactions.at.min()), estimate)
    return np.where(is_unknown, estimate, released_at)


def _load_users(night: Night, item_ids: StringArray) -> Users:
    """Return the users of `marts/dim_user`, sorted by id, with their features."""
    people = night.lake.read("marts/dim_user", night.logical_date).sort_by("user_id")
    ids = people["user_id"].cast(pa.string())
    activity = night.lake.read("features/users", night.logical_date)
    return Users(
        user_ids=_to_strings(ids),
        features=_align_rows(activity, "user_id", ids, tuple(USER_COLUMNS)),
        feature_names=tuple(USER_COLUMNS),
        country=_to_strings(people["country"]),
        locale=_to_strings(people["locale"]),
        owned_item=index_ids(people["owned_item_id"], item_ids),
        signed_up_at=_to_seconds(people["signed_up_at"]),
        is_consented=_to_flags(people["is_consented"]),
    )


def _read_interactions(night: Night, users: Users, item_ids: StringArray) -> pa.Table:
    """Return interactions of known users with known items as indices.

    They are sorted by user, then time, then event id.
    """
    columns = ["event_id", "user_id", "item_id", "event_type", "occurred_at", "weight"]
    facts = night.lake.read_through("marts/fct_interactions", night.logical_date, columns, check_bytes=True)
    # An event type that the models do not know has a null index and is left out below.
    kinds = pc.index_in(facts["event_type"].cast(pa.string()), pa.array(EVENT_TYPES))
    rows = pa.table(
        {
            "user": _index_learned_users(night, facts["user_id"], users),
            "item": index_ids(facts["item_id"], item_ids),
            "event_type": kinds,
            "weight": facts["weight"],
            "occurred_at": facts["occurred_at"],
            "event_id": facts["event_id"],
        }
    )
    known = pc.and_(pc.greater_equal(rows["user"], 0), pc.greater_equal(rows["item"], 0))
    rows = rows.filter(pc.and_(known, pc.is_valid(rows["event_type"])))
    return rows.sort_by([("user", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")])


def _index_learned_users(night: Night, ids: pa.ChunkedArray, users: Users) -> IntArray:
    """Return what `index_ids` does; -1 also for users without consent where nothing is learned from them."""
    found = index_ids(ids, users.user_ids)
    if night.settings.privacy.learn_without_consent or not len(users.user_ids):
        return found
    return np.where((found >= 0) & users.is_consented[np.maximum(found, 0)], found, -1)


def _load_context(lake: Lake, night: Night, events: pa.ChunkedArray) -> FloatArray:
    """Return `(events, f) float32`: the point-in-time user features at each interaction, by Feast.

    NaN for interactions without a row in `features/training`, which holds only those that show a preference.
    """
    columns = list(USER_COLUMNS)
    known = lake.read_through(
        "features/training", night.logical_date, ["event_id", *columns], check_bytes=True
    )
    return _align_rows(known, "event_id", events, tuple(columns))


def _load_queries(night: Night, encoded: pa.Table, users: Users, sources: ContentSources) -> Queries:
    """Return the queries of known users, sorted by user, then time, then query id, with their vectors."""
    columns = ["query_id", "user_id", "occurred_at", "text"]
    queries = night.lake.read_through("marts/fct_queries", night.logical_date, columns, check_bytes=True)
    queries = queries.append_column("user", pa.array(_index_learned_users(night, queries["user_id"], users)))
    queries = queries.filter(pc.greater_equal(queries["user"], 0)).sort_by(
        [("user", "ascending"), ("occurred_at", "ascending"), ("query_id", "ascending")]
    )
    ids = queries["query_id"].cast(pa.string())
    return Queries(
        user=_to_ints(queries["user"]),
        at=_to_seconds(queries["occurred_at"]),
        modalities=_load_modalities(encoded, "queries", ids, QUERY_MODALITIES, sources),
        query_ids=_to_strings(ids),
        text=_to_strings(queries["text"]),
    )


def _load_modalities(
    encoded: pa.Table, whose: str, ids: pa.ChunkedArray, names: tuple[str, ...], sources: ContentSources
) -> dict[str, Modality]:
    """Return the vectors of each modality for these ids.

    The table's metadata names the encoder of each column.

    Args:
        encoded: `embeddings/items` or `embeddings/queries`.
        whose: `items` or `queries`.
        ids: Ids of the rows to return, in their order.
        names: Modalities to look for.
        sources: Sources of the content that the vectors were made of.
    """
    known = encoded[ID_COLUMNS[whose]].cast(pa.string()).combine_chunks()
    rows = pc.index_in(ids, known).combine_chunks()
    metadata = encoded.schema.metadata or {}
    fingerprints = {name.decode(): value.decode() for name, value in metadata.items()}
    modalities = {}
    for name in names:
        if name in encoded.column_names:
            values, present = _decode_vectors(encoded[name].combine_chunks().take(rows))
            if present.any():  # a shop without any picture has no such modality
                fingerprint = fingerprints.get(name, "")
                keys = _read_content_keys(encoded, name, rows)
                source = sources.make_source(name, whose, fingerprint)
                modalities[name] = Modality(values, present, fingerprint, keys, source)
    return modalities


def _read_content_keys(encoded: pa.Table, name: str, rows: pa.Array) -> StringArray | None:
    """Return the content key of each row's vector, empty where there is none.

    None for tables without keys.
    """
    if f"{name}_key" not in encoded.column_names:
        return None
    return _to_strings(pa.chunked_array([encoded[f"{name}_key"].combine_chunks().take(rows)]))


def _decode_vectors(lists: pa.ListArray) -> tuple[FloatArray, BoolArray]:
    """Return vectors `(n, d) float32` of the longest width found, and `(n,) bool` which rows have one.

    Null vectors, shorter ones and those with a value that is not finite count as missing and are 0.
    """
    lengths = _to_floats(pc.list_value_length(lists))
    width = int(np.nanmax(lengths, initial=0))
    present = lengths == width if width else np.zeros(len(lists), bool)
    values = np.zeros((len(lists), width), np.float32)
    # Lists of one length can be flattened and reshaped without a Python loop.
    kept = lists.filter(pa.array(present))
    values[present] = _to_floats(kept.flatten()).reshape(len(kept), width)
    present &= np.isfinite(values).all(axis=1)
    values[~present] = 0
    return values, present


def _align_rows(table: pa.Table, key: str, ids: pa.ChunkedArray, columns: tuple[str, ...]) -> FloatArray:
    """Return `(ids, columns) float32` of the rows with these ids; NaN where there is no row or no value."""
    rows = pc.index_in(ids, table[key].cast(pa.string()).combine_chunks()).combine_chunks()
    matrix = np.empty((len(ids), len(columns)), np.float32)
    for place, name in enumerate(columns):
        matrix[:, place] = _to_floats(table[name].combine_chunks().take(rows))
    return matrix


def index_ids(ids: pa.ChunkedArray, known: StringArray) -> IntArray:
    """Return `(ids,) int64`: the index of each id among the known ids, -1 where it is not among them.

    Args:
        ids: Ids to look up.
        known: `(n,) str`, distinct.
    """
    found = pc.index_in(ids.cast(pa.string()), pa.array(known.tolist(), pa.string()))
    return _to_ints(pc.fill_null(found, -1))


def _to_ints(values: pa.ChunkedArray | pa.Array) -> IntArray:
    """Return `int64`; there must be no null."""
    # An `Array` of booleans or with nulls refuses its default, `zero_copy_only=True`.
    return np.asarray(
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(), np.int64
    )


def _to_floats(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Return `float32`, NaN for null."""
    filled = pc.fill_null(values.cast(pa.float32()), float("nan"))
    return np.array(
        filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
    )


def _to_flags(values: pa.ChunkedArray) -> BoolArray:
    """Return `bool`, False for null."""
    return np.asarray(pc.fill_null(values, False).to_numpy(), bool)


def _to_strings(values: pa.ChunkedArray) -> StringArray:
    """Return `str`, empty for null."""
    return np.array(pc.fill_null(values.cast(pa.string()), "").to_pylist(), dtype=str)


def _to_seconds(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return seconds since 1970 UTC of dates or timestamps, 0 for null."""
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    micros = values.cast(pa.timestamp("us", zone)).cast(pa.int64())
    return _to_ints(pc.fill_null(micros, 0)) // 1_000_000
