"""Feast's SQLite online store with one physical row per entity instead of one per value.

Feast reads `entity_key, feature_name, value, event_ts` from a relation named after the feature view. Here
that relation is a SQL view over a table with a column per feature: Feast's unmodified code reads it, while
writing updates one B-tree once per entity instead of three B-trees per value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
from feast import Entity, FeatureView
from feast.infra.infra_object import InfraObject
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import to_naive_utc

from features.stores.columns import (
    ColumnWriter,
    convert_timestamps,
    encode_column,
    encode_entity_key,
    encode_entity_keys,
)

Rows = list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]]


class FastSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """Configuration of Feast's SQLite store; vector and text search are not supported."""

    type: Literal["features.stores.sqlite.FastSqliteOnlineStore"] = (
        "features.stores.sqlite.FastSqliteOnlineStore"
    )


class FastSqliteOnlineStore(SqliteOnlineStore, ColumnWriter):
    """An online store that writes one row per entity and reads as `SqliteOnlineStore` does."""

    def write_columns(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> None:
        """Upsert one row per entity, in one transaction."""
        source = view.batch_source
        assert source is not None
        names = [feature.name for feature in view.features]
        keys = encode_entity_keys(
            [(column.name, rows.column(column.name)) for column in view.entity_columns],
            config.entity_key_serialization_version,
        )
        event_times = convert_timestamps(rows.column(source.timestamp_field), _to_stored_time)
        created = source.created_timestamp_column
        created_times = (
            convert_timestamps(rows.column(created), _to_stored_time) if created else [None] * rows.num_rows
        )
        values = [
            encode_column(rows.column(feature.name), feature.dtype.to_value_type())
            for feature in view.features
        ]
        self._upsert(config, view, names, zip(keys, event_times, created_times, *values, strict=True))

    def delete_entity(self, config: RepoConfig, view: FeatureView, value: str) -> int:
        """Delete what the view says about one entity, and rewrite the file."""
        key = encode_entity_key(view, value, config.entity_key_serialization_version)
        table = _quote(_name_wide_table(_get_view_name(config, view)))
        connection = self._get_conn(config)
        with connection:
            found = connection.execute(f"DELETE FROM {table} WHERE entity_key = ?", (key,)).rowcount  # noqa: S608 - names are declared by us, values are parameters
        connection.execute("VACUUM")  # the deleted bytes would stay in the file's free pages
        return int(found)

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: Rows, progress: Callable[[int], Any] | None
    ) -> None:
        """Upsert rows that Feast pushes; features that a row does not name keep their values."""
        version = config.entity_key_serialization_version
        shapes: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for key, values, event_time, created_time in data:
            messages = (value.SerializeToString() for value in values.values())
            row = (
                serialize_entity_key(key, version),
                _to_stored_time(event_time),
                created_time and _to_stored_time(created_time),
                *messages,
            )
            shapes.setdefault(tuple(values), []).append(row)
        for names, rows in shapes.items():
            self._upsert(config, table, list(names), rows)
        if progress:
            progress(len(data))

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],  # noqa: ARG002
        entities_to_keep: Sequence[Entity],  # noqa: ARG002
        partial: bool,  # noqa: ARG002
    ) -> None:
        """Create, widen or drop the tables of the feature views."""
        if config.online_store.vector_enabled or config.online_store.text_search_enabled:
            raise ValueError("searching by vector or text needs Feast's own store: online_store.type: sqlite")
        connection = self._get_conn(config)
        with connection:
            for table in tables_to_delete:
                _drop_table_and_view(connection, _get_view_name(config, table))
            for table in tables_to_keep:
                _create_table_and_view(
                    connection, _get_view_name(config, table), [feature.name for feature in table.features]
                )

    def plan(self, config: RepoConfig, desired_registry_proto: Registry) -> list[InfraObject]:  # noqa: ARG002
        """Return no objects: `update` creates the tables."""
        return []

    def _upsert(
        self, config: RepoConfig, view: FeatureView, names: Sequence[str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Insert rows, or replace the named columns of entities that are stored already."""
        columns = ["entity_key", "event_ts", "created_ts", *(_quote_column(name) for name in names)]
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
        statement = (
            f"INSERT INTO {_quote(_name_wide_table(_get_view_name(config, view)))} ({', '.join(columns)}) "  # noqa: S608 - names are declared by us, values are parameters
            f"VALUES ({', '.join('?' * len(columns))}) ON CONFLICT(entity_key) DO UPDATE SET {changes}"
        )
        connection = self._get_conn(config)
        # The file is a cache of the lake and is written again after a power failure, so there is no waiting
        # for the disk.
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            connection.executemany(statement, rows)


def _create_table_and_view(connection: sqlite3.Connection, name: str, features: Sequence[str]) -> None:
    """Create the wide table with a column per feature, and the SQL view with the rows that Feast reads."""
    kinds = dict(
        connection.execute(
            "SELECT name, type FROM sqlite_master WHERE name IN (?, ?)", (name, _name_wide_table(name))
        )
    )
    if kinds.get(name) == "table":
        # A table of Feast's own store would block the view's name; the next materialization fills the new
        # table.
        connection.execute(f"DROP TABLE {_quote(name)}")
    wide = _quote(_name_wide_table(name))
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {wide} "
        "(entity_key BLOB PRIMARY KEY, event_ts timestamp, created_ts timestamp) WITHOUT ROWID"
    )
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({wide})")}
    for feature in features:
        if feature not in present:
            connection.execute(f"ALTER TABLE {wide} ADD COLUMN {_quote_column(feature)} BLOB")
    values = ", ".join(f"({number}, '{feature}')" for number, feature in enumerate(features))
    cases = " ".join(f"WHEN {number} THEN wide.{_quote_column(name)}" for number, name in enumerate(features))
    connection.execute(f"DROP VIEW IF EXISTS {_quote(name)}")
    connection.execute(
        f"CREATE VIEW {_quote(name)} AS "  # noqa: S608 - names are declared by us, values are parameters
        f"WITH feature(number, name) AS (VALUES {values}) "
        f"SELECT wide.entity_key AS entity_key, feature.name AS feature_name, "
        f"CASE feature.number {cases} END AS value, NULL AS value_text, NULL AS vector_value, "
        f"wide.event_ts AS event_ts, wide.created_ts AS created_ts FROM {wide} AS wide CROSS JOIN feature "
        f"WHERE CASE feature.number {cases} END IS NOT NULL"
    )


def _drop_table_and_view(connection: sqlite3.Connection, name: str) -> None:
    """Drop the table and the SQL view of a feature view."""
    connection.execute(f"DROP VIEW IF EXISTS {_quote(name)}")
    connection.execute(f"DROP TABLE IF EXISTS {_quote(_name_wide_table(name))}")


def _get_view_name(config: RepoConfig, view: FeatureView) -> str:
    """Return the name under which Feast reads a feature view."""
    return compute_table_id(config.project, view, config.registry.enable_online_feature_view_versioning)


def _name_wide_table(name: str) -> str:
    """Return the name of the wide table behind a SQL view."""
    return f"{name}__wide"


def _quote(name: str) -> str:
    """Quote a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _quote_column(feature: str) -> str:
    """Return the column of a feature, as a SQL identifier."""
    return _quote(feature)


def _to_stored_time(time: datetime) -> int:
    """Convert a time to the integer that Feast's SQLite converter turns back into naive UTC."""
    return int(to_naive_utc(time).timestamp())
