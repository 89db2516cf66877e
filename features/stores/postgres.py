"""Feast's PostgreSQL online store with one physical row per entity, loaded by binary COPY.

As in `features.stores.sqlite`, Feast reads from a SQL view with the name and columns of its own table.
COPY's format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
from feast import Entity, FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.postgres_online_store.postgres import (
    PostgreSQLOnlineStore,
    PostgreSQLOnlineStoreConfig,
)
from feast.infra.utils.postgres.connection_utils import _get_conn, _get_connection_pool
from feast.infra.utils.postgres.postgres_config import ConnectionType
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import make_tzaware
from psycopg import Connection, Cursor, sql

from features.stores.columns import (
    ColumnWriter,
    convert_timestamps,
    encode_column,
    encode_entity_key,
    encode_entity_keys,
)

Rows = list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]]
FIXED_COLUMNS = ("entity_key", "event_ts", "created_ts")
"""Columns of every table before those of its features."""
SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
pack_length = struct.Struct(">i").pack
NULL_FIELD = pack_length(-1)
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Start of PostgreSQL's timestamps."""
CHUNK_ROWS = 5_000
"""Rows passed to COPY at a time."""


class FastPostgreSQLOnlineStoreConfig(PostgreSQLOnlineStoreConfig):
    """Configuration of Feast's PostgreSQL store; vector search is not supported."""

    type: Literal["features.stores.postgres.FastPostgreSQLOnlineStore"] = (
        "features.stores.postgres.FastPostgreSQLOnlineStore"
    )


class FastPostgreSQLOnlineStore(PostgreSQLOnlineStore, ColumnWriter):
    """An online store that writes one row per entity and reads as `PostgreSQLOnlineStore` does."""

    # Feast's attributes; its modules are not read for types.
    _conn: Connection[Any] | None
    _conn_pool: Any

    def write_columns(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> None:
        """Upsert one row per entity, in one transaction."""
        source = view.batch_source
        assert source is not None
        columns = [(column.name, rows.column(column.name)) for column in view.entity_columns]
        created = source.created_timestamp_column
        fields = [
            map(_encode_field, encode_entity_keys(columns, config.entity_key_serialization_version)),
            convert_timestamps(rows.column(source.timestamp_field), _encode_timestamp_field),
            convert_timestamps(rows.column(created), _encode_timestamp_field)
            if created
            else [NULL_FIELD] * rows.num_rows,
            *(
                encode_column(rows.column(f.name), f.dtype.to_value_type(), _encode_field)
                for f in view.features
            ),
        ]
        self._upsert(config, view, [feature.name for feature in view.features], zip(*fields, strict=True))

    def delete_entity(self, config: RepoConfig, view: FeatureView, value: str) -> int:
        """Delete what the view says about one entity, and rewrite the table."""
        key = encode_entity_key(view, value, config.entity_key_serialization_version)
        wide = sql.Identifier(_name_wide_table(_get_view_name(config, view)))
        with self._get_conn(config, autocommit=True) as connection:
            statement = sql.SQL("DELETE FROM {} WHERE entity_key = %s").format(wide)
            found = connection.execute(statement, (key,)).rowcount
            connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(wide))
        return int(found)

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: Rows, progress: Callable[[int], Any] | None
    ) -> None:
        """Upsert rows that Feast pushes; features that a row does not name keep their values."""
        version = config.entity_key_serialization_version
        shapes: dict[tuple[str, ...], dict[bytes, tuple[bytes, ...]]] = {}
        for key, values, event_time, created_time in data:
            packed = serialize_entity_key(key, version)
            messages = (_encode_field(value.SerializeToString()) for value in values.values())
            row = (
                _encode_field(packed),
                _encode_timestamp_field(event_time),
                _encode_timestamp_field(created_time) if created_time else NULL_FIELD,
                *messages,
            )
            shapes.setdefault(tuple(values), {})[packed] = row
        for names, rows in shapes.items():
            self._upsert(config, table, names, rows.values())
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
        if config.online_store.vector_enabled:
            raise ValueError("searching by vector needs Feast's own store: online_store.type: postgres")
        schema = config.online_store.db_schema
        with self._get_conn(config) as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            for table in tables_to_delete:
                _drop_table_and_view(cursor, _get_view_name(config, table))
            for table in tables_to_keep:
                _create_table_and_view(
                    cursor,
                    schema,
                    _get_view_name(config, table),
                    [feature.name for feature in table.features],
                )

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]) -> None:  # noqa: ARG002
        """Drop the tables of all views."""
        with self._get_conn(config) as connection, connection.transaction(), connection.cursor() as cursor:
            for table in tables:
                _drop_table_and_view(cursor, _get_view_name(config, table))

    @contextlib.contextmanager
    def _get_conn(self, config: RepoConfig, autocommit: bool = False) -> Iterator[Connection[Any]]:
        """Yield a connection, as Feast's method does, which rejects a configuration of another `type`."""
        if config.online_store.conn_type == ConnectionType.pool:
            if not self._conn_pool:
                self._conn_pool = _get_connection_pool(config.online_store)
                self._conn_pool.open()
            with self._conn_pool.connection() as connection:
                connection.set_autocommit(autocommit)
                yield connection
            return
        if not self._conn or self._conn.closed:
            self._conn = _get_conn(config.online_store)
        self._conn.set_autocommit(autocommit)
        yield self._conn

    def _upsert(
        self, config: RepoConfig, view: FeatureView, names: Sequence[str], rows: Iterable[tuple[bytes, ...]]
    ) -> None:
        """COPY rows of binary fields into a temporary table, then upsert them from there."""
        wide = sql.Identifier(_name_wide_table(_get_view_name(config, view)))
        columns = sql.SQL(", ").join(map(sql.Identifier, (*FIXED_COLUMNS, *names)))
        changes = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in (*FIXED_COLUMNS[1:], *names)
        )
        with self._get_conn(config) as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE TEMP TABLE arriving ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
                    columns, wide
                )
            )
            with cursor.copy(
                sql.SQL("COPY arriving ({}) FROM STDIN (FORMAT BINARY)").format(columns)
            ) as copy:
                for chunk in _pack_rows(rows, len(FIXED_COLUMNS) + len(names)):
                    copy.write(chunk)
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {} ({}) SELECT * FROM arriving ON CONFLICT (entity_key) DO UPDATE SET {}"
                ).format(wide, columns, changes)
            )


def _pack_rows(rows: Iterable[tuple[bytes, ...]], width: int) -> Iterator[bytes]:
    """Yield rows of fields in COPY's binary format, in chunks."""
    head = struct.pack(">h", width)
    waiting = [SIGNATURE]
    for row in rows:
        waiting.append(head)
        waiting += row
        if len(waiting) > CHUNK_ROWS * width:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join((*waiting, TRAILER))


def _encode_field(content: bytes) -> bytes:
    """Return a field of COPY's format: its length, then its bytes."""
    return pack_length(len(content)) + content


def _encode_timestamp_field(time: datetime) -> bytes:
    """Return a timestamp as a field: its length, then microseconds since 2000, UTC."""
    elapsed = make_tzaware(time) - POSTGRES_EPOCH
    return struct.pack(">iq", 8, (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds)


def _create_table_and_view(cursor: Cursor[Any], schema: str, name: str, features: Sequence[str]) -> None:
    """Create the wide table with a column per feature, and the SQL view with the rows that Feast reads."""
    wide, shown = sql.Identifier(_name_wide_table(name)), sql.Identifier(name)
    cursor.execute("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s", (schema, name))
    if cursor.fetchone():
        # A table of Feast's own store would block the view's name; the next materialization fills the new
        # table.
        cursor.execute(sql.SQL("DROP TABLE {}").format(shown))
    cursor.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (entity_key bytea PRIMARY KEY, event_ts timestamptz, created_ts "
            "timestamptz)"
        ).format(wide)
    )
    for feature in features:
        column = sql.Identifier(feature)
        cursor.execute(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} bytea").format(wide, column))
    values = sql.SQL(", ").join(
        sql.SQL("({}, wide.{})").format(sql.Literal(feature), sql.Identifier(feature)) for feature in features
    )
    cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(shown))
    cursor.execute(
        sql.SQL(
            "CREATE VIEW {} AS SELECT wide.entity_key, feature.feature_name, feature.value, NULL::text AS "
            "value_text, NULL::bytea AS vector_value, wide.event_ts, wide.created_ts FROM {} AS wide CROSS "
            "JOIN LATERAL (VALUES {}) AS feature(feature_name, value) WHERE feature.value IS NOT NULL"
        ).format(shown, wide, values)
    )


def _drop_table_and_view(cursor: Cursor[Any], name: str) -> None:
    """Drop the table and the SQL view of a feature view."""
    cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(name)))
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(_name_wide_table(name))))


def _get_view_name(config: RepoConfig, view: FeatureView) -> str:
    """Return the name under which Feast reads a feature view."""
    return compute_table_id(config.project, view, config.registry.enable_online_feature_view_versioning)


def _name_wide_table(name: str) -> str:
    """Return the name of the wide table behind a SQL view."""
    return f"{name}__wide"
