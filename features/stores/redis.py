"""Feast's Redis online store with commands encoded in bulk.

Feast's layout is kept: a hash per entity, with a field per feature and one for the event's timestamp. Each
distinct value of a column is encoded once in Redis's protocol, and the fields of an entity are joined to one
command. Protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, Literal

import pyarrow as pa
from feast import FeatureView
from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType
from feast.repo_config import RepoConfig
from feast.utils import _convert_arrow_to_proto
from google.protobuf.timestamp_pb2 import Timestamp

from features.stores.columns import (
    ColumnWriter,
    convert_timestamps,
    encode_column,
    encode_entity_key,
    encode_entity_keys,
)

STORED_FIELD_SCRIPT = (
    b"local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('HGET', k, ARGV[1]) end return r"
)
"""Lua script that returns one field of many hashes in one reply."""

COMMANDS_PER_BATCH = 2_000
"""Commands sent before their replies are read; bounds what client and server hold in memory."""


class FastRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """Configuration of Feast's store, without additions."""

    type: Literal["features.stores.redis.FastRedisOnlineStore"] = "features.stores.redis.FastRedisOnlineStore"


class FastRedisOnlineStore(RedisOnlineStore, ColumnWriter):
    """A Redis online store that writes whole columns; to a cluster it writes as Feast does."""

    def write_columns(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> None:
        """Set each entity's hash, except where the stored timestamp is not older than the row's."""
        # In a cluster every key may be on another server, so commands cannot be sent in bulk over one
        # connection.
        if config.online_store.redis_type == RedisType.redis_cluster:
            kinds = {column.name: column.dtype.to_value_type() for column in view.entity_columns}
            self.online_write_batch(config, view, _convert_arrow_to_proto(rows, view, kinds), None)
            return
        source = view.batch_source
        assert source is not None
        name = compute_versioned_name(view, config.registry.enable_online_feature_view_versioning)
        stamp = f"_ts:{name}".encode()
        keys = self._encode_keys(config, view, rows)
        times = rows.column(source.timestamp_field)
        if not config.online_store.skip_dedup:
            newer = self._find_newer(config, keys, stamp, convert_timestamps(times, _serialize_time))
            rows, keys = (
                rows.filter(pa.array(newer, pa.bool_())),
                [k for k, new in zip(keys, newer, strict=True) if new],
            )
            times = rows.column(source.timestamp_field)
        columns = [
            convert_timestamps(
                times, lambda time: _encode_hash_field(_encode_bulk_string(stamp), _serialize_time(time))
            )
        ]
        for feature in view.features:
            field = _encode_bulk_string(_mmh3(f"{name}:{feature.name}"))
            frame = partial(_encode_hash_field, field)
            columns.append(encode_column(rows.column(feature.name), feature.dtype.to_value_type(), frame))
        head = b"*%d\r\n$4\r\nHSET\r\n" % (2 + 2 * len(columns))
        commands = [
            b"".join((head, _encode_bulk_string(key), *fields))
            for key, *fields in zip(keys, *columns, strict=True)
        ]
        seconds = config.online_store.key_ttl_seconds
        if seconds:
            commands += [_encode_command(b"EXPIRE", key, b"%d" % seconds) for key in keys]
        self._send(config, commands)

    def delete_entity(self, config: RepoConfig, view: FeatureView, value: str) -> int:
        """Delete the entity's hash, which holds all views of the entity."""
        key = encode_entity_key(view, value, config.entity_key_serialization_version)
        return int(self._send(config, [_encode_command(b"DEL", key + config.project.encode())])[0])

    def _encode_keys(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> list[bytes]:
        """Return the key of each entity's hash."""
        columns = [(column.name, rows.column(column.name)) for column in view.entity_columns]
        project = config.project.encode()
        return [key + project for key in encode_entity_keys(columns, config.entity_key_serialization_version)]

    def _find_newer(
        self, config: RepoConfig, keys: list[bytes], stamp: bytes, given: list[bytes]
    ) -> list[bool]:
        """Return for each row whether its timestamp is newer than the stored one."""
        starts = range(0, len(keys), COMMANDS_PER_BATCH)
        chunks = (keys[start : start + COMMANDS_PER_BATCH] for start in starts)
        requests = [
            _encode_command(b"EVAL", STORED_FIELD_SCRIPT, b"%d" % len(chunk), *chunk, stamp)
            for chunk in chunks
        ]
        stored = chain.from_iterable(self._send(config, requests))
        return [
            old is None or (old != new and _parse_nanoseconds(old) < _parse_nanoseconds(new))
            for old, new in zip(stored, given, strict=True)
        ]

    def _send(self, config: RepoConfig, commands: Sequence[bytes]) -> list[Any]:
        """Send commands and return their replies, in order.

        Raises:
            redis.ResponseError: If the server refuses one.
        """
        pool = self._get_client(config.online_store).connection_pool
        connection = pool.get_connection()
        answers = []
        try:
            for start in range(0, len(commands), COMMANDS_PER_BATCH):
                batch = commands[start : start + COMMANDS_PER_BATCH]
                connection.send_packed_command([b"".join(batch)])
                answers += [connection.read_response(disable_decoding=True) for _ in batch]
        except BaseException:
            connection.disconnect()  # unread replies would be taken for those of the next command
            raise
        finally:
            pool.release(connection)
        return answers


def _encode_bulk_string(content: bytes) -> bytes:
    """Encode a bulk string of Redis's protocol."""
    return b"$%d\r\n%b\r\n" % (len(content), content)


def _encode_hash_field(name: bytes, content: bytes) -> bytes:
    """Encode a field of a hash; the name is already encoded."""
    return b"%b$%d\r\n%b\r\n" % (name, len(content), content)


def _encode_command(*parts: bytes) -> bytes:
    """Encode a command."""
    return b"*%d\r\n" % len(parts) + b"".join(map(_encode_bulk_string, parts))


def _serialize_time(time: datetime) -> bytes:
    """Serialize a time as Feast stores it."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp.SerializeToString()


def _parse_nanoseconds(stamp: bytes) -> int:
    """Return a stored time in nanoseconds since 1970."""
    return Timestamp.FromString(stamp).ToNanoseconds()
